//! A stream of messages as the body of an answer or of a request.
//!
//! Small parts are copied together, large ones go out as they are: a frame of its own costs more than
//! the copy of some 16 KiB, and much less than that of a batch of the usual size.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderMap, HeaderValue};
use http_body::{Body, Frame};
use tokio_stream::Stream;
use tonic::{Code, Status};

use super::Message;

/// Parts below this are copied together.
const COPY_BYTES_MAX: usize = 32 * 1024;

/// How much of small parts is gathered before it is sent.
const GATHER_BYTES_MAX: usize = 256 * 1024;

/// The answer to a call whose messages come from `source`.
pub fn response<S>(source: S) -> http::Response<tonic::body::Body>
where
    S: Stream<Item = Result<Message, Status>> + Send + 'static,
{
    let mut response = http::Response::new(tonic::body::Body::new(FramedBody::of_answer(source)));
    let grpc = HeaderValue::from_static("application/grpc");
    response.headers_mut().insert(http::header::CONTENT_TYPE, grpc);
    response
}

/// The body: messages, then, in an answer, the status in the trailers.
pub struct FramedBody<S> {
    source: Pin<Box<S>>,
    gathered: BytesMut,
    gathered_before: usize,
    ready: VecDeque<Bytes>,
    of_answer: bool,
    end: End,
}

enum End {
    Running,
    Status(Status),
    Sent,
}

impl<S> FramedBody<S> {
    /// The body of an answer: what ends the messages well or ill goes into its trailers.
    pub fn of_answer(source: S) -> Self {
        Self::new(source, true)
    }

    /// The body of a request: nothing follows its messages, and an error resets the stream.
    pub fn of_request(source: S) -> Self {
        Self::new(source, false)
    }

    fn new(source: S, of_answer: bool) -> Self {
        Self {
            source: Box::pin(source),
            gathered: BytesMut::new(),
            gathered_before: 0,
            ready: VecDeque::new(),
            of_answer,
            end: End::Running,
        }
    }

    fn add(&mut self, message: Message) {
        self.part(message.head);
        message.chunks.into_iter().for_each(|chunk| self.part(chunk));
    }

    fn part(&mut self, part: Bytes) {
        if part.len() >= COPY_BYTES_MAX {
            self.flush();
            self.ready.push_back(part);
            return;
        }
        if self.gathered.len() + part.len() > GATHER_BYTES_MAX {
            self.flush();
        }
        if self.gathered.is_empty() {
            // As much as the last time, so that a busy stream does not grow its buffer step by step.
            self.gathered.reserve(self.gathered_before.max(part.len()));
        }
        self.gathered.put(part);
    }

    fn flush(&mut self) {
        if !self.gathered.is_empty() {
            self.gathered_before = self.gathered.len();
            self.ready.push_back(self.gathered.split().freeze());
        }
    }

    fn end(&mut self) -> Option<Result<Frame<Bytes>, Status>> {
        match std::mem::replace(&mut self.end, End::Sent) {
            End::Status(status) if self.of_answer => Some(trailers(&status).map(Frame::trailers)),
            End::Status(status) if status.code() != Code::Ok => Some(Err(status)),
            End::Status(_) | End::Running | End::Sent => None,
        }
    }
}

fn trailers(status: &Status) -> Result<HeaderMap, Status> {
    let mut trailers = HeaderMap::new();
    status.add_header(&mut trailers)?;
    Ok(trailers)
}

impl<S> Body for FramedBody<S>
where
    S: Stream<Item = Result<Message, Status>>,
{
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let body = self.get_mut();
        loop {
            if let Some(part) = body.ready.pop_front() {
                return Poll::Ready(Some(Ok(Frame::data(part))));
            }
            if !matches!(body.end, End::Running) {
                return Poll::Ready(body.end());
            }
            match body.source.as_mut().poll_next(context) {
                Poll::Ready(Some(Ok(message))) => body.add(message),
                Poll::Ready(Some(Err(status))) => body.end = End::Status(status),
                Poll::Ready(None) => body.end = End::Status(Status::ok("")),
                Poll::Pending if body.gathered.is_empty() => return Poll::Pending,
                Poll::Pending => body.flush(),
            }
            if !matches!(body.end, End::Running) {
                body.flush();
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.end, End::Sent)
    }
}
