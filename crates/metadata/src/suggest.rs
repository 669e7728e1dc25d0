//! The name that somebody probably meant.

/// How unlike two names may be, and one still be taken for the other: 0 is "nothing in common".
const SIMILARITY_MIN: f64 = 0.75;

/// The candidate that `wanted` was most likely meant to be, or none when nothing is close.
pub fn nearest<'a>(wanted: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let mut best = None;
    let mut best_similarity = SIMILARITY_MIN;
    for candidate in candidates {
        let similarity = strsim::jaro_winkler(wanted, candidate);
        if similarity > best_similarity {
            best = Some(candidate);
            best_similarity = similarity;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_finds_its_name() {
        let names = ["flights", "weather", "fleet"];
        assert_eq!(nearest("flihgts", names), Some("flights"));
        assert_eq!(nearest("Flights", names), Some("flights"));
        assert_eq!(nearest("invoices", names), None);
    }
}
