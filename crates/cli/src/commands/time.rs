//! Times as people type them.

use ottla_model::Timestamp;

use crate::failure::Failure;

/// Reads `2026-11-21T10:00:00Z`, `2026-11-21 10:00` (local time), `2h ago`, or milliseconds since 1970.
pub fn parse(text: &str) -> Result<Timestamp, Failure> {
    let trimmed = text.trim();
    if let Ok(millis) = trimmed.parse::<i64>() {
        return Ok(Timestamp(millis));
    }
    if let Some(span) = trimmed.strip_suffix("ago") {
        return ago(span.trim()).ok_or_else(|| refused(text));
    }
    absolute(trimmed).ok_or_else(|| refused(text))
}

/// A time as text, in UTC.
pub fn show(time: Timestamp) -> String {
    match jiff::Timestamp::from_millisecond(time.0) {
        Ok(time) => format!("{time:.3}"),
        Err(_) => time.0.to_string(),
    }
}

fn ago(span: &str) -> Option<Timestamp> {
    let span = humantime::parse_duration(span).ok()?;
    Some(Timestamp(jiff::Timestamp::now().as_millisecond()).minus(span))
}

fn absolute(text: &str) -> Option<Timestamp> {
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return Some(Timestamp(time.as_millisecond()));
    }
    let local = text.parse::<jiff::civil::DateTime>().ok()?;
    let zoned = local.to_zoned(jiff::tz::TimeZone::system()).ok()?;
    Some(Timestamp(zoned.timestamp().as_millisecond()))
}

fn refused(text: &str) -> Failure {
    Failure::usage(format!(
        "`{text}` is no time; write 2026-11-21T10:00:00Z, \"2026-11-21 10:00\", \"2h ago\", or \
         milliseconds since 1970"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_as_people_write_them() {
        assert_eq!(parse("0").unwrap(), Timestamp(0));
        assert_eq!(parse("1970-01-01T00:00:01Z").unwrap(), Timestamp(1000));
        assert!(parse("2h ago").unwrap().0 > 0);
        for text in ["yesterday", "", "2 parsecs ago", "2026-13-01T00:00:00Z"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_shown_reads_back() {
        assert_eq!(parse(&show(Timestamp(1_363_000_000_123))).unwrap().0, 1_363_000_000_123);
    }
}
