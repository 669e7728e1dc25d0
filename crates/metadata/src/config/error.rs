//! What can be wrong with a topic's settings.

use ottla_model::{Answers, Fault, Outcome, Retry};

/// Why settings cannot be taken. Names the key, what was wrong with it, and what is allowed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ConfigError {
    /// There is no such setting.
    #[error("`{key}` is no setting of a topic{}", suggestion(*.nearest))]
    UnknownKey {
        /// What was asked for.
        key: String,
        /// The setting that was probably meant.
        nearest: Option<&'static str>,
    },
    /// The setting exists, but cannot be that.
    #[error("`{key}` cannot be `{value}`: {why}; allowed is {allowed}")]
    BadValue {
        /// The setting.
        key: &'static str,
        /// What it was to be.
        value: String,
        /// What is wrong with that.
        why: String,
        /// What it may be.
        allowed: &'static str,
    },
    /// Each setting may be that, but not together.
    #[error("{why}; {advice}")]
    Conflict {
        /// Which settings contradict each other, and how.
        why: String,
        /// What to do.
        advice: &'static str,
    },
}

fn suggestion(nearest: Option<&'static str>) -> String {
    match nearest {
        Some(name) => format!(" (did you mean `{name}`?)"),
        None => String::new(),
    }
}

impl Answers for ConfigError {
    fn outcome(&self) -> Outcome {
        match self {
            Self::UnknownKey { .. } | Self::BadValue { .. } | Self::Conflict { .. } => {
                Outcome::DidNotHappen
            }
        }
    }

    fn retry(&self) -> Retry {
        match self {
            Self::UnknownKey { .. } | Self::BadValue { .. } | Self::Conflict { .. } => Retry::Never,
        }
    }

    fn fault(&self) -> Fault {
        match self {
            Self::UnknownKey { .. } | Self::BadValue { .. } | Self::Conflict { .. } => {
                Fault::Caller
            }
        }
    }
}
