//! One ceiling for the memory of the process, divided over everything that holds much of it.
//!
//! ```text
//!   memory_max ─┬─ the process itself: code, threads, their buffers, what the allocator keeps   a quarter, 96 to 256 MiB
//!               ├─ unfilled bytes       two parts of the rest ┐
//!               ├─ tail cache           one part              │ each no more than it is good for,
//!               ├─ gRPC requests        one part              │ and what is set is taken as it is set
//!               ├─ gRPC receive windows one part              │
//!               ├─ gRPC answers         one part              │
//!               └─ Kafka's requests and answers, one part each  ┘ where that door is open
//! ```
//!
//! Invariant: the parts and the process's own are within the ceiling, or the server does not start.

use std::fs;

use ottla_model::limits::{KAFKA_ANSWER_BYTES_ALL_MAX, KAFKA_REQUEST_BYTES_ALL_MAX};
use ottla_model::{ByteCount, GIB, KIB, MIB};

use crate::config::ServerConfig;

/// The smallest ceiling that can be kept.
pub(crate) const MEMORY_MIN: ByteCount = ByteCount(256 * MIB);
/// The process's own part: a quarter, within these.
const OWN_MIN: u64 = 96 * MIB;
const OWN_MAX: u64 = 256 * MIB;
/// What one HTTP/2 connection may send unasked; the protocol knows no less.
const WINDOW_MIN: u64 = 64 * KIB;

/// Every part, in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Memory {
    pub(crate) max: u64,
    pub(crate) unfilled: u64,
    pub(crate) tail_cache: u64,
    pub(crate) grpc_requests: u64,
    pub(crate) grpc_receive: u64,
    pub(crate) grpc_answers: u64,
    pub(crate) kafka_requests: u64,
    pub(crate) kafka_answers: u64,
}

/// One part, before it is known how much there is.
struct Part {
    name: &'static str,
    set: Option<ByteCount>,
    weight: u64,
    /// It does not work with less.
    least: u64,
    /// It is no better with more.
    most: u64,
}

impl Memory {
    /// Divides what this configuration allows.
    ///
    /// # Errors
    /// One sentence where what was set does not fit beneath the ceiling.
    pub(crate) fn divide(config: &ServerConfig) -> Result<Self, String> {
        let max = config.memory_ceiling().0;
        let own = (max / 4).clamp(OWN_MIN, OWN_MAX);
        let parts = parts(config);
        let set: u64 = parts.iter().filter_map(|part| part.set).map(|set| set.0).sum();
        let weights: u64 = parts.iter().filter(|part| part.set.is_none()).map(|p| p.weight).sum();
        let left = max.saturating_sub(own).checked_sub(set);
        let unit = left.map(|left| left / weights.max(1));
        let bytes = |part: &Part| match (part.set, unit) {
            (Some(set), _) => Some(set.0),
            (None, unit) => Some(unit? * part.weight).filter(|bytes| *bytes >= part.least),
        };
        let shares: Option<Vec<u64>> = parts.iter().map(bytes).collect();
        let Some(shares) = shares.filter(|_| left.is_some()) else {
            return Err(does_not_fit(max, own, &parts));
        };
        let part = |index: usize| match parts[index].set {
            Some(set) => set.0,
            None => shares[index].min(parts[index].most),
        };
        Ok(Self {
            max,
            unfilled: part(0),
            tail_cache: part(1),
            grpc_requests: part(2),
            grpc_receive: part(3),
            grpc_answers: part(4),
            kafka_requests: part(5),
            kafka_answers: part(6),
        })
    }

    /// How many gRPC connections there may be, since each may send that much unasked.
    pub(crate) fn grpc_connections(&self) -> usize {
        usize::try_from(self.grpc_receive / WINDOW_MIN).unwrap_or(usize::MAX)
    }

    /// The largest Kafka request: one that is larger than all may be would be taken all the same.
    pub(crate) fn kafka_request(&self) -> usize {
        usize::try_from(self.kafka_requests).unwrap_or(usize::MAX)
    }
}

fn parts(config: &ServerConfig) -> [Part; 7] {
    let (log, grpc, kafka) = (&config.log, &config.grpc_limits, &config.kafka_limits);
    let open = !config.kafka.0.is_empty();
    let (kafka_weight, kafka_least) = (u64::from(open), if open { 16 * MIB } else { 0 });
    let of_kafka = |set: Option<ByteCount>| set.filter(|_| open);
    let part = |name, set, weight, least, most| Part { name, set, weight, least, most };
    // For twenty thousand connections; half of that is granted beyond the smallest windows.
    let receive_most = 20_000 * WINDOW_MIN;
    [
        part("log.unfilled_bytes_max", log.unfilled_bytes_max, 2, 16 * MIB, 256 * MIB),
        part("log.tail_cache_bytes", log.tail_cache_bytes, 1, 0, 64 * MIB),
        part("grpc_limits.request_bytes_max", grpc.request_bytes_max, 1, 16 * MIB, 256 * MIB),
        part("grpc_limits.receive_bytes_max", grpc.receive_bytes_max, 1, 4 * MIB, receive_most),
        part("grpc_limits.answer_bytes_max", grpc.answer_bytes_max, 1, 4 * MIB, 256 * MIB),
        part(
            "kafka_limits.request_bytes_max",
            of_kafka(kafka.request_bytes_max),
            kafka_weight,
            kafka_least,
            KAFKA_REQUEST_BYTES_ALL_MAX,
        ),
        part(
            "kafka_limits.answer_bytes_max",
            of_kafka(kafka.answer_bytes_max),
            kafka_weight,
            kafka_least,
            KAFKA_ANSWER_BYTES_ALL_MAX,
        ),
    ]
}

