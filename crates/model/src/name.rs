//! Topic names. The rules are Kafka's, so that a topic can be named at both doors.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::limits::TOPIC_NAME_CHARS_MAX;

/// A name that a topic may have: 1 to 249 of `a-z A-Z 0-9 . _ -`, and neither `.` nor `..`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicName(Arc<str>);

impl TopicName {
    /// The name, if it may be one.
    pub fn new(name: &str) -> Result<Self, TopicNameError> {
        check(name)?;
        Ok(Self(Arc::from(name)))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a text cannot name a topic.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TopicNameError {
    /// There is nothing in it.
    #[error(
        "a topic name cannot be empty; give it 1 to {TOPIC_NAME_CHARS_MAX} of a-z A-Z 0-9 . _ -"
    )]
    Empty,
    /// It is too long for a file name of some system.
    #[error(
        "a topic name of {length} characters is too long; at most {TOPIC_NAME_CHARS_MAX} are allowed"
    )]
    TooLong {
        /// How many characters it has.
        length: usize,
    },
    /// `.` and `..` mean something else to a file system.
    #[error("a topic cannot be named `{0}`: `.` and `..` mean a directory")]
    Dots(String),
    /// It has a character that no topic name has.
    #[error(
        "topic name `{name}` has {character:?} at position {position}; \
         only a-z A-Z 0-9 . _ - are allowed"
    )]
    BadCharacter {
        /// The whole text.
        name: String,
        /// The first character that is not allowed.
        character: char,
        /// Its place, counted from 1.
        position: usize,
    },
}

fn check(name: &str) -> Result<(), TopicNameError> {
    if name.is_empty() {
        return Err(TopicNameError::Empty);
    }
    let length = name.chars().count();
    if length > TOPIC_NAME_CHARS_MAX {
        return Err(TopicNameError::TooLong { length });
    }
    if name == "." || name == ".." {
        return Err(TopicNameError::Dots(name.to_owned()));
    }
    match name.chars().enumerate().find(|(_, c)| !is_allowed(*c)) {
        None => Ok(()),
        Some((index, character)) => Err(TopicNameError::BadCharacter {
            name: name.to_owned(),
            character,
            position: index + 1,
        }),
    }
}

fn is_allowed(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
}

impl FromStr for TopicName {
    type Err = TopicNameError;
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::new(name)
    }
}

impl fmt::Display for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl serde::Serialize for TopicName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> serde::Deserialize<'de> for TopicName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::new(&name).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_of_kafka_hold() {
        for name in ["a", "flights", "A-b_c.9", "...", &"x".repeat(249)] {
            assert!(TopicName::new(name).is_ok(), "{name}");
        }
        for name in ["", ".", "..", "a b", "a/b", "ä", &"x".repeat(250)] {
            assert!(TopicName::new(name).is_err(), "{name}");
        }
    }

    #[test]
    fn a_bad_character_is_named_with_its_place() {
        let error = TopicName::new("my topic").unwrap_err();
        assert_eq!(
            error.to_string(),
            "topic name `my topic` has ' ' at position 3; only a-z A-Z 0-9 . _ - are allowed"
        );
    }
}
