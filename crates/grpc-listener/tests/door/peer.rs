//! A peer that writes HTTP/2 frames by hand, and reads what it must.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::PATIENCE;

pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const END_HEADERS: u8 = 4;

/// A frame as it is on the wire.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("it is small").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// The headers of a call of this method, without any compression that would need state.
pub(crate) fn headers(path: &str) -> Vec<u8> {
    let mut block = vec![0x83, 0x86];
    for (name, value) in
        [(":path", path), (":authority", "o"), ("content-type", "application/grpc")]
    {
        block.extend([0, name.len() as u8]);
        block.extend(name.as_bytes());
        block.push(value.len() as u8);
        block.extend(value.as_bytes());
    }
    block
}

/// A connection whose bytes are all its own.
pub(crate) struct Peer(TcpStream);

impl Peer {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self(TcpStream::connect(address).await.expect("it listens"))
    }

    /// One that has said the preface and its settings.
    pub(crate) async fn greeted(address: SocketAddr) -> Self {
        let mut peer = Self::connect(address).await;
        peer.send(&[PREFACE, &frame(SETTINGS, 0, 0, &[])].concat()).await;
        peer
    }

    /// Whether it could be written.
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> bool {
        self.0.write_all(bytes).await.is_ok()
    }

    /// Sends as long as it may, reading all along. Whether the server ended the connection.
    pub(crate) async fn flood(self, bytes: &[u8], times: usize, pause: Duration) -> bool {
        let (mut reader, mut writer) = self.0.into_split();
        let reading = async {
            let mut answers = vec![0; 64 * 1024];
            while reader.read(&mut answers).await.is_ok_and(|count| count > 0) {}
        };
        let writing = async {
            for _ in 0..times {
                if writer.write_all(bytes).await.is_err() {
                    break;
                }
                tokio::time::sleep(pause).await;
            }
            // The server has seen it all, or ends it soon.
            tokio::time::sleep(Duration::from_secs(1)).await;
        };
        tokio::select! {
            () = reading => true,
            () = writing => false,
        }
    }

    /// The kinds of the frames that come until the server closes the connection, which it does in time.
    pub(crate) async fn rest(mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let read = tokio::time::timeout(PATIENCE, self.0.read_to_end(&mut bytes)).await;
        // A reset is as good as an end.
        let _ = read.expect("it closes the connection");
        let mut kinds = Vec::new();
        let mut rest = &bytes[..];
        while let Some((head, after)) = rest.split_first_chunk::<9>() {
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
            kinds.push(head[3]);
            rest = after.get(length..).unwrap_or_default();
        }
        kinds
    }
}
