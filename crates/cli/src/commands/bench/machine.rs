//! What the machine says of itself, and what is sent.

/// Seconds of CPU spent so far.
pub(super) struct Cpu {
    /// By everything on the machine.
    pub(super) machine: f64,
    /// By this process.
    pub(super) own: f64,
}

/// `/proc` counts in hundredths of a second on every Linux.
const TICKS_PER_SECOND: f64 = 100.0;

impl Cpu {
    /// Now; zeros where there is no `/proc`.
    pub(super) fn now() -> Self {
        Self { machine: machine().unwrap_or_default(), own: own().unwrap_or_default() }
    }
}

/// user, nice and system, interrupts included; idle and waiting for the disk left out.
fn machine() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/stat").ok()?;
    let line = text.lines().next()?;
    let ticks: Vec<f64> = line.split_whitespace().skip(1).filter_map(|t| t.parse().ok()).collect();
    let busy = [0, 1, 2, 5, 6].iter().filter_map(|i| ticks.get(*i)).sum::<f64>();
    Some(busy / TICKS_PER_SECOND)
}

fn own() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/self/stat").ok()?;
    let after_name = text.rsplit_once(')')?.1;
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let user: f64 = fields.get(11)?.parse().ok()?;
    let system: f64 = fields.get(12)?.parse().ok()?;
    Some((user + system) / TICKS_PER_SECOND)
}

/// A value of this size that does not compress: the figures are those of the log, not of a codec.
pub(super) fn payload(size: usize) -> Vec<u8> {
    let mut bytes = vec![0; size];
    ottla_model::Rng::from_number(size as u64).fill(&mut bytes);
    bytes
}
