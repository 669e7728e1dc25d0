//! Any text as a configuration file, and any value of any setting: it is refused in words or taken, and
//! file, environment and flags take the same.

#![no_main]

use std::sync::OnceLock;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use ottla_server::ServerConfig;

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    setting: u8,
    value: &'a str,
    text: &'a str,
}

fuzz_target!(|input: Input<'_>| {
    let read = ServerConfig::read(Some(("file", input.text)), [], &[]);
    assert!(read.is_ok() || !read.unwrap_err().to_string().is_empty());

    let names = names();
    let name = &names[usize::from(input.setting) % names.len()];
    let variable = format!("OTTLA_{}", name.replace('.', "_").to_uppercase());
    let environment = ServerConfig::read(None, [(variable, input.value.to_owned())], &[]);
    let flag = ServerConfig::read(None, [], &[(name, input.value.to_owned())]);
    let (section, key) =
        name.rsplit_once('.').map_or(("", &**name), |(section, key)| (section, key));
    let head = if section.is_empty() { String::new() } else { format!("[{section}]\n") };
    let file = format!("{head}{key} = \"{}\"\n", escaped(input.value));
    let file = ServerConfig::read(Some(("file", &file)), [], &[]);
    assert_eq!(environment.as_ref().ok(), flag.as_ref().ok());
    assert_eq!(file.as_ref().ok(), flag.as_ref().ok());
    if let Ok(config) = flag {
        // What is taken once is taken again.
        assert_eq!(
            ServerConfig::read(None, [], &[(name, input.value.to_owned())]).ok(),
            Some(config)
        );
    }
});

/// Every setting, from the manual.
fn names() -> &'static [String] {
    static NAMES: OnceLock<Vec<String>> = OnceLock::new();
    NAMES.get_or_init(|| {
        let manual = ServerConfig::manual();
        let mut section = String::new();
        let mut names = Vec::new();
        for line in manual.lines() {
            if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                section = format!("{name}.");
            } else if let Some((name, _)) =
                line.split_once(" = ").filter(|_| !line.starts_with('#'))
            {
                names.push(format!("{section}{name}"));
            }
        }
        names
    })
}

/// As TOML writes it between quotes.
fn escaped(value: &str) -> String {
    let escape = |character: char| match character {
        '"' | '\\' => format!("\\{character}"),
        other if other.is_control() => format!("\\u{:04x}", u32::from(other)),
        other => other.to_string(),
    };
    value.chars().map(escape).collect()
}
