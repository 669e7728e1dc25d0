//! The controller's rules: decide returns records and a response, replay is the only mutator.
