//! Kafka's protocol, as far as this door speaks it: frames, headers, messages in all their versions,
//! and the table of what is advertised.
//!
//! Pure: no socket, no clock, no topic. Text and records are lent from the frame or shared with it,
//! never copied; nothing is allocated because a length says so (see [`reader`]).
//!
//! Read in this order: [`frame`] (what surrounds a message), [`apis`] (what is advertised, by hand),
//! [`messages`] (one file an API, as tables), [`schema`] (how a table becomes code), [`field`] (what a
//! field may be), [`reader`] and [`writer`] (bytes), [`codes`] (Kafka's errors), [`error`]; and
//! [`reencode`] for those who test.
//!
//! # Non-obvious
//! - A message is written and read by the same table, so that a test can be either side. What proves
//!   the tables is not that they agree with themselves but the vectors in `tests/`, which Kafka wrote.
//! - A field that a version does not have is left out when written and has its default when read.

pub mod apis;
pub mod codes;
pub mod error;
pub mod field;
pub mod frame;
pub mod reader;
#[macro_use]
pub mod schema;
pub mod messages;
pub mod reencode;
pub mod writer;

pub use apis::{ADVERTISED, Api, ApiKey};
pub use codes::ErrorCode;
pub use error::CodecError;
pub use field::{Records, Str, Uuid};
pub use frame::{RequestHead, ResponseHead};
pub use schema::Message;
