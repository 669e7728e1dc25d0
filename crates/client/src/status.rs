//! How calls fail, in our words.

use std::error::Error;

use ottla_wire::error::RichError;
use tonic::{Code, Status};

use crate::config::ClientConfig;
use crate::error::{ClientError, ServerError};

impl From<RichError> for ServerError {
    fn from(error: RichError) -> Self {
        Self {
            code: error.reason,
            message: error.message,
            outcome: error.outcome,
            retry: error.retry,
            fault: error.fault,
            advice: error.advice,
            retry_after: error.retry_after,
            metadata: error.metadata,
        }
    }
}

/// The error of a call that was made to the broker at `address`.
pub(crate) fn failed(address: &str, config: &ClientConfig, status: &Status) -> ClientError {
    let address = address.to_owned();
    if comes_from_a_server(status) {
        return ClientError::Refused(Box::new(RichError::from(status).into()));
    }
    match status.code() {
        Code::DeadlineExceeded => ClientError::NoAnswer { address, waited: config.request_timeout },
        _ if is_connect_error(status) => {
            ClientError::Unreachable { addresses: address, why: why(status) }
        }
        _ => ClientError::ConnectionLost { address, why: why(status) },
    }
}

/// Whether a server said so, rather than our own transport.
fn comes_from_a_server(status: &Status) -> bool {
    let transport = matches!(
        status.code(),
        Code::Unavailable
            | Code::Unknown
            | Code::Internal
            | Code::Cancelled
            | Code::DeadlineExceeded
    );
    !status.details().is_empty() || (status.source().is_none() && !transport)
}

fn is_connect_error(status: &Status) -> bool {
    causes(status).any(|error| error.is::<tonic::ConnectError>())
}

fn causes<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| {
        let error: &'e (dyn Error + 'static) = *error;
        error.source()
    })
}

fn why(status: &Status) -> String {
    match status.source() {
        Some(source) => describe(source),
        None if status.message().is_empty() => status.code().description().to_owned(),
        None => status.message().to_owned(),
    }
}

/// What an error and its causes say, without repetition. The transport's outermost words ("transport
/// error") say nothing, so the innermost come.
pub(crate) fn describe(error: &(dyn Error + 'static)) -> String {
    let innermost = causes(error).last().expect("an error is its own first cause");
    innermost.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// regression: a connection that was cut was called "no answer in 30s", long before that.
    #[test]
    fn what_was_cut_did_not_wait_in_vain() {
        let config = ClientConfig::new("here:1");
        let cut = failed("here:1", &config, &Status::cancelled("operation was canceled"));
        let why = "operation was canceled".to_owned();
        assert_eq!(cut, ClientError::ConnectionLost { address: "here:1".to_owned(), why });
        let late = failed("here:1", &config, &Status::deadline_exceeded("late"));
        assert!(matches!(late, ClientError::NoAnswer { .. }), "{late}");
    }
}
