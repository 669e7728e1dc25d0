//! What a number may be: neither so small that nothing works, nor so large that nothing bounds anything.

use std::fmt::Display;
use std::time::Duration;

use ottla_model::limits::{BLOCK_BYTES, ROUND_BYTES_MAX, TOPIC_PARTITIONS_MAX};
use ottla_model::{ByteCount, GIB, KIB, MIB};

use super::ServerConfig;
use crate::memory::MEMORY_MIN;

const SECOND: Duration = Duration::from_secs(1);
const YEAR: Duration = Duration::from_secs(31_557_600);
const TIB: u64 = 1024 * GIB;

/// The first setting that is out of its bounds.
pub(super) fn check(config: &ServerConfig) -> Result<(), String> {
    let ServerConfig { log, topics, grpc_limits, kafka_limits, .. } = config;
    within("broker_id", config.broker_id, 0, i32::MAX)?;
    span("drain_timeout", config.drain_timeout, Duration::ZERO, YEAR)?;
    for (name, amount, least, most) in [
        ("log.round_bytes_max", log.round_bytes_max, 64 * KIB, 16 * ROUND_BYTES_MAX),
        ("log.journal_bytes_start", log.journal_bytes_start, BLOCK_BYTES, GIB),
        ("log.journal_bytes_max", log.journal_bytes_max, MIB, TIB),
        ("log.room_reserve_bytes", log.room_reserve_bytes, 0, 1024 * TIB),
    ] {
        within(name, amount, ByteCount(least), ByteCount(most))?;
    }
    for (name, amount, least, most) in [
        ("memory_max", config.memory_max, MEMORY_MIN.0, 1024 * TIB),
        ("log.unfilled_bytes_max", log.unfilled_bytes_max, MIB, TIB),
        ("log.tail_cache_bytes", log.tail_cache_bytes, 0, TIB),
        ("grpc_limits.request_bytes_max", grpc_limits.request_bytes_max, MIB, TIB),
        ("grpc_limits.receive_bytes_max", grpc_limits.receive_bytes_max, MIB, TIB),
        ("grpc_limits.answer_bytes_max", grpc_limits.answer_bytes_max, MIB, TIB),
        ("kafka_limits.request_bytes_max", kafka_limits.request_bytes_max, 17 * MIB, TIB),
        ("kafka_limits.answer_bytes_max", kafka_limits.answer_bytes_max, 17 * MIB, TIB),
    ] {
        let amount = amount.unwrap_or(ByteCount(most));
        within(name, amount, ByteCount(least), ByteCount(most))?;
    }
    within("log.handles_max", log.handles_max, 16, 1_000_000)?;
    span("log.relaxed_flush_max", log.relaxed_flush_max, SECOND / 1000, 3600 * SECOND)?;
    span("log.retention_interval", log.retention_interval, SECOND / 10, YEAR)?;
    span("log.producer_expiry", log.producer_expiry, SECOND, YEAR)?;
    within("topics.partitions", topics.partitions, 1, TOPIC_PARTITIONS_MAX)?;
    within("grpc_limits.streams_max", grpc_limits.streams_max, 1, 1_000_000)?;
    within("grpc_limits.connections_max", grpc_limits.connections_max, 1, 1_000_000)?;
    within("grpc_limits.calls_max", grpc_limits.calls_max, 1, 100_000_000)?;
    span("grpc_limits.idle_max", grpc_limits.idle_max, SECOND, YEAR)
}

fn within<T: PartialOrd + Display>(name: &str, value: T, least: T, most: T) -> Result<(), String> {
    if value < least || value > most {
        return Err(format!("`{name} = {value}`: write {least} to {most}"));
    }
    Ok(())
}

fn span(name: &str, value: Duration, least: Duration, most: Duration) -> Result<(), String> {
    let shown = humantime::format_duration;
    if value < least || value > most {
        let (least, most) = (shown(least), shown(most));
        return Err(format!("`{name} = {}`: write {least} to {most}", shown(value)));
    }
    Ok(())
}
