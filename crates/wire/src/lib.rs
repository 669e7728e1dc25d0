//! The gRPC wire: code generated from `proto/`, conversions, and the settings of the transport.
//!
//! [`v1`] is the generated package `ottla.v1`; `proto/ottla/v1` is its documentation and its source
//! (`cargo run -p ottla-xtask -- generate`). Then read [`error`] (how errors travel), [`convert`] (our
//! words as numbers), [`codec`] and [`transport`] (the settings of both
//! ends), [`frames`] (the two streams that move batches, framed by hand), [`budget`] (what all requests
//! together may take).

pub mod budget;
pub mod codec;
pub mod convert;
pub mod error;
pub mod frames;
pub mod transport;

pub use budget::{Budget, Charge};
pub use error::{LeaderHint, RichError, Violation};

/// The package `ottla.v1`, generated: messages, clients and servers.
#[allow(missing_docs, unreachable_pub, clippy::all, clippy::too_many_lines)]
pub mod v1 {
    include!("gen/ottla.v1.rs");
}

/// The descriptors of every message and service, encoded as a `google.protobuf.FileDescriptorSet`.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!("gen/ottla.v1.bin");
