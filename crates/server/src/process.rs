//! What the process costs, as its operating system counts it; nothing where there is no `/proc`.

use std::sync::atomic::Ordering;

use ottla_runtime::Metrics;

/// `/proc` counts in hundredths of a second on every Linux.
const TICK_MILLIS: u64 = 10;

/// Shows CPU and memory, read when somebody looks.
pub(crate) fn show(metrics: &Metrics) {
    let cpu = metrics.counter(
        "process_cpu_milliseconds",
        "CPU that the process spent, all of its threads together",
    );
    let resident = metrics.gauge("process_resident_bytes", "Resident memory of the process");
    metrics.on_scrape(move || {
        if let Some(millis) = cpu_millis() {
            cpu.inner().store(millis, Ordering::Relaxed);
        }
        if let Some(bytes) = resident_bytes() {
            resident.set(bytes);
        }
    });
}

/// User and system, the fields behind the process's name, which may hold blanks.
fn cpu_millis() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/stat").ok()?;
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |index: usize| fields.get(index)?.parse::<u64>().ok();
    Some((ticks(11)? + ticks(12)?) * TICK_MILLIS)
}

fn resident_bytes() -> Option<i64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: i64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1024)
}
