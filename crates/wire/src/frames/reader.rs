//! The messages of a request's body, or of an answer's.
//!
//! What arrived is kept as the list of frames it came in; nothing is allocated because a length was
//! declared, and small frames are put together, so that what is kept costs about what was sent. A message
//! over the limit, a compressed one and a malformed one end the stream with a status that says so.

use std::collections::VecDeque;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use http_body::Body as _;
use ottla_model::ByteCount;
use tokio_stream::Stream;
use tonic::{Code, Status};

use super::PREFIX_BYTES;
use crate::budget::{Budget, Charge};
use crate::error::{RichError, key};

/// A frame of fewer bytes is put together with others: what a list and a network buffer take for it is
/// of this order.
const SMALL_BYTES: usize = 4 * 1024;

/// What a stream may hold without its budget being asked.
const FREE_BYTES: usize = 4 * 1024;

/// A stream of the messages in a body.
pub struct Messages<T> {
    body: Pin<Box<tonic::body::Body>>,
    arrived: Arrived,
    length: Option<usize>,
    bytes_max: usize,
    /// How an answer ends: with the status that its trailers bring. A request has none.
    status: Option<Option<Status>>,
    ended: bool,
    message: PhantomData<fn() -> T>,
}

/// Bytes that arrived and were not taken.
#[derive(Default)]
struct Arrived {
    parts: VecDeque<Bytes>,
    /// Small frames behind the parts, put together.
    tail: BytesMut,
    bytes: usize,
    charge: Option<Charge>,
}

impl<T> Messages<T> {
    /// The messages in the body of a request, none of which may have more than `bytes_max`.
    pub fn of_request(body: tonic::body::Body, bytes_max: usize) -> Self {
        Self {
            body: Box::pin(body),
            arrived: Arrived::default(),
            length: None,
            bytes_max,
            status: None,
            ended: false,
            message: PhantomData,
        }
    }

    /// The same, with what has arrived of messages and is not whole yet within this budget.
    pub fn within(mut self, budget: &Budget) -> Self {
        self.arrived.charge = Some(budget.charge());
        self
    }

    /// The messages of an answer, none of which may have more than `bytes_max`. The stream ends with an
    /// error unless the answer ends with OK.
    ///
    /// # Errors
    /// When the answer is nothing but an error.
    pub fn of_answer(
        answer: http::Response<tonic::body::Body>,
        bytes_max: usize,
    ) -> Result<Self, Status> {
        match Status::from_header_map(answer.headers()) {
            Some(status) if status.code() != Code::Ok => return Err(status),
            _ if answer.status() != http::StatusCode::OK => return Err(no_grpc(answer.status())),
            _ => {}
        }
        let messages = Self::of_request(answer.into_body(), bytes_max);
        Ok(Self { status: Some(None), ..messages })
    }
}

impl<T: prost::Message + Default> Messages<T> {
    /// The next message, if all of it has arrived.
    fn take(&mut self) -> Result<Option<T>, Status> {
        if self.length.is_none() && self.arrived.bytes >= PREFIX_BYTES {
            self.length = Some(self.prefix()?);
        }
        match self.length {
            Some(length) if self.arrived.bytes >= length => {
                self.length = None;
                self.decode(length).map(Some)
            }
            _ => Ok(None),
        }
    }

    fn prefix(&mut self) -> Result<usize, Status> {
        let flag = self.arrived.get_u8();
        if flag != 0 {
            return Err(compressed(flag));
        }
        let length = self.arrived.get_u32() as usize;
        if length > self.bytes_max { Err(too_large(length, self.bytes_max)) } else { Ok(length) }
    }

    fn decode(&mut self, length: usize) -> Result<T, Status> {
        let mut message = (&mut self.arrived).take(length);
        let decoded = T::decode(&mut Exact(&mut message));
        decoded.map_err(|error| malformed(&error))
    }

    fn end(&mut self) -> Option<Result<T, Status>> {
        self.ended = true;
        match self.status.take() {
            Some(None) => return Some(Err(no_status())),
            Some(Some(status)) if status.code() != Code::Ok => return Some(Err(status)),
            Some(Some(_)) | None => {}
        }
        let whole = self.arrived.bytes == 0 && self.length.is_none();
        (!whole).then(|| Err(cut_off()))
    }

    fn arrived(&mut self, frame: http_body::Frame<Bytes>) -> Result<(), Status> {
        match frame.into_data() {
            Ok(part) => self.arrived.put(part),
            Err(frame) => {
                // Trailers of a request mean nothing here.
                let trailers = frame.into_trailers().unwrap_or_default();
                if let Some(status) = &mut self.status {
                    *status = Status::from_header_map(&trailers);
                }
                Ok(())
            }
        }
    }

