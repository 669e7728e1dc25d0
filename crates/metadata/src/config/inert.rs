//! Settings of Kafka's that a topic may carry and that change nothing here: programs that set them
//! must work, and must read back what they set.
//!
//! Some may only have the value that is true here anyway: anything else would be a promise that is
//! not kept.

use super::ConfigError;

/// A setting without effect.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct InertSetting {
    /// Its name, which is Kafka's.
    pub name: &'static str,
    /// What its value is.
    pub kind: InertKind,
    /// Kafka's default, or what is true here.
    pub default: &'static str,
    /// Whether it may only be that.
    pub fixed: bool,
    /// Why it has no effect.
    pub doc: &'static str,
}

/// What the value of such a setting is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum InertKind {
    /// `true` or `false`.
    Boolean,
    /// A whole number of 32 bits.
    Int,
    /// A whole number of 64 bits.
    Long,
    /// A number between 0 and 1.
    Ratio,
    /// Words with commas between them.
    List,
}

const fn inert(
    name: &'static str,
    kind: InertKind,
    default: &'static str,
    doc: &'static str,
) -> InertSetting {
    InertSetting { name, kind, default, fixed: false, doc }
}

const fn fixed(
    name: &'static str,
    kind: InertKind,
    default: &'static str,
    doc: &'static str,
) -> InertSetting {
    InertSetting { name, kind, default, fixed: true, doc }
}

const FOR_EVER: &str = "9223372036854775807";
const NO_ENCODING: &str = "Has no effect: the broker never compresses a batch again.";
const NO_COMPACTION: &str = "Has no effect: there is no compaction yet.";
const NO_INDEX_SETTING: &str = "Has no effect: indexes and segments are laid out otherwise here.";
const NO_REPLICATION: &str = "Has no effect: there is no replication yet.";
const DURABLE: &str = "Has no effect: `durability` says when records are on stable storage.";
const NO_TIERS: &str = "Can only be this: there is no tiered storage.";

/// Every setting of Kafka 4.3 that has no effect here, by name.
pub static INERT: &[InertSetting] = &[
    inert("compression.gzip.level", InertKind::Int, "-1", NO_ENCODING),
    inert("compression.lz4.level", InertKind::Int, "9", NO_ENCODING),
    inert("compression.zstd.level", InertKind::Int, "3", NO_ENCODING),
    inert("delete.retention.ms", InertKind::Long, "86400000", NO_COMPACTION),
    inert("file.delete.delay.ms", InertKind::Long, "60000", NO_INDEX_SETTING),
    inert("flush.messages", InertKind::Long, FOR_EVER, DURABLE),
    inert("flush.ms", InertKind::Long, FOR_EVER, DURABLE),
    inert("follower.replication.throttled.replicas", InertKind::List, "", NO_REPLICATION),
    inert("index.interval.bytes", InertKind::Int, "4096", NO_INDEX_SETTING),
    inert("leader.replication.throttled.replicas", InertKind::List, "", NO_REPLICATION),
    fixed("local.retention.bytes", InertKind::Long, "-2", NO_TIERS),
    fixed("local.retention.ms", InertKind::Long, "-2", NO_TIERS),
    inert("max.compaction.lag.ms", InertKind::Long, FOR_EVER, NO_COMPACTION),
    inert("min.cleanable.dirty.ratio", InertKind::Ratio, "0.5", NO_COMPACTION),
    inert("min.compaction.lag.ms", InertKind::Long, "0", NO_COMPACTION),
    inert("preallocate", InertKind::Boolean, "false", NO_INDEX_SETTING),
    fixed("remote.log.copy.disable", InertKind::Boolean, "false", NO_TIERS),
    fixed("remote.log.delete.on.disable", InertKind::Boolean, "false", NO_TIERS),
    fixed("remote.storage.enable", InertKind::Boolean, "false", NO_TIERS),
    inert("segment.index.bytes", InertKind::Int, "10485760", NO_INDEX_SETTING),
    inert("segment.jitter.ms", InertKind::Long, "0", NO_INDEX_SETTING),
    fixed(
        "unclean.leader.election.enable",
        InertKind::Boolean,
        "false",
        "Can only be this: electing a leader that lacks records is a human's decision.",
    ),
];

impl InertSetting {
    /// The setting with this name, if it is one of these.
    pub fn named(key: &str) -> Option<&'static Self> {
        INERT.iter().find(|setting| setting.name == key)
    }

    /// The end of its words: why it can be nothing else.
    fn reason(&self) -> &'static str {
        let reason = self.doc.split_once(": ").map_or(self.doc, |(_, reason)| reason);
        reason.trim_end_matches('.')
    }

    /// The value as it is stored.
    pub(super) fn spelled(&self, text: &str) -> Result<String, ConfigError> {
        let refuse = |why: &str| ConfigError::BadValue {
            key: self.name,
            value: text.to_owned(),
            why: why.to_owned(),
            allowed: if self.fixed { self.default } else { self.kind.allowed() },
        };
        let spelled = self.kind.spell(text.trim()).ok_or_else(|| refuse("it is no such value"))?;
        match self.fixed && spelled != self.default {
            true => Err(refuse(self.reason())),
            false => Ok(spelled),
        }
    }
}

impl InertKind {
    const fn allowed(self) -> &'static str {
        match self {
            Self::Boolean => "`true` or `false`",
            Self::Int | Self::Long => "a whole number",
            Self::Ratio => "a number from 0 to 1",
            Self::List => "words with commas between them",
        }
    }

    fn spell(self, text: &str) -> Option<String> {
        match self {
            Self::Boolean => {
                let word = text.to_ascii_lowercase();
                (word == "true" || word == "false").then_some(word)
            }
            Self::Int => text.parse::<i32>().ok().map(|number| number.to_string()),
            Self::Long => text.parse::<i64>().ok().map(|number| number.to_string()),
            Self::Ratio => {
                let ratio = text.parse::<f64>().ok().filter(|ratio| (0.0..=1.0).contains(ratio))?;
                Some(ratio.to_string())
            }
            Self::List => Some(text.to_owned()),
        }
    }
}
