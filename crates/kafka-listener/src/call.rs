//! One request: who asks, in which version, and how an answer is begun.

use std::net::SocketAddr;

use bytes::Bytes;
use ottla_kafka_codec::schema::encode;
use ottla_kafka_codec::{Api, ApiKey, CodecError, Message, RequestHead, ResponseHead};
use ottla_model::limits::{KAFKA_ADMIN_REQUEST_ELEMENTS_MAX, KAFKA_REQUEST_ELEMENTS_MAX};
use tokio::sync::Notify;

use crate::door::Door;
use crate::settings::Advertised;

/// How many times its own size a request may take with its answer: a thing that is listed in four bytes
/// is answered in less than 300.
const WORKED_ON_RATIO: usize = 64;

/// The same of a fetch, without records: a partition is asked for in 33 bytes, and takes some 600.
const FETCHED_RATIO: usize = 20;

/// A request that was read, but for its body.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) door: Door,
    pub(crate) api: &'static Api,
    head: RequestHead,
    frame: Bytes,
    body_at: usize,
    /// Where the client is connected to.
    local: SocketAddr,
    /// Told when nothing is to be waited for any more.
    hurry: Notify,
}

/// What becomes of a request.
#[derive(Debug)]
pub(crate) enum Answer {
    /// Pieces of a frame.
    Message(Vec<Bytes>),
    /// Nothing that could be said but by closing, with the reason.
    Close(String),
}

impl Call {
    pub(crate) fn new(
        door: Door,
        local: SocketAddr,
        api: &'static Api,
        head: RequestHead,
        frame: Bytes,
    ) -> Result<Self, CodecError> {
        let (_client, body_at) = head.parse_rest(api, &frame)?;
        Ok(Self { door, api, head, frame, body_at, local, hurry: Notify::new() })
    }

    pub(crate) fn version(&self) -> i16 {
        self.head.version
    }

    /// How many bytes it came in.
    pub(crate) fn size(&self) -> usize {
        self.frame.len()
    }

    /// What `answering` comes to when nothing is waited for any more.
    pub(crate) async fn hurried<T>(&self, answering: impl Future<Output = T>) -> T {
        self.hurry.notify_one();
        answering.await
    }

    /// Resolves when nothing is to be waited for any more.
    pub(crate) async fn is_in_a_hurry(&self) {
        self.hurry.notified().await;
    }

    /// How many bytes it may take to work on it: what it was sent in, what becomes of that, and the
    /// answer to each thing that is listed.
    pub(crate) fn weight(&self) -> usize {
        let ratio = match self.api.key {
            // It may take a minute, and says much of each partition itself.
            ApiKey::Fetch => FETCHED_RATIO,
            _ => WORKED_ON_RATIO,
        };
        self.size() * ratio
    }

    /// Its body. What lists too much is refused before anything is done for any of it.
    pub(crate) fn decode<'a, M: Message<'a>>(&'a self) -> Result<M, CodecError> {
        debug_assert_eq!(M::KEY, self.api.key as i16, "the handler is the API's");
        M::decode_listing(&self.frame, self.body_at, self.head.version, elements_max(self.api.key))
    }

    /// An answer to it.
    pub(crate) fn encode<'a>(&self, body: &impl Message<'a>) -> Vec<Bytes> {
        let version = self.head.version;
        let head = ResponseHead::of(self.api, version, self.head.correlation);
        let mut writer = head.write(version, self.api.is_flexible(version));
        encode(body, &mut writer);
        writer.finish()
    }

    /// Where the client is told to connect to.
    pub(crate) fn advertised(&self) -> Advertised {
        let local = || Advertised { host: self.local.ip().to_string(), port: self.local.port() };
        self.door.settings.advertised.clone().unwrap_or_else(local)
    }
}

/// How many things a request may list.
fn elements_max(key: ApiKey) -> usize {
    match key {
        ApiKey::Produce
        | ApiKey::Fetch
        | ApiKey::ListOffsets
        | ApiKey::Metadata
        | ApiKey::OffsetForLeaderEpoch
        | ApiKey::DeleteRecords
        | ApiKey::DescribeLogDirs
        | ApiKey::DescribeTopicPartitions => KAFKA_REQUEST_ELEMENTS_MAX,
        _ => KAFKA_ADMIN_REQUEST_ELEMENTS_MAX,
    }
}