    fn failed(&mut self, status: Status) -> Poll<Option<Result<T, Status>>> {
        self.ended = true;
        // What has arrived is nobody's any more.
        self.arrived = Arrived::default();
        Poll::Ready(Some(Err(status)))
    }
}

impl<T: prost::Message + Default> Stream for Messages<T> {
    type Item = Result<T, Status>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let messages = self.get_mut();
        loop {
            if messages.ended {
                return Poll::Ready(None);
            }
            match messages.take() {
                Ok(None) => {}
                Ok(Some(message)) => return Poll::Ready(Some(Ok(message))),
                Err(status) => return messages.failed(status),
            }
            match ready!(messages.body.as_mut().poll_frame(context)) {
                None => return Poll::Ready(messages.end()),
                Some(Err(status)) => return messages.failed(status),
                Some(Ok(frame)) => {
                    if let Err(status) = messages.arrived(frame) {
                        return messages.failed(status);
                    }
                }
            }
        }
    }
}

impl<T> std::fmt::Debug for Messages<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let arrived = self.arrived.bytes;
        f.debug_struct("Messages").field("arrived", &arrived).finish_non_exhaustive()
    }
}

impl Arrived {
    fn put(&mut self, part: Bytes) -> Result<(), Status> {
        self.bytes += part.len();
        let alone = self.parts.is_empty() && self.tail.is_empty();
        if part.len() < SMALL_BYTES && !alone {
            self.tail.extend_from_slice(&part);
        } else if !part.is_empty() {
            if !self.tail.is_empty() {
                self.parts.push_back(self.tail.split().freeze());
            }
            self.parts.push_back(part);
        }
        self.account().map_err(|error| Status::from(*error))
    }

    fn account(&self) -> Result<(), Box<RichError>> {
        match &self.charge {
            Some(charge) => charge.hold(self.bytes.saturating_sub(FREE_BYTES) as u64),
            None => Ok(()),
        }
    }
}

impl Buf for Arrived {
    fn remaining(&self) -> usize {
        self.bytes
    }

    fn chunk(&self) -> &[u8] {
        self.parts.front().map_or(&self.tail, |part| part)
    }

    fn advance(&mut self, mut count: usize) {
        self.bytes = self.bytes.checked_sub(count).expect("callers stay within what is remaining");
        self.account().expect("holding less is always granted");
        while count > 0 {
            let Some(part) = self.parts.front_mut() else { return self.tail.advance(count) };
            let step = count.min(part.len());
            part.advance(step);
            count -= step;
            if part.is_empty() {
                self.parts.pop_front();
            }
        }
    }
}

/// A buffer whose `copy_to_bytes`, which is how prost takes a `bytes` field, makes an allocation of
/// exactly that size.
struct Exact<'a, B>(&'a mut B);

impl<B: Buf> Buf for Exact<'_, B> {
    fn remaining(&self) -> usize {
        self.0.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.0.chunk()
    }

    fn advance(&mut self, count: usize) {
        self.0.advance(count);
    }

    fn copy_to_bytes(&mut self, length: usize) -> Bytes {
        let mut bytes = BytesMut::with_capacity(length);
        while bytes.len() < length {
            let chunk = self.0.chunk();
            let step = chunk.len().min(length - bytes.len());
            assert!(step > 0, "prost asks for no more than is remaining");
            bytes.extend_from_slice(&chunk[..step]);
            self.0.advance(step);
        }
        bytes.freeze()
    }
}

fn no_grpc(status: http::StatusCode) -> Status {
    Status::unavailable(format!("this is no gRPC server: it answers {status}"))
}

fn no_status() -> Status {
    Status::unavailable("the connection ended before the answer did")
}

fn compressed(flag: u8) -> Status {
    let message = format!("a message has compression flag {flag}; this stream takes none");
    RichError::refused("MESSAGE_COMPRESSED", Code::Unimplemented, message)
        .advising("compress the batches themselves, and send messages uncompressed")
        .into()
}

fn too_large(length: usize, limit: usize) -> Status {
    let (size, most) = (ByteCount(length as u64), ByteCount(limit as u64));
    let message = format!("a message of {size} is over the {most} that one may have");
    RichError::refused("MESSAGE_TOO_LARGE", Code::OutOfRange, message)
        .with(key::SIZE, length)
        .with(key::LIMIT, limit)
        .advising("send smaller batches")
        .into()
}

fn malformed(error: &prost::DecodeError) -> Status {
    let message = format!("a message cannot be read: {error}");
    RichError::refused("MESSAGE_MALFORMED", Code::InvalidArgument, message).into()
}

fn cut_off() -> Status {
    let message = "the stream ended in the middle of a message";
    RichError::refused("MESSAGE_CUT_OFF", Code::InvalidArgument, message).into()
}
