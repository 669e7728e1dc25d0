//! When records are due. A load generator that waits for answers before it sends more leaves out exactly the moments that
//! users suffer from (coordinated omission): with a rate, this one sends when a record is due.

use std::num::NonZeroU64;
use std::time::{Duration, Instant};

/// How often a paced load looks what is due.
const TICK: Duration = Duration::from_micros(250);
/// How many bytes a load without a rate hands over at a time.
const UNPACED_CHUNK_BYTES: usize = 256 * 1024;
/// How late the kernel may wake a generator, in nanoseconds; by default it is fifty times that.
const TIMER_SLACK_NANOS: NonZeroU64 = NonZeroU64::new(1_000).expect("not zero");

/// Hands out chunks: how many records, and when they were due.
pub struct Pace {
    begun: Instant,
    due_at: Instant,
    duration: Duration,
    rate: Option<f64>,
    chunk: u64,
    sent: u64,
}

impl Pace {
    /// Begins now, on the thread that will send.
    pub fn begin(record_bytes: usize, rate: Option<f64>, seconds: f64) -> Self {
        // Where that is refused, latencies are a little longer, for everybody.
        let _refused = rustix::thread::set_current_timer_slack(Some(TIMER_SLACK_NANOS));
        let now = Instant::now();
        let chunk = (UNPACED_CHUNK_BYTES / (record_bytes + 8)).max(1) as u64;
        let duration = Duration::from_secs_f64(seconds);
        Self { begun: now, due_at: now, duration, rate, chunk, sent: 0 }
    }

    /// The next chunk, when it is due; `None` when the time is over.
    pub fn next(&mut self) -> Option<(u64, Instant)> {
        let Some(rate) = self.rate else {
            let now = Instant::now();
            return (now - self.begun < self.duration).then_some((self.chunk, now));
        };
        loop {
            self.due_at += TICK;
            if self.due_at - self.begun > self.duration {
                return None;
            }
            let due = ((self.due_at - self.begun).as_secs_f64() * rate) as u64;
            if due > self.sent {
                let count = due - self.sent;
                self.sent = due;
                if let Some(wait) = self.due_at.checked_duration_since(Instant::now()) {
                    std::thread::sleep(wait);
                }
                return Some((count, self.due_at));
            }
        }
    }
}

/// Microseconds since `due`, at least one.
pub fn micros_since(due: Instant) -> u64 {
    u64::try_from(due.elapsed().as_micros()).unwrap_or(u64::MAX).max(1)
}

/// Bytes that do not compress: the figures are those of the log, not of a codec.
pub fn payload(record_bytes: usize) -> Vec<u8> {
    let mut bytes = vec![0; record_bytes];
    ottla_model::Rng::from_number(record_bytes as u64).fill(&mut bytes);
    bytes
}

/// Moments as a number that goes into a record: nanoseconds since this process looked first.
pub struct Epoch(Instant);

impl Epoch {
    pub const BYTES: usize = 8;

    pub fn now() -> Self {
        Self(Instant::now())
    }

    pub fn stamp(&self, due: Instant, value: &mut [u8]) {
        let nanos = u64::try_from((due - self.0).as_nanos()).expect("less than 584 years");
        value[..Self::BYTES].copy_from_slice(&nanos.to_le_bytes());
    }

    /// When the record was due; `None` when it is too short to say so.
    pub fn read(&self, value: &[u8]) -> Option<Instant> {
        let nanos = value.first_chunk::<{ Self::BYTES }>()?;
        Some(self.0 + Duration::from_nanos(u64::from_le_bytes(*nanos)))
    }
}
