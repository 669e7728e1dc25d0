//! The project's rules as code.

use std::path::PathBuf;

pub mod generate;

/// The top of the repository.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}
