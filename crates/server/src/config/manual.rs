//! The manual: every setting with its default and what it does, as a valid configuration file.

use std::fmt::Write as _;

use super::ServerConfig;
use super::setting::{Chapter, Entry, Section as _};

const PREFACE: &str = "\
# Every setting of `ottla serve`, with its default. A file needs only what differs.
#
# Priority, rising: this file (`--config FILE`), the environment, flags. A setting is named in the
# environment by OTTLA_ and its name in capitals, with _ for the dot: log.tail_cache_bytes is
# OTTLA_LOG_TAIL_CACHE_BYTES. As a flag: --set log.tail_cache_bytes=128MiB.
#
# Amounts of bytes: 512KiB, 64MiB, 1GiB. Times: 500ms, 10s, 5min, 7days.
";

/// The whole manual.
pub(super) fn text() -> String {
    let mut text = PREFACE.to_owned();
    for chapter in ServerConfig::chapters() {
        write_chapter(&mut text, &chapter);
    }
    text
}

/// One setting, for programs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SettingDescription {
    /// Its full name, such as `log.tail_cache_bytes`.
    pub name: String,
    /// Its default, as it would be written.
    pub default: &'static str,
    /// What it does.
    pub doc: String,
}

/// Every setting.
pub(super) fn settings() -> Vec<SettingDescription> {
    let described = |chapter: Chapter| {
        let section = chapter.name;
        let dot = if section.is_empty() { "" } else { "." };
        chapter.entries.into_iter().map(move |entry| SettingDescription {
            name: format!("{section}{dot}{}", entry.name),
            default: entry.default,
            doc: entry.docs.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" "),
        })
    };
    ServerConfig::chapters().into_iter().flat_map(described).collect()
}

fn write_chapter(text: &mut String, chapter: &Chapter) {
    text.push('\n');
    write_docs(text, &chapter.docs);
    if !chapter.name.is_empty() {
        let _infallible = writeln!(text, "[{}]", chapter.name);
    }
    for entry in &chapter.entries {
        text.push('\n');
        write_entry(text, entry);
    }
}

fn write_entry(text: &mut String, entry: &Entry) {
    write_docs(text, &entry.docs);
    let quote = if entry.quoted { "\"" } else { "" };
    let _infallible = writeln!(text, "{} = {quote}{}{quote}", entry.name, entry.default);
}

fn write_docs(text: &mut String, docs: &[&str]) {
    for line in docs {
        let _infallible = writeln!(text, "#{line}");
    }
}
