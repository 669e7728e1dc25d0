//! The gRPC door of a real server, over loopback.

mod drain;
mod errors;
mod fetch;
mod hostile;
mod limits;
mod patience;
mod peer;
mod produce;
mod support;
mod topics;
