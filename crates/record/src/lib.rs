//! The record batch: Kafka's RecordBatch v2, byte for byte, on the wire of both doors, in
//! replication and on disk. A batch is encoded once by its producer, checked once by the leader, and
//! stored and served as it came.
//!
//! Read in this order: [`layout`] (the bytes, drawn), [`attributes`], [`header`] (61 bytes, decoded),
//! [`view`] and [`walk`] (one batch and its records without a copy), [`batches`] (many of them),
//! [`rules`] and [`validate`](mod@validate) (what a leader accepts), [`stamp`] (what it appends),
//! [`builder`] (how a producer makes one), [`compression`] (the codecs and their budget),
//! [`mod@renumber`] (a batch under other numbers), [`partitioner`] (Kafka's default), [`error`].
//!
//! The crate knows no topics, clocks or files. Nothing in it is allocated because a length says so.

pub mod attributes;
pub mod batches;
pub mod builder;
pub mod compression;
mod crc;
pub mod error;
pub mod header;
pub mod layout;
pub mod partitioner;
mod reader;
pub mod renumber;
pub mod rules;
pub mod stamp;
pub mod validate;
pub mod varint;
pub mod view;
pub mod walk;

pub use attributes::{Attributes, TimestampType};
pub use batches::Batches;
pub use builder::{BatchBuilder, BatchOptions, FilledBuffer};
pub use compression::{Compression, Scratch};
pub use crc::crc32c;
pub use error::{BatchError, RecordFault};
pub use header::BatchHeader;
pub use layout::{HEAD_BYTES, HEADER_BYTES};
pub use renumber::renumber;
pub use rules::{BatchRules, Origin, TimestampRules, TimestampSpans};
pub use stamp::StampedBatch;
pub use validate::{CheckedBatch, validate, validate_with};
pub use view::BatchView;
pub use walk::{Headers, NO_HEADERS, RecordHeader, RecordView, RecordWalk};
