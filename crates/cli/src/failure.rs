//! How a command fails: one sentence on standard error, and an exit code that means something.

use std::fmt;
use std::io;
use std::process::ExitCode;

use ottla_client::ClientError;
use ottla_consumer::ConsumerError;
use ottla_model::{Answers, Outcome};
use ottla_producer::ProducerError;

/// What was asked for did not happen, or not wholly.
pub const FAILED: u8 = 1;
/// The command line or the configuration was wrong (clap's own code).
pub const USAGE: u8 = 2;
/// A data directory is damaged.
pub const DAMAGED: u8 = 3;
/// Nobody can tell whether it happened.
pub const UNKNOWN: u8 = 4;

/// Why a command failed.
#[derive(Debug)]
pub struct Failure {
    message: String,
    code: u8,
}

impl Failure {
    /// A failure that this sentence tells.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: FAILED }
    }

    /// A mistake in what was typed.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: USAGE }
    }

    /// Prints the sentence and gives the exit code.
    pub fn report(self) -> ExitCode {
        eprintln!("ottla: {}", self.message);
        ExitCode::from(self.code)
    }

    fn answered(error: &(impl Answers + fmt::Display)) -> Self {
        let code = if error.outcome() == Outcome::Unknown { UNKNOWN } else { FAILED };
        Self { message: error.to_string(), code }
    }
}

/// Why something could not be read, and what that wants.
pub(crate) fn why(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "it is not there; look at the path".to_owned(),
        io::ErrorKind::PermissionDenied => {
            "this user may not; change its mode or its owner".to_owned()
        }
        io::ErrorKind::IsADirectory => "it is a directory; name a file".to_owned(),
        io::ErrorKind::InvalidData => format!("it is damaged or of another kind ({error})"),
        _ => error.to_string(),
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        Self::answered(&error)
    }
}

impl From<ProducerError> for Failure {
    fn from(error: ProducerError) -> Self {
        Self::answered(&error)
    }
}

impl From<ConsumerError> for Failure {
    fn from(error: ConsumerError) -> Self {
        Self::answered(&error)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::new(error.to_string())
    }
}
