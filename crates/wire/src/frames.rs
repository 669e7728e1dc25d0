//! gRPC messages framed by hand, for the two streams that move batches.
//!
//! tonic gathers every message in one buffer before it is sent, and grows a buffer to whatever length a
//! peer declares. Here, [`FramedBody`] sends the chunks of a fetch as they are in memory, and
//! [`Messages`] keeps what has arrived as a list, holds no more than has arrived, and copies a batch
//! once, into an allocation of its own size, so that no batch keeps a network buffer alive. The bytes
//! on the wire are those of any gRPC client and server.

mod body;
pub mod client;
mod message;
mod reader;
mod tests;

pub use body::{FramedBody, response};
pub use message::Message;
pub use reader::Messages;

/// The compression flag and the length before every message.
const PREFIX_BYTES: usize = 5;
