//! The project's rules as code.
