//! A client that asks anybody who speaks the protocol.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use bytes::Bytes;
use ottla_kafka_codec::schema::encode;
use ottla_kafka_codec::{Api, Message, RequestHead, ResponseHead};

pub(crate) struct Client {
    address: String,
    socket: TcpStream,
    correlation: i32,
}

/// The body of an answer, in its version.
pub(crate) struct Body {
    pub(crate) frame: Bytes,
    pub(crate) at: usize,
    pub(crate) version: i16,
}

impl Client {
    pub(crate) fn connect(address: &str) -> Self {
        let socket = TcpStream::connect(address).expect("somebody listens");
        socket.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout can be set");
        Self { address: address.to_owned(), socket, correlation: 0 }
    }

    pub(crate) fn again(&self) -> Self {
        Self::connect(&self.address)
    }

    /// Asks; `None` when the connection is closed instead.
    pub(crate) fn ask<'a, M: Message<'a>>(&mut self, version: i16, request: &M) -> Option<Body> {
        self.correlation += 1;
        let api = Api::numbered(M::KEY).expect("it is served here");
        let flexible = api.is_flexible(version);
        let head = RequestHead { key: M::KEY, version, correlation: self.correlation };
        let mut writer = head.write(Some("oracle"), flexible);
        encode(request, &mut writer);
        self.socket.write_all(&writer.finish().concat()).ok()?;
        let mut length = [0; 4];
        self.socket.read_exact(&mut length).ok()?;
        let mut frame = vec![0; u32::from_be_bytes(length) as usize];
        self.socket.read_exact(&mut frame).expect("the frame is whole");
        let frame = Bytes::from(frame);
        let head = ResponseHead::of(api, version, self.correlation);
        let at = head.parse(&frame).expect("it answers this request");
        Some(Body { frame, at, version })
    }
}

impl Body {
    pub(crate) fn read<'a, M: Message<'a>>(&'a self) -> M {
        M::decode(&self.frame, self.at, self.version).expect("the answer is one")
    }
}
