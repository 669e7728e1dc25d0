//! The storage log: journal, segments, indexes, recovery and retention over the `Storage` seam.

#![forbid(unsafe_code)]

pub mod storage;
