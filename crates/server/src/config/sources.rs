//! Where settings come from, and what to say of a name that nobody knows.

use std::io::ErrorKind;
use std::path::Path;

use super::ServerConfig;
use super::setting::Section as _;

/// Environment variables that begin with OTTLA_ and are no settings of the server: those of the command line and of the
/// project's own gate.
const NO_SETTINGS: &[&str] = &["OTTLA_BOOTSTRAP", "OTTLA_OUTPUT", "OTTLA_LOG", "OTTLA_CI_TARGET"];

/// Names further than this from every setting get no suggestion.
const SUGGESTION_SIMILARITY_MIN: f64 = 0.7;

/// One setting as somebody wrote it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Given {
    /// Its name as written there.
    pub(super) name: String,
    pub(super) value: String,
    /// Where it was written, for people.
    pub(super) place: String,
    from_environment: bool,
}

/// The text of a file.
pub(super) fn read(path: &Path) -> Result<String, String> {
    let why = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => "it is not there; look at the path".to_owned(),
        ErrorKind::PermissionDenied => "this user may not; change its mode or its owner".to_owned(),
        ErrorKind::IsADirectory => "it is a directory; name a file in it".to_owned(),
        ErrorKind::InvalidData => {
            "it is no text; write TOML, as `ottla config default` does".to_owned()
        }
        _ => error.to_string(),
    };
    std::fs::read_to_string(path).map_err(|e| format!("cannot read {}: {}", path.display(), why(e)))
}

/// The settings of a TOML file that is called `place`.
pub(super) fn file(place: &str, text: &str) -> Result<Vec<Given>, String> {
    let table: toml::Table =
        text.parse().map_err(|error| format!("{place}{}", no_toml(&error, text)))?;
    let mut given = Vec::new();
    flatten("", table, place, &mut given)?;
    Ok(given)
}

/// What is wrong with the text, and in which line of it.
fn no_toml(error: &toml::de::Error, text: &str) -> String {
    let line = error.span().and_then(|span| text.get(..span.start)).map(|before| {
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        format!(", line {line}")
    });
    let what = error.message().lines().collect::<Vec<_>>().join("; ");
    format!("{}: this is no TOML: {what}", line.unwrap_or_default())
}

fn flatten(
    prefix: &str,
    table: toml::Table,
    place: &str,
    given: &mut Vec<Given>,
) -> Result<(), String> {
    for (key, value) in table {
        let name = format!("{prefix}{key}");
        let value = match value {
            toml::Value::Table(within) => {
                flatten(&format!("{name}."), within, place, given)?;
                continue;
            }
            toml::Value::String(text) => text,
            toml::Value::Integer(number) => number.to_string(),
            toml::Value::Float(number) => number.to_string(),
            toml::Value::Boolean(yes) => yes.to_string(),
            toml::Value::Array(_) | toml::Value::Datetime(_) => {
                return Err(format!("{place}: `{name}`: no setting is a list or a date"));
            }
        };
        let place = place.to_owned();
        given.push(Given { name, value, place, from_environment: false });
    }
    Ok(())
}

/// The settings of the environment.
pub(super) fn environment(
    variables: impl IntoIterator<Item = (String, String)>,
) -> impl Iterator<Item = Given> {
    let ours = |(name, _): &(String, String)| {
        name.starts_with("OTTLA_") && !NO_SETTINGS.contains(&name.as_str())
    };
    variables.into_iter().filter(ours).map(|(name, value)| Given {
        place: format!("environment variable {name}"),
        name,
        value,
        from_environment: true,
    })
}

/// The settings of flags.
pub(super) fn flags(overrides: &[(&str, String)]) -> impl Iterator<Item = Given> {
    overrides.iter().map(|(name, value)| Given {
        name: (*name).to_owned(),
        value: value.clone(),
        place: "command line".to_owned(),
        from_environment: false,
    })
}

/// The full name of the setting that is meant, if there is one.
pub(super) fn resolve(given: &Given) -> Option<String> {
    names().into_iter().find(|name| spelled(name, given.from_environment) == given.name)
}

/// What to say of a name that nobody knows.
pub(super) fn unknown(given: &Given) -> String {
    let spellings = names().into_iter().map(|name| spelled(&name, given.from_environment));
    let nearest = spellings
        .map(|name| (strsim::jaro_winkler(&name, &given.name), name))
        .filter(|(similarity, _)| *similarity >= SUGGESTION_SIMILARITY_MIN)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    let advice = match nearest {
        Some((_, name)) => format!("did you mean `{name}`?"),
        None => "`ottla config default` lists all settings".to_owned(),
    };
    format!("{}: there is no setting `{}`; {advice}", given.place, given.name)
}

fn names() -> Vec<String> {
    let mut names = Vec::new();
    for chapter in ServerConfig::chapters() {
        let dot = if chapter.name.is_empty() { "" } else { "." };
        names.extend(chapter.entries.iter().map(|e| format!("{}{dot}{}", chapter.name, e.name)));
    }
    names
}

fn spelled(name: &str, in_environment: bool) -> String {
    if in_environment {
        format!("OTTLA_{}", name.replace('.', "_").to_uppercase())
    } else {
        name.to_owned()
    }
}
