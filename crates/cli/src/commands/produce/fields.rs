//! Where in a line the key is.

use std::fmt;
use std::ops::Range;

use serde::de::{Deserializer as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::input::Line;

/// The key of a record: a part of the line as it stands, or a text of its own.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Key {
    Part(Range<usize>),
    Own(Vec<u8>),
}

impl Key {
    /// The bytes of the key, in a chunk.
    pub(super) fn bytes<'a>(&'a self, chunk: &'a [u8]) -> &'a [u8] {
        match self {
            Self::Part(range) => &chunk[range.clone()],
            Self::Own(bytes) => bytes,
        }
    }
}

/// How lines become records.
#[derive(Debug)]
pub(super) enum Cutter {
    /// The whole line is the value.
    Whole,
    /// What stands before the separator is the key, what stands after it the value.
    Separator(Vec<u8>),
    /// The line is a JSON object; a field of it is the key, the whole line the value.
    Field(String),
}

impl Cutter {
    pub(super) fn new(field: Option<String>, separator: Option<String>) -> Self {
        match (field, separator) {
            (Some(field), _) => Self::Field(field),
            (None, Some(separator)) if !separator.is_empty() => {
                Self::Separator(separator.into_bytes())
            }
            (None, _) => Self::Whole,
        }
    }

    /// The record of the line at `at`; or what is wrong with the line.
    pub(super) fn cut(&self, chunk: &[u8], at: Range<usize>) -> Result<Line, String> {
        match self {
            Self::Whole => Ok(Line { key: None, value: at }),
            Self::Separator(separator) => separated(chunk, at, separator),
            Self::Field(field) => {
                let key = field_of(&chunk[at.clone()], field)?;
                Ok(Line { key: key.map(Key::Own), value: at })
            }
        }
    }
}

fn separated(chunk: &[u8], at: Range<usize>, separator: &[u8]) -> Result<Line, String> {
    let line = &chunk[at.clone()];
    let found = line.windows(separator.len()).position(|part| part == separator);
    let middle = found.ok_or_else(|| {
        format!("has no `{}` between key and value", String::from_utf8_lossy(separator))
    })?;
    let key = at.start..at.start + middle;
    Ok(Line { key: Some(Key::Part(key)), value: at.start + middle + separator.len()..at.end })
}

/// One field of a JSON object: a string without its quotes, anything else as it is written; `None` for null or absent.
fn field_of(line: &[u8], field: &str) -> Result<Option<Vec<u8>>, String> {
    let mut parser = serde_json::Deserializer::from_slice(line);
    let found = parser
        .deserialize_map(Find { field })
        .and_then(|found| parser.end().map(|()| found))
        .map_err(|error| format!("is no JSON object ({error})"))?;
    match found.map(RawValue::get) {
        None | Some("null") => Ok(None),
        Some(text) if text.starts_with('"') => {
            let text: String = serde_json::from_str(text).map_err(|error| error.to_string())?;
            Ok(Some(text.into_bytes()))
        }
        Some(text) => Ok(Some(text.as_bytes().to_vec())),
    }
}

struct Find<'f> {
    field: &'f str,
}

impl<'de> Visitor<'de> for Find<'_> {
    type Value = Option<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(name) = map.next_key::<std::borrow::Cow<'de, str>>()? {
            if name == self.field {
                found = Some(map.next_value::<&'de RawValue>()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(line: &str) -> Result<Option<String>, String> {
        let found = field_of(line.as_bytes(), "k")?;
        Ok(found.map(|bytes| String::from_utf8(bytes).unwrap()))
    }

    #[test]
    fn a_field_is_found_whatever_its_kind() {
        assert_eq!(field(r#"{"a":[1,{"k":2}],"k":"x\ty"}"#), Ok(Some("x\ty".to_owned())));
        assert_eq!(field(r#"{"k":1545}"#), Ok(Some("1545".to_owned())));
        assert_eq!(field(r#"{"k":null}"#), Ok(None));
        assert_eq!(field("{}"), Ok(None));
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for line in ["", "7", "[1]", "{", r#"{"k":1} x"#, "hello"] {
            assert!(field(line).is_err(), "{line}");
        }
    }

    #[test]
    fn a_separator_parts_key_and_value() {
        let cutter = Cutter::new(None, Some("::".to_owned()));
        let line = cutter.cut(b"xxab::cd::e", 2..11).unwrap();
        assert_eq!(line, Line { key: Some(Key::Part(2..4)), value: 6..11 });
        assert!(cutter.cut(b"abc", 0..3).is_err());
    }
}
