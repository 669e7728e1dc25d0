//! How a setting's value is written and read.
//!
//! Canonical spellings are Kafka's: plain numbers in the unit that the name ends with, `-1` for no
//! limit. People may also write units: `64MiB`, `7d`.

use std::time::Duration;

use ottla_model::ByteCount;

/// Milliseconds in each unit of time that people may write.
const TIME_UNITS: [(&str, u64); 7] = [
    ("ms", 1),
    ("s", 1_000),
    ("m", 60_000),
    ("min", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
    ("w", 604_800_000),
];

/// What Kafka writes where there is no limit.
const NO_LIMIT: &str = "-1";

/// Bytes between `min` and `max`.
pub(super) fn bytes(text: &str, min: u64, max: u64) -> Result<u64, String> {
    let ByteCount(bytes) = text.parse().map_err(|_| "it is no amount of bytes".to_owned())?;
    match bytes {
        _ if bytes < min => Err("it is too small".to_owned()),
        _ if bytes > max => Err("it is too large".to_owned()),
        _ => Ok(bytes),
    }
}

/// Bytes, or `-1` for no limit.
pub(super) fn bytes_or_no_limit(text: &str) -> Result<Option<u64>, String> {
    if text.trim() == NO_LIMIT {
        return Ok(None);
    }
    bytes(text, 0, i64::MAX as u64).map(Some)
}

/// A span of time of at least `min`.
pub(super) fn span(text: &str, min: Duration) -> Result<Duration, String> {
    let span = parse_span(text)?;
    if span < min {
        return Err("it is too short".to_owned());
    }
    Ok(span)
}

/// A span of time, or `-1` for ever.
pub(super) fn span_or_for_ever(text: &str) -> Result<Option<Duration>, String> {
    if text.trim() == NO_LIMIT {
        return Ok(None);
    }
    span(text, Duration::from_millis(1)).map(Some)
}

/// A whole number between `min` and `max`.
pub(super) fn number(text: &str, min: u32, max: u32) -> Result<u32, String> {
    let number: u32 =
        text.trim().parse().map_err(|_| "it is no whole number of 0 or more".to_owned())?;
    if !(min..=max).contains(&number) {
        return Err(format!("it is not between {min} and {max}"));
    }
    Ok(number)
}

/// One of a few words, whatever their case.
pub(super) fn word<T: Copy>(text: &str, words: &[(&str, T)]) -> Result<T, String> {
    let found = words.iter().find(|(word, _)| word.eq_ignore_ascii_case(text.trim()));
    found.map(|(_, value)| *value).ok_or_else(|| "there is no such choice".to_owned())
}

/// `-1` or the number, as Kafka writes it.
pub(super) fn or_no_limit(number: Option<u128>) -> String {
    number.map_or_else(|| NO_LIMIT.to_owned(), |number| number.to_string())
}

fn parse_span(text: &str) -> Result<Duration, String> {
    let refuse = || "it is no span of time";
    let trimmed = text.trim();
    let digits = trimmed.find(|c: char| !c.is_ascii_digit()).unwrap_or(trimmed.len());
    let (number, unit) = trimmed.split_at(digits);
    let number: u64 = number.parse().map_err(|_| refuse())?;
    let unit = unit.trim().to_ascii_lowercase();
    let unit = if unit.is_empty() { "ms" } else { unit.as_str() };
    let (_, millis) = TIME_UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(refuse)?;
    let millis = number.checked_mul(*millis).filter(|millis| *millis <= i64::MAX as u64);
    millis.map(Duration::from_millis).ok_or_else(|| "it is too long".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_as_people_write_them() {
        for text in ["604800000", "604800s", "7d", "1 w", "168h", "10080min"] {
            assert_eq!(parse_span(text), Ok(Duration::from_secs(604_800)), "{text}");
        }
        for text in ["", "d", "-5", "7 days", "1.5h", "99999999999999w"] {
            assert!(parse_span(text).is_err(), "{text}");
        }
    }
}
