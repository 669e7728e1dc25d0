//! Names of files and directories. All paths are relative to the data (or journal) directory.
//!
//! ```text
//! superblock  lock  checkpoint  checkpoint.old  checkpoint.new
//! journal/00000001.journal
//! streams/<topic uuid>-<partition>/<base offset, 20 digits>.{log,index,producers}
//! ```
//!
//! Parsing is strict: only what the functions here print is taken, so that a stray file (an editor's
//! backup, a half-typed copy) is reported as stray and never read as ours.

use ottla_model::{Offset, PartitionId, StreamId};

/// Who this directory is.
pub const SUPERBLOCK: &str = "superblock";
/// A superblock on its way: renamed over the old one when it is durable.
pub const SUPERBLOCK_NEW: &str = "superblock.new";
/// Held by the one process that has the directory open.
pub const LOCK: &str = "lock";
/// How far each stream's segments are durable.
pub const CHECKPOINT: &str = "checkpoint";
/// The checkpoint before the last.
pub const CHECKPOINT_OLD: &str = "checkpoint.old";
/// A checkpoint on its way: renamed when it is durable.
pub const CHECKPOINT_NEW: &str = "checkpoint.new";
/// Where the journal's files are.
pub const JOURNAL_DIR: &str = "journal";
/// Where the streams' directories are.
pub const STREAMS_DIR: &str = "streams";

/// Digits of a journal file's number.
const JOURNAL_DIGITS: usize = 8;
/// Digits of a base offset. `i64::MAX` has 19; Kafka pads to 20, and so do we.
const OFFSET_DIGITS: usize = 20;

/// What a file beside a segment holds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum SegmentFile {
    /// The batches.
    Log,
    /// The sparse index.
    Index,
    /// The producers as of the segment's base offset.
    Producers,
}

impl SegmentFile {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Log, Self::Index, Self::Producers];

    /// The name's ending, without the dot.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Index => "index",
            Self::Producers => "producers",
        }
    }
}

/// The name of a journal file, without its directory.
pub fn journal_file(number: u32) -> String {
    format!("{number:0JOURNAL_DIGITS$}.journal")
}

/// The number of the journal file with this name.
pub fn parse_journal_file(name: &str) -> Option<u32> {
    let number = name.strip_suffix(".journal")?.parse().ok()?;
    (journal_file(number) == name).then_some(number)
}

/// The path of a journal file.
pub fn journal_path(number: u32) -> String {
    format!("{JOURNAL_DIR}/{}", journal_file(number))
}

/// The name of a stream's directory, without `streams/`.
pub fn stream_dir(stream: StreamId) -> String {
    stream.to_string()
}

/// The stream whose directory has this name.
pub fn parse_stream_dir(name: &str) -> Option<StreamId> {
    let (topic, partition) = name.rsplit_once('-')?;
    let stream = StreamId::new(topic.parse().ok()?, PartitionId(partition.parse().ok()?));
    (stream_dir(stream) == name).then_some(stream)
}

/// The path of a stream's directory.
pub fn stream_path(stream: StreamId) -> String {
    format!("{STREAMS_DIR}/{}", stream_dir(stream))
}

/// The name of a segment's file, without its directory.
pub fn segment_file(base: Offset, file: SegmentFile) -> String {
    format!("{:0OFFSET_DIGITS$}.{}", base.0, file.extension())
}

/// The base offset and kind of the segment file with this name.
pub fn parse_segment_file(name: &str) -> Option<(Offset, SegmentFile)> {
    let (digits, extension) = name.split_once('.')?;
    let file = SegmentFile::ALL.into_iter().find(|file| file.extension() == extension)?;
    let base = Offset(digits.parse().ok()?);
    (base >= Offset::ZERO && segment_file(base, file) == name).then_some((base, file))
}

/// The path of a segment's file.
pub fn segment_path(stream: StreamId, base: Offset, file: SegmentFile) -> String {
    format!("{}/{}", stream_path(stream), segment_file(base, file))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ottla_model::TopicId;

    #[test]
    fn names_read_back() {
        assert_eq!(journal_file(7), "00000007.journal");
        assert_eq!(parse_journal_file("00000007.journal"), Some(7));
        assert_eq!(parse_journal_file("4294967295.journal"), Some(u32::MAX));

        let stream = StreamId::new(TopicId::from_bytes([0xab; 16]), PartitionId(12));
        assert_eq!(stream_dir(stream), "abababab-abab-abab-abab-abababababab-12");
        assert_eq!(parse_stream_dir(&stream_dir(stream)), Some(stream));

        assert_eq!(segment_file(Offset(42), SegmentFile::Log), "00000000000000000042.log");
        for file in SegmentFile::ALL {
            let name = segment_file(Offset(i64::MAX), file);
            assert_eq!(parse_segment_file(&name), Some((Offset(i64::MAX), file)));
        }
    }

    #[test]
    fn only_exact_names_are_ours() {
        for stray in ["", "7.journal", "+0000007.journal", "00000007.journal~", "000000007.journal"]
        {
            assert_eq!(parse_journal_file(stray), None, "{stray}");
        }
        for stray in [
            "42.log",
            "00000000000000000042.log.bak",
            "00000000000000000042.swp",
            "-0000000000000000042.log",
            "+0000000000000000042.log",
            "00000000000000000042",
            "99999999999999999999.log",
        ] {
            assert_eq!(parse_segment_file(stray), None, "{stray}");
        }
        for stray in [
            "x-1",
            "abababab-abab-abab-abab-abababababab",
            "ABABABAB-abab-abab-abab-abababababab-1",
            "abababab-abab-abab-abab-abababababab-01",
        ] {
            assert_eq!(parse_stream_dir(stray), None, "{stray}");
        }
    }
}
