//! Requests and answers, one file an API: the tables of Kafka 4.3's own schemas. The names are the
//! protocol's, where a person who knows Kafka looks for them.

#![allow(missing_docs, reason = "Kafka's message schemas say what each field means")]

#[allow(unused_imports, reason = "every table sees the same words")]
use std::borrow::Cow;

use crate::field::{Records, Str, Uuid};

pub mod alter_configs;
pub mod api_versions;
pub mod create_partitions;
pub mod create_topics;
pub mod delete_records;
pub mod delete_topics;
pub mod describe_cluster;
pub mod describe_configs;
pub mod describe_log_dirs;
pub mod describe_producers;
pub mod describe_quorum;
pub mod describe_topic_partitions;
pub mod elect_leaders;
pub mod fetch;
pub mod find_coordinator;
pub mod incremental_alter_configs;
pub mod init_producer_id;
pub mod list_offsets;
pub mod list_partition_reassignments;
pub mod metadata;
pub mod offset_for_leader_epoch;
pub mod produce;
pub mod update_features;
