//! Where to begin.

use ottla_client::{Admin, OffsetAt, PartitionDescription};
use ottla_consumer::Start;
use ottla_model::{Offset, Timestamp};

use crate::commands::time;
use crate::failure::Failure;

/// Where to begin, as typed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum From {
    /// At the oldest record.
    Start,
    /// After the newest.
    End,
    /// At this offset.
    Offset(Offset),
    /// At this many records before the end.
    Last(i64),
    /// At the first record of this time or later.
    Time(Timestamp),
}

impl From {
    pub(super) fn parse(text: &str) -> Result<Self, Failure> {
        match text {
            "start" | "earliest" | "beginning" => return Ok(Self::Start),
            "end" | "latest" => return Ok(Self::End),
            _ => {}
        }
        if let Ok(number) = text.parse::<i64>() {
            let last = Self::Last(number.saturating_neg());
            return Ok(if number < 0 { last } else { Self::Offset(Offset(number)) });
        }
        time::parse(text).map(Self::Time).map_err(|_| {
            Failure::usage(format!(
                "`--from {text}`: write start, end, an offset, -N for the last N, a time such as \
                 2026-11-21T10:00:00Z, or \"2h ago\""
            ))
        })
    }

    /// Where that is in a partition, and the offset it comes to.
    pub(super) async fn start(
        self,
        admin: &Admin,
        topic: &str,
        partition: &PartitionDescription,
    ) -> Result<(Start, Offset), Failure> {
        let (first, end) = bounds(topic, partition)?;
        let at = match self {
            Self::Start => first,
            Self::End => end,
            Self::Offset(offset) => within(topic, partition, offset, first, end),
            Self::Last(count) => first.max(end.plus(-count.min(end.0))),
            Self::Time(at) => {
                let at = OffsetAt::Timestamp(at);
                let found = admin.list_offset(topic, partition.partition, at).await?;
                found.map_or(end, |found| found.offset)
            }
        };
        Ok((Start::Offset(at), at))
    }
}

/// The offset itself, or the nearest that the partition has, said aloud.
fn within(
    topic: &str,
    partition: &PartitionDescription,
    offset: Offset,
    first: Offset,
    end: Offset,
) -> Offset {
    let nearest = offset.clamp(first, end);
    if nearest != offset {
        let id = partition.partition;
        eprintln!("{topic}-{id} has offsets {first} to {end}: reading begins at {nearest}");
    }
    nearest
}

/// The first and the next offset of a partition.
pub(super) fn bounds(
    topic: &str,
    partition: &PartitionDescription,
) -> Result<(Offset, Offset), Failure> {
    partition.log_start.zip(partition.high_watermark).ok_or_else(|| {
        Failure::new(format!("{topic}-{} has no leader now; try again", partition.partition))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beginnings_read_as_people_write_them() {
        let parse = |text| From::parse(text).unwrap();
        assert_eq!(parse("start"), From::Start);
        assert_eq!(parse("end"), From::End);
        assert_eq!(parse("17"), From::Offset(Offset(17)));
        assert_eq!(parse("-10"), From::Last(10));
        assert_eq!(parse("-9223372036854775808"), From::Last(i64::MAX));
        assert_eq!(parse("1970-01-01T00:00:01Z"), From::Time(Timestamp(1000)));
        assert!(From::parse("somewhere").is_err());
    }
}
