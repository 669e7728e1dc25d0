//! The machine against scenarios and against a modelled broker.
