//! The session against scripts.
