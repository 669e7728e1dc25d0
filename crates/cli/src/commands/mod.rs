//! What the commands do, one file each.

pub mod bench;
pub mod cluster;
pub mod completions;
pub mod config;
pub mod consume;
pub mod doctor;
pub mod environment;
pub mod produce;
pub mod serve;
pub mod time;
pub mod top;
pub mod topic;
