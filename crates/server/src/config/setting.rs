//! What a setting is: a field with a type, a default as people would write it, and words.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use ottla_model::ByteCount;

use super::listen::{KafkaAddresses, ListenAddress};

/// One setting, for the manual and for suggestions.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Entry {
    /// Its name within its section.
    pub(super) name: &'static str,
    /// Its default, as it would be written.
    pub(super) default: &'static str,
    /// Its doc comment, line by line.
    pub(super) docs: Vec<&'static str>,
    /// Whether a file writes it between quotes.
    pub(super) quoted: bool,
}

/// A section of settings with its words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Chapter {
    /// Its name, empty for the settings above all sections.
    pub(super) name: &'static str,
    pub(super) docs: Vec<&'static str>,
    pub(super) entries: Vec<Entry>,
}

/// A struct of settings.
pub(super) trait Section: Default {
    /// Itself, then the sections within.
    fn chapters() -> Vec<Chapter>;
    /// Sets one setting by its full name.
    fn set(&mut self, name: &str, text: &str) -> Result<(), String>;
}

/// A type that a setting may have.
pub(super) trait SettingValue: Sized {
    /// Whether a file writes it between quotes.
    const QUOTED: bool;
    /// Reads it as people write it.
    fn parse(text: &str) -> Result<Self, String>;
}

macro_rules! unquoted {
    ($($type:ty, $what:literal;)*) => {$(
        impl SettingValue for $type {
            const QUOTED: bool = false;
            fn parse(text: &str) -> Result<Self, String> {
                <$type>::from_str(text).map_err(|_| concat!("write ", $what).to_owned())
            }
        }
    )*};
}

unquoted! {
    bool, "true or false";
    u32, "a whole number, 0 or more";
    usize, "a whole number, 0 or more";
    i32, "a whole number";
}

impl SettingValue for PathBuf {
    const QUOTED: bool = true;
    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() { Err("write a path".to_owned()) } else { Ok(Self::from(text)) }
    }
}

impl SettingValue for Option<PathBuf> {
    const QUOTED: bool = true;
    fn parse(text: &str) -> Result<Self, String> {
        Ok((!text.is_empty()).then(|| PathBuf::from(text)))
    }
}

/// `auto` is left to the program.
impl SettingValue for Option<ByteCount> {
    const QUOTED: bool = true;
    fn parse(text: &str) -> Result<Self, String> {
        if text == "auto" { Ok(None) } else { <ByteCount as SettingValue>::parse(text).map(Some) }
    }
}

impl SettingValue for ListenAddress {
    const QUOTED: bool = true;
    fn parse(text: &str) -> Result<Self, String> {
        Self::parse(text)
    }
}

impl SettingValue for KafkaAddresses {
    const QUOTED: bool = true;
    fn parse(text: &str) -> Result<Self, String> {
        Self::parse(text)
    }
}

impl SettingValue for ByteCount {
    const QUOTED: bool = true;
    fn parse(text: &str) -> Result<Self, String> {
        Self::from_str(text).map_err(|error| error.to_string())
    }
}

impl SettingValue for Duration {
    const QUOTED: bool = true;
    fn parse(text: &str) -> Result<Self, String> {
        humantime::parse_duration(text)
            .map_err(|_| "write a number and a unit, such as 500ms, 10s, 5min or 7days".to_owned())
    }
}

/// Declares a struct of settings. The doc comments become the manual, the defaults are written as people write them.
macro_rules! settings {
    (
        $(#[doc = $struct_doc:literal])*
        pub struct $struct_name:ident [$section:literal] {
            $( $(#[doc = $doc:literal])* $field:ident : $type:ty = $default:literal, )*
        }
        $(with { $( $(#[doc = $sub_doc:literal])* $sub:ident : $sub_type:ty, )* })?
    ) => {
        $(#[doc = $struct_doc])*
        #[derive(Clone, PartialEq, Debug)]
        pub struct $struct_name {
            $( $(#[doc = $doc])* pub $field: $type, )*
            $($( $(#[doc = $sub_doc])* pub $sub: $sub_type, )*)?
        }

        impl Default for $struct_name {
            fn default() -> Self {
                Self {
                    $( $field: <$type as $crate::config::setting::SettingValue>::parse($default)
                        .expect("a default reads as itself: a test reads the whole manual"), )*
                    $($( $sub: <$sub_type>::default(), )*)?
                }
            }
        }

        impl $crate::config::setting::Section for $struct_name {
            fn chapters() -> Vec<$crate::config::setting::Chapter> {
                #[allow(unused_mut)]
                let mut chapters = vec![$crate::config::setting::Chapter {
                    name: $section,
                    docs: vec![$($struct_doc),*],
                    entries: vec![$( $crate::config::setting::Entry {
                        name: stringify!($field),
                        default: $default,
                        docs: vec![$($doc),*],
                        quoted: <$type as $crate::config::setting::SettingValue>::QUOTED,
                    } ),*],
                }];
                $($( chapters.extend(<$sub_type>::chapters()); )*)?
                chapters
            }

            fn set(&mut self, name: &str, text: &str) -> Result<(), String> {
                $($(
                    if let Some(within) = name.strip_prefix(concat!(stringify!($sub), ".")) {
                        return self.$sub.set(within, text);
                    }
                )*)?
                match name {
                    $( stringify!($field) => {
                        self.$field = $crate::config::setting::SettingValue::parse(text)?;
                        Ok(())
                    } )*
                    _ => Err("there is no such setting".to_owned()),
                }
            }
        }
    };
}

pub(super) use settings;
