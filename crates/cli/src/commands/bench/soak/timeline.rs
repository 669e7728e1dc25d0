//! What this process saw, span by span: every record's latency, the slowest moments, and how late the machine was.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use hdrhistogram::Histogram;
use parking_lot::Mutex;

use super::super::load::histogram;

/// One slow moment delays many records; of a stretch as long as this the slowest is told of.
const STRETCH: Duration = Duration::from_millis(250);
/// How long the thread sleeps that finds out whether the machine is late.
const NAP: Duration = Duration::from_millis(1);
/// Later than this is told of.
const LATE_MIN: Duration = Duration::from_millis(1);

/// Collects until it is looked at. Shared by everybody who counts.
pub(in super::super) struct Timeline {
    begun: Instant,
    /// The wall clock's milliseconds when it began: the broker's traces are told by that clock.
    begun_unix_ms: f64,
    span: Mutex<Span>,
    stop: AtomicBool,
}

struct Span {
    begun: Instant,
    latency: Histogram<u64>,
    /// Of every stretch.
    slowest: Vec<Slow>,
    /// When the last stretch began.
    stretch: Option<Instant>,
    /// When a sleeping thread came back late, and how late.
    lates: Vec<(Instant, Duration)>,
}

/// A record that was slow.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slow {
    pub(super) due: Instant,
    /// When it was in the producer's buffer.
    pub(super) handed: Instant,
    pub(super) acknowledged: Instant,
}

/// A span that has ended.
pub(super) struct Moments {
    pub(super) latency: Histogram<u64>,
    pub(super) seconds: f64,
    /// Seconds since the beginning.
    pub(super) until: f64,
    /// The slowest record of every stretch.
    pub(super) slowest: Vec<Slow>,
    /// How late the machine was at worst.
    pub(super) late: Duration,
    pub(super) lates: Vec<(Instant, Duration)>,
    clock: (Instant, f64),
}

impl Timeline {
    /// Begins.
    pub(super) fn start() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let begun = Instant::now();
        Self {
            begun,
            begun_unix_ms: now.as_secs_f64() * 1e3,
            span: Mutex::new(Span::new(begun)),
            stop: AtomicBool::new(false),
        }
    }

    /// Naps until it is told to stop, and notes when the machine was late to wake it.
    pub(super) fn nap(&self) {
        while !self.stop.load(Ordering::Relaxed) {
            let before = Instant::now();
            std::thread::sleep(NAP);
            let late = before.elapsed().saturating_sub(NAP);
            if late >= LATE_MIN {
                self.span.lock().lates.push((Instant::now(), late));
            }
        }
    }

    pub(super) fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Records that were acknowledged just now: their latencies in microseconds, and how many had each.
    pub(in super::super) fn note(&self, due: Instant, handed: Instant, latencies: &[(u64, u64)]) {
        let acknowledged = Instant::now();
        let mut span = self.span.lock();
        for (micros, records) in latencies {
            span.latency.saturating_record_n(*micros, *records);
        }
        span.keep(Slow { due, handed, acknowledged });
    }

    /// Ends a span and begins the next one.
    pub(super) fn take(&self) -> Moments {
        let now = Instant::now();
        let span = std::mem::replace(&mut *self.span.lock(), Span::new(now));
        Moments {
            seconds: (now - span.begun).as_secs_f64().max(1e-3),
            until: (now - self.begun).as_secs_f64(),
            latency: span.latency,
            slowest: span.slowest,
            late: span.lates.iter().map(|(_, late)| *late).max().unwrap_or_default(),
            lates: span.lates,
            clock: (self.begun, self.begun_unix_ms),
        }
    }
}

impl Span {
    fn new(begun: Instant) -> Self {
        let (latency, slowest, lates) = (histogram(), Vec::new(), Vec::new());
        Self { begun, latency, slowest, stretch: None, lates }
    }

    fn keep(&mut self, slow: Slow) {
        let goes_on = self.stretch.is_some_and(|begun| slow.acknowledged < begun + STRETCH);
        match self.slowest.last_mut() {
            Some(last) if goes_on && slow.took() > last.took() => *last = slow,
            Some(_) if goes_on => {}
            _ => {
                self.stretch = Some(slow.acknowledged);
                self.slowest.push(slow);
            }
        }
    }
}

impl Slow {
    pub(super) fn took(&self) -> Duration {
        self.acknowledged.duration_since(self.due)
    }
}

impl Moments {
    /// A moment in the wall clock's milliseconds.
    pub(super) fn unix_ms(&self, at: Instant) -> f64 {
        let (begun, begun_unix_ms) = self.clock;
        begun_unix_ms + at.saturating_duration_since(begun).as_secs_f64() * 1e3
    }

    /// Seconds since the beginning.
    pub(super) fn seconds_at(&self, at: Instant) -> f64 {
        at.saturating_duration_since(self.clock.0).as_secs_f64()
    }

    /// How late the machine was within this time, at worst.
    pub(super) fn late_within(&self, from: Instant, to: Instant) -> Duration {
        let overlaps = |at: &&(Instant, Duration)| at.0 >= from && at.0 - at.1 <= to;
        self.lates.iter().filter(overlaps).map(|(_, late)| *late).max().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_every_stretch_the_slowest_is_kept() {
        let begun = Instant::now();
        let at = |millis| begun + Duration::from_millis(millis);
        let slow = |took, acknowledged| Slow {
            due: at(acknowledged - took),
            handed: at(acknowledged),
            acknowledged: at(acknowledged),
        };
        let mut span = Span::new(begun);
        for (took, acknowledged) in [(3, 100), (9, 200), (5, 349), (1, 360), (2, 600), (4, 611)] {
            span.keep(slow(took, acknowledged));
        }
        let kept = span.slowest.iter().map(|slow| slow.took().as_millis());
        assert_eq!(kept.collect::<Vec<_>>(), [9, 2, 4]);
    }

    #[test]
    fn lateness_counts_where_it_was() {
        let timeline = Timeline::start();
        let at = |millis| timeline.begun + Duration::from_millis(millis);
        let late = (at(30), Duration::from_millis(10));
        timeline.span.lock().lates.push(late);
        let moments = timeline.take();
        let within = |from, to| moments.late_within(at(from), at(to)).as_millis();
        assert_eq!((within(5, 19), within(5, 25), within(31, 40)), (0, 10, 0));
        assert_eq!(moments.late, late.1);
    }
}
