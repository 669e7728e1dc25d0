//! The project's rules as code, and the code that writes code.
//!
//! Rules, run as tests by `cargo test -p ottla-xtask`: [`layers`] (which crate may use which), [`tidy`] (what a source
//! file owes its reader), [`docs`] (links and descriptions), [`licences`] (what may be built on). Then [`generate`],
//! which turns `proto/` into the wire crate's code, by `cargo run -p ottla-xtask -- generate`.

pub mod docs;
pub mod generate;
pub mod layers;
pub mod licences;
pub mod tidy;

use std::path::PathBuf;

/// The top of the repository.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}
