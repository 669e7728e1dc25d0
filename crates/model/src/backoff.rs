//! Pauses before trying again.

use std::time::Duration;

use crate::Rng;

/// How long to wait before trying again: twice as long after every failure, of which a random half is
/// taken off, so that many who failed together do not come back together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Backoff {
    /// The pause after the first failure.
    pub min: Duration,
    /// The longest pause.
    pub max: Duration,
}

impl Backoff {
    /// The pause after so many failures in a row, the last one included. Never zero.
    pub fn pause(&self, failures: u32, rng: &mut Rng) -> Duration {
        let doubled = 1_u32 << failures.saturating_sub(1).min(20);
        let longest = self.min.saturating_mul(doubled).min(self.max);
        let micros = u64::try_from(longest.as_micros()).unwrap_or(u64::MAX).max(2);
        Duration::from_micros(micros / 2 + rng.below(micros / 2 + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_differ() {
        let backoff = Backoff { min: Duration::from_millis(20), max: Duration::from_secs(1) };
        let mut rng = Rng::from_number(7);
        for (failures, longest) in [(0, 20), (1, 20), (2, 40), (3, 80), (7, 1000), (u32::MAX, 1000)]
        {
            let longest = Duration::from_millis(longest);
            let pauses: Vec<_> = (0..50).map(|_| backoff.pause(failures, &mut rng)).collect();
            assert!(pauses.iter().all(|pause| (longest / 2..=longest).contains(pause)));
            assert!(pauses.windows(2).any(|pair| pair[0] != pair[1]), "there is jitter");
        }
        let none = Backoff { min: Duration::ZERO, max: Duration::ZERO };
        assert!(none.pause(1, &mut rng) > Duration::ZERO, "no loop without a pause");
    }
}