fn does_not_fit(max: u64, own: u64, parts: &[Part]) -> String {
    let set = parts.iter().filter_map(|part| Some(format!("`{} = {}`", part.name, part.set?)));
    let rest: u64 = parts.iter().filter(|part| part.set.is_none()).map(|part| part.least).sum();
    let set = set.collect::<Vec<_>>().join(" and ");
    let (max, own) = (ByteCount(max), ByteCount(own + rest));
    format!(
        "`memory_max = {max}` has no room for {set} beside {own} that everything else needs at least; set less, or \
         raise memory_max"
    )
}

/// What `auto` means.
pub(crate) fn half_of_the_machine() -> ByteCount {
    let machine = machine_bytes().unwrap_or(2 * GIB);
    let container = container_bytes().unwrap_or(u64::MAX);
    ByteCount(machine.min(container) / 2).max(MEMORY_MIN)
}

/// How much memory the machine has, where it says so.
fn machine_bytes() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("MemTotal:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * KIB)
}

/// How much this container may have, as control groups of either version say it.
fn container_bytes() -> Option<u64> {
    let paths = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
    // "max" is no number, and means none.
    paths.iter().find_map(|path| fs::read_to_string(path).ok()?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn divided(settings: &[(&str, u64)]) -> Result<Memory, String> {
        let mut config = ServerConfig::default();
        for (name, mib) in settings {
            let bytes = Some(ByteCount(mib * MIB));
            match *name {
                "max" => config.memory_max = bytes,
                "unfilled" => config.log.unfilled_bytes_max = bytes,
                "tail" => config.log.tail_cache_bytes = bytes,
                "requests" => config.grpc_limits.request_bytes_max = bytes,
                "kafka" => {
                    let open = [("kafka", "127.0.0.1:0".to_owned())];
                    config.kafka = ServerConfig::load(None, [], &open).expect("it is one").kafka;
                }
                other => panic!("{other}"),
            }
        }
        Memory::divide(&config)
    }

    fn check(settings: &[(&str, u64)], expected: Expect) {
        let shown = match divided(settings) {
            Err(why) => why,
            Ok(memory) => {
                let Memory { max, unfilled, tail_cache, grpc_requests, grpc_receive, .. } = memory;
                let Memory { grpc_answers, kafka_requests, kafka_answers, .. } = memory;
                let parts = [unfilled, tail_cache, grpc_requests, grpc_receive, grpc_answers];
                let parts = parts.into_iter().chain([kafka_requests, kafka_answers]);
                let parts: Vec<u64> = parts.filter(|bytes| *bytes > 0).collect();
                assert!(parts.iter().sum::<u64>() <= max, "{memory:?}");
                let shown: Vec<u64> = parts.iter().map(|bytes| bytes / MIB).collect();
                format!("{shown:?} MiB of {} MiB", max / MIB)
            }
        };
        expected.assert_eq(&shown);
    }

    #[test]
    fn the_ceiling_is_divided() {
        check(&[("max", 256)], expect!["[53, 26, 26, 26, 26] MiB of 256 MiB"]);
        check(&[("max", 1024)], expect!["[256, 64, 128, 128, 128] MiB of 1024 MiB"]);
        check(
            &[("max", 256), ("kafka", 0)],
            expect!["[40, 20, 20, 20, 20, 20, 20] MiB of 256 MiB"],
        );
        check(&[("max", 16384)], expect!["[256, 64, 256, 1250, 256] MiB of 16384 MiB"]);
    }

    #[test]
    fn what_is_set_is_taken_and_the_rest_divided() {
        check(&[("max", 256), ("tail", 60)], expect!["[40, 60, 20, 20, 20] MiB of 256 MiB"]);
        check(&[("max", 1024), ("unfilled", 8)], expect!["[8, 64, 190, 190, 190] MiB of 1024 MiB"]);
    }

    #[test]
    fn what_does_not_fit_is_said_in_words() {
        check(
            &[("max", 256), ("tail", 100), ("unfilled", 200)],
            expect![
                "`memory_max = 256 MiB` has no room for `log.unfilled_bytes_max = 200 MiB` and `log.tail_cache_bytes = 100 MiB` beside 120 MiB that everything else needs at least; set less, or raise memory_max"
            ],
        );
        check(
            &[("max", 256), ("requests", 180)],
            expect![
                "`memory_max = 256 MiB` has no room for `grpc_limits.request_bytes_max = 180 MiB` beside 120 MiB that everything else needs at least; set less, or raise memory_max"
            ],
        );
    }

    #[test]
    fn half_of_the_machine_is_something() {
        assert!(half_of_the_machine() >= MEMORY_MIN);
    }
}
