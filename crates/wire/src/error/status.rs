//! A [`RichError`] as the status of a call, and back.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use ottla_model::{Fault, Outcome, Retry};
use prost::Message;
use prost_types::Any;
use tonic::{Code, Status};
use tonic_types::pb;

use super::{DOMAIN, RichError};
use crate::v1;

/// Longest message of a status, in bytes. Details travel in headers, which peers limit to some KiB.
const MESSAGE_BYTES_MAX: usize = 1024;

const ERROR_TYPE: &str = "type.googleapis.com/ottla.v1.Error";

impl From<RichError> for Status {
    fn from(mut error: RichError) -> Self {
        shorten(&mut error.message);
        error.metadata.values_mut().for_each(shorten);
        let (code, message) = (error.code, error.message.clone());
        Self::with_details(code, message, details(error))
    }
}

impl From<Box<RichError>> for Status {
    fn from(error: Box<RichError>) -> Self {
        Self::from(*error)
    }
}

fn shorten(text: &mut String) {
    if text.len() > MESSAGE_BYTES_MAX {
        text.truncate(text.floor_char_boundary(MESSAGE_BYTES_MAX - 3));
        text.push_str("...");
    }
}

/// Ours first, complete; then what generic tools read.
fn details(error: RichError) -> Bytes {
    let mut details = vec![error_info(&error)];
    details.extend(error.retry_after.map(retry_info));
    details.extend((!error.violations.is_empty()).then(|| bad_request(&error)));
    let status = (error.code as i32, error.message.clone());
    let ours = v1::Error::from(error).encode_to_vec();
    details.insert(0, Any { type_url: ERROR_TYPE.to_owned(), value: ours });
    pb::Status { code: status.0, message: status.1, details }.encode_to_vec().into()
}

fn error_info(error: &RichError) -> Any {
    let answers = [
        ("outcome", error.outcome.name()),
        ("retry", error.retry.name()),
        ("fault", error.fault.name()),
        ("advice", &error.advice),
    ];
    let answers = answers.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned()));
    let metadata: HashMap<_, _> = error.metadata.clone().into_iter().chain(answers).collect();
    let info = pb::ErrorInfo { reason: error.reason.clone(), domain: DOMAIN.to_owned(), metadata };
    any("google.rpc.ErrorInfo", &info)
}

fn retry_info(pause: Duration) -> Any {
    let retry_delay = prost_types::Duration::try_from(pause).ok();
    any("google.rpc.RetryInfo", &pb::RetryInfo { retry_delay })
}

fn bad_request(error: &RichError) -> Any {
    let field_violations =
        error.violations.iter().map(|violation| pb::bad_request::FieldViolation {
            field: violation.field.clone(),
            description: violation.description.clone(),
            ..Default::default()
        });
    any("google.rpc.BadRequest", &pb::BadRequest { field_violations: field_violations.collect() })
}

fn any(name: &str, message: &impl Message) -> Any {
    Any { type_url: format!("type.googleapis.com/{name}"), value: message.encode_to_vec() }
}

impl From<Status> for RichError {
    fn from(status: Status) -> Self {
        Self::from(&status)
    }
}

impl From<&Status> for RichError {
    fn from(status: &Status) -> Self {
        ours(status.details()).unwrap_or_else(|| bare(status))
    }
}

/// Our own detail, if the status carries it whole.
fn ours(details: &[u8]) -> Option<RichError> {
    let status = pb::Status::decode(details).ok()?;
    let detail = status.details.iter().find(|detail| is_ours(&detail.type_url))?;
    v1::Error::decode(detail.value.as_slice()).ok().map(RichError::from)
}

/// Whatever host the type is said to live at.
fn is_ours(type_url: &str) -> bool {
    type_url.rsplit('/').next() == ERROR_TYPE.rsplit('/').next()
}

/// A status of somebody else's: of a proxy, of the transport, or of tonic itself.
fn bare(status: &Status) -> RichError {
    let (reason, outcome, retry, fault) = careful_answers(status.code());
    let message = match status.message() {
        "" => status.code().description(),
        message => message,
    };
    RichError::refused(reason, status.code(), message).with_answers(outcome, retry, fault)
}

/// What a code alone allows to say. In doubt the outcome is unknown.
fn careful_answers(code: Code) -> (&'static str, Outcome, Retry, Fault) {
    use Outcome::{DidNotHappen, Happened, Unknown};
    match code {
        Code::Ok => ("OK", Happened, Retry::Never, Fault::Nobody),
        Code::Cancelled => ("CANCELLED", Unknown, Retry::Never, Fault::Caller),
        Code::Unknown => ("UNKNOWN", Unknown, Retry::SameSequence, Fault::Cluster),
        Code::InvalidArgument => ("INVALID_ARGUMENT", DidNotHappen, Retry::Never, Fault::Caller),
        Code::DeadlineExceeded => {
            ("DEADLINE_EXCEEDED", Unknown, Retry::SameSequence, Fault::Nobody)
        }
        Code::NotFound => ("NOT_FOUND", DidNotHappen, Retry::Never, Fault::Caller),
        Code::AlreadyExists => ("ALREADY_EXISTS", DidNotHappen, Retry::Never, Fault::Caller),
        Code::PermissionDenied => ("PERMISSION_DENIED", DidNotHappen, Retry::Never, Fault::Caller),
        Code::ResourceExhausted => {
            ("RESOURCE_EXHAUSTED", Unknown, Retry::SameSequence, Fault::Cluster)
        }
        Code::FailedPrecondition => {
            ("FAILED_PRECONDITION", DidNotHappen, Retry::Never, Fault::Caller)
        }
        Code::Aborted => ("ABORTED", Unknown, Retry::SameSequence, Fault::Nobody),
        Code::OutOfRange => ("OUT_OF_RANGE", DidNotHappen, Retry::Never, Fault::Caller),
        Code::Unimplemented => ("UNIMPLEMENTED", DidNotHappen, Retry::Never, Fault::Caller),
        Code::Internal => ("INTERNAL", Unknown, Retry::SameSequence, Fault::Cluster),
        Code::Unavailable => ("UNAVAILABLE", Unknown, Retry::SameSequence, Fault::Cluster),
        Code::DataLoss => ("DATA_LOSS", Unknown, Retry::Never, Fault::Cluster),
        Code::Unauthenticated => ("UNAUTHENTICATED", DidNotHappen, Retry::Never, Fault::Caller),
    }
}
