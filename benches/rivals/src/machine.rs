//! What the machine says of itself: CPU and memory of processes, and a disk that has nothing left to write.

use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::Advice;

/// `/proc` counts in hundredths of a second on every Linux.
const TICKS_PER_SECOND: f64 = 100.0;

/// Seconds of CPU that a process spent, all of its threads together.
pub fn cpu_of(pid: u32) -> f64 {
    let fields = stat_of(&pid.to_string());
    (field(&fields, 11) + field(&fields, 12)) / TICKS_PER_SECOND
}

/// Seconds of CPU that this process spent.
pub fn own_cpu() -> f64 {
    let fields = stat_of("self");
    (field(&fields, 11) + field(&fields, 12)) / TICKS_PER_SECOND
}

/// Seconds of CPU that children of this process spent who have ended.
pub fn cpu_of_ended_children() -> f64 {
    let fields = stat_of("self");
    (field(&fields, 13) + field(&fields, 14)) / TICKS_PER_SECOND
}

/// The fields of a process behind its name, which may hold blanks.
fn stat_of(pid: &str) -> Vec<String> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let after_name = text.rsplit_once(')').map(|(_, after)| after).unwrap_or_default();
    after_name.split_whitespace().map(str::to_owned).collect()
}

fn field(fields: &[String], index: usize) -> f64 {
    fields.get(index).and_then(|field| field.parse().ok()).unwrap_or_default()
}

/// Bytes of memory of a process: now, and at most since [`forget_peak`].
pub fn memory_of(pid: u32) -> (u64, u64) {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    (kibibytes(&text, "VmRSS:") * 1024, kibibytes(&text, "VmHWM:") * 1024)
}

/// Has the peak of a process's memory counted from now on.
pub fn forget_peak(pid: u32) {
    // Where that is not allowed, the peak is that of its whole life.
    let _refused = std::fs::write(format!("/proc/{pid}/clear_refs"), "5");
}

fn kibibytes(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|l| l.split_whitespace().next()).and_then(|n| n.parse().ok()).unwrap_or_default()
}

/// Most time that is given to the disk to come to rest.
const SETTLE_MAX: Duration = Duration::from_secs(20);
/// What may be left to write when a measurement begins.
const DIRTY_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Waits until what was written is on the disk, so that nobody is measured while another one's pages are written back.
pub fn settle() {
    let begun = Instant::now();
    rustix::fs::sync();
    while dirty_bytes() > DIRTY_BYTES_MAX && begun.elapsed() < SETTLE_MAX {
        std::thread::sleep(Duration::from_millis(50));
        rustix::fs::sync();
    }
}

fn dirty_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    (kibibytes(&text, "Dirty:") + kibibytes(&text, "Writeback:")) * 1024
}

/// Drops what the page cache holds of the files below `directory`; what is not on the disk yet stays.
pub fn drop_caches(directory: &Path) {
    rustix::fs::sync();
    let mut open = vec![directory.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                open.push(entry.path());
            } else {
                drop_file(&entry.path());
            }
        }
    }
}

fn drop_file(path: &Path) {
    if let Ok(file) = File::open(path) {
        // A file system that knows no such advice keeps its cache.
        let _refused = rustix::fs::fadvise(&file, 0, None, Advice::DontNeed);
    }
}

/// What this machine is, in one line.
pub fn describe(directory: &Path) -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let memory = kibibytes(&text, "MemTotal:") / 1024 / 1024;
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name"));
    let model = model.map_or("", |m| m.trim_start_matches([' ', '\t', ':']));
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let disk = file_system(directory);
    // What stands behind the number names a vendor's build.
    let kernel = kernel.trim().split('-').next().unwrap_or_default();
    format!("{cores} cores {model}, {memory} GiB, Linux {kernel}, {disk}")
}

fn file_system(directory: &Path) -> String {
    let path = std::fs::canonicalize(directory).unwrap_or_else(|_| directory.to_owned());
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let best = mounts.lines().filter_map(|line| {
        let mut words = line.split_whitespace().skip(1);
        let (at, kind) = (words.next()?, words.next()?);
        path.starts_with(at).then_some((at.len(), kind.to_owned()))
    });
    best.max().map_or_else(|| "unknown file system".to_owned(), |(_, kind)| kind)
}

/// Load of the machine over the last minute: something else that runs spoils every figure.
pub fn load_average() -> f64 {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().and_then(|load| load.parse().ok()).unwrap_or_default()
}
