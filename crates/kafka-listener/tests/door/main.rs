//! The door from outside: raw frames over a socket, against a whole server.

mod fetch;
mod frames;
mod log;
mod memory;
mod offsets;
mod produce;
mod support;
mod topics;
mod versions;
