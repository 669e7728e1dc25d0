//! Answers as text, with what cannot be the same taken out.

/// Replaces what differs between any two clusters: ids that were learned, the wording of errors, addresses.
pub(crate) fn shown(answer: &impl std::fmt::Debug, learned: &[(String, String)]) -> String {
    let mut text = format!("{answer:?}");
    for (value, name) in learned {
        text = text.replace(value, name);
    }
    for field in ["error_message", "batch_index_error_message"] {
        text = without_words(&text, field);
    }
    for field in ["last_timestamp", "port", "host", "log_dir", "log_append_time_ms"] {
        text = without_value(&text, field);
    }
    text
}

/// `error_message: Some("anything")` and `error_message: None` become `error_message: _`: Ottla says more.
fn without_words(text: &str, field: &str) -> String {
    let text = text.replace(&format!(" {field}: None"), &format!(" {field}: _"));
    let begin = format!(" {field}: Some(\"");
    let mut out = String::new();
    let mut rest = text.as_str();
    while let Some(at) = rest.find(&begin) {
        out.push_str(&rest[..at]);
        out.push_str(&format!(" {field}: _"));
        rest = &rest[at + begin.len()..];
        let mut escaped = false;
        let end = rest.find(|c: char| {
            let ends = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        });
        rest = &rest[end.expect("the text ends") + 2..];
    }
    out + rest
}

/// `field: value` becomes `field: _`.
fn without_value(text: &str, field: &str) -> String {
    let begin = format!(" {field}: ");
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(&begin) {
        out.push_str(&rest[..at + begin.len()]);
        out.push('_');
        rest = &rest[at + begin.len()..];
        let end = rest.find([',', ' ', '}']).expect("a struct goes on or ends");
        rest = &rest[end..];
    }
    out + rest
}
