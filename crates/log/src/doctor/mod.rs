//! Looking at a data directory offline: what is there, what is wrong with it, what can be done.
//!
//! The doctor reads the formats by itself: it shares the layouts with recovery and not one step of
//! how recovery works, so that each can be held against the other in tests.
//!
//! ```text
//!   superblock ─> checkpoint ─> journal (rounds from the checkpoint on) ─┐
//!                     └────> streams ── operations after the checkpoint ─┴─> content = files + overlay
//!                                        walk every batch: order, CRC, epochs, producers
//!                                        compare indexes and snapshots with what the walk rebuilt
//! ```
//!
//! [`examine`] changes nothing. [`repair`] does one thing, which its caller has confirmed, and only
//! what a finding offered.
//!
//! Read in this order: [`report`] (what is said), `journal`, `content` and `walk` (how a stream is put
//! together and checked), `beside` (the files beside a segment), [`repair`].

mod beside;
mod content;
mod examine;
mod journal;
mod repair;
pub mod report;
mod walk;

pub use examine::examine;
pub use repair::{RepairError, repair};

pub use report::{Finding, Repair, Report, Severity, StreamFacts};
