//! How a record is printed.

use std::io::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ottla_consumer::ConsumedRecord;
use serde_json::{Map, Value, json};

use crate::commands::time;
use crate::failure::Failure;

/// A format, ready to print.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Template {
    /// The value and a line feed.
    Raw,
    /// All of the record as one JSON object on a line.
    Json,
    /// These parts, one after the other.
    Parts(Vec<Part>),
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part {
    Text(String),
    Topic,
    Partition,
    Offset,
    Key,
    Value,
    Time,
    Millis,
    Headers,
}

impl Template {
    pub(super) fn parse(text: &str) -> Result<Self, Failure> {
        match text {
            "raw" => Ok(Self::Raw),
            "json" => Ok(Self::Json),
            _ if text.contains(['%', '\\']) => parts(text).map(Self::Parts),
            _ => Err(Failure::usage(format!(
                "`--format {text}`: write raw, json, or a template such as '%o %k %v\\n'"
            ))),
        }
    }

    pub(super) fn write(&self, out: &mut impl Write, record: &ConsumedRecord) -> io::Result<()> {
        match self {
            Self::Raw => {
                out.write_all(record.value().unwrap_or_default())?;
                out.write_all(b"\n")
            }
            Self::Json => {
                serde_json::to_writer(&mut *out, &as_json(record))?;
                out.write_all(b"\n")
            }
            Self::Parts(parts) => parts.iter().try_for_each(|part| part.write(out, record)),
        }
    }
}

impl Part {
    fn write(&self, out: &mut impl Write, record: &ConsumedRecord) -> io::Result<()> {
        match self {
            Self::Text(text) => out.write_all(text.as_bytes()),
            Self::Topic => write!(out, "{}", record.topic()),
            Self::Partition => write!(out, "{}", record.partition()),
            Self::Offset => write!(out, "{}", record.offset()),
            Self::Key => out.write_all(record.key().unwrap_or_default()),
            Self::Value => out.write_all(record.value().unwrap_or_default()),
            Self::Time => out.write_all(time::show(record.timestamp()).as_bytes()),
            Self::Millis => write!(out, "{}", record.timestamp()),
            Self::Headers => headers(out, record),
        }
    }
}

fn headers(out: &mut impl Write, record: &ConsumedRecord) -> io::Result<()> {
    for (index, (name, value)) in record.headers().enumerate() {
        if index > 0 {
            out.write_all(b",")?;
        }
        out.write_all(name)?;
        out.write_all(b"=")?;
        out.write_all(value.unwrap_or_default())?;
    }
    Ok(())
}

fn as_json(record: &ConsumedRecord) -> Value {
    let mut object = Map::new();
    object.insert("topic".to_owned(), json!(record.topic()));
    object.insert("partition".to_owned(), json!(record.partition()));
    object.insert("offset".to_owned(), json!(record.offset()));
    object.insert("timestamp".to_owned(), json!(record.timestamp()));
    put(&mut object, "key", record.key());
    put(&mut object, "value", record.value());
    let headers: Vec<Value> = record
        .headers()
        .map(|(name, value)| {
            let mut header = Map::new();
            put(&mut header, "name", Some(name));
            put(&mut header, "value", value);
            Value::Object(header)
        })
        .collect();
    object.insert("headers".to_owned(), Value::Array(headers));
    Value::Object(object)
}

/// Text as text; other bytes as `<name>_base64`.
fn put(object: &mut Map<String, Value>, name: &str, bytes: Option<&[u8]>) {
    let Some(bytes) = bytes else {
        object.insert(name.to_owned(), Value::Null);
        return;
    };
    match std::str::from_utf8(bytes) {
        Ok(text) => object.insert(name.to_owned(), json!(text)),
        Err(_) => object.insert(format!("{name}_base64"), json!(STANDARD.encode(bytes))),
    };
}

fn parts(text: &str) -> Result<Vec<Part>, Failure> {
    let mut parts = Vec::new();
    let mut plain = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        let part = match character {
            '%' => field(characters.next(), &mut plain)?,
            '\\' => {
                escape(characters.next(), &mut plain)?;
                None
            }
            other => {
                plain.push(other);
                None
            }
        };
        if let Some(part) = part {
            if !plain.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut plain)));
            }
            parts.push(part);
        }
    }
    if !plain.is_empty() {
        parts.push(Part::Text(plain));
    }
    Ok(parts)
}

fn field(letter: Option<char>, plain: &mut String) -> Result<Option<Part>, Failure> {
    Ok(Some(match letter {
        Some('t') => Part::Topic,
        Some('p') => Part::Partition,
        Some('o') => Part::Offset,
        Some('k') => Part::Key,
        Some('v') => Part::Value,
        Some('T') => Part::Time,
        Some('s') => Part::Millis,
        Some('h') => Part::Headers,
        Some('%') => {
            plain.push('%');
            return Ok(None);
        }
        other => {
            let shown = other.map(String::from).unwrap_or_default();
            return Err(Failure::usage(format!(
                "`%{shown}` in --format means nothing; there are %t %p %o %k %v %T %s %h %%"
            )));
        }
    }))
}

fn escape(letter: Option<char>, plain: &mut String) -> Result<(), Failure> {
    plain.push(match letter {
        Some('n') => '\n',
        Some('t') => '\t',
        Some('r') => '\r',
        Some('0') => '\0',
        Some('\\') => '\\',
        other => {
            let shown = other.map(String::from).unwrap_or_default();
            return Err(Failure::usage(format!(
                "`\\{shown}` in --format means nothing; there are \\n \\t \\r \\0 \\\\"
            )));
        }
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_cut_into_its_parts() {
        let text = |text: &str| Part::Text(text.to_owned());
        assert_eq!(
            parts("%o: %k\\n100%%").unwrap(),
            [Part::Offset, text(": "), Part::Key, text("\n100%")]
        );
    }

    #[test]
    fn what_means_nothing_is_refused() {
        for bad in ["%x", "%", "\\q", "\\", "yaml", ""] {
            assert!(Template::parse(bad).is_err(), "{bad}");
        }
    }
}
