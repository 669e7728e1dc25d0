//! The limits that the server announces, read from the bytes that it sends.

use std::collections::BTreeMap;
use std::time::Duration;

use ottla_wire::transport;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::peer::{PREFACE, SETTINGS, WINDOW_UPDATE};
use crate::support::Door;

/// A frame: its type, its flags and stream, its payload.
async fn frame(stream: &mut TcpStream) -> (u8, u32, Vec<u8>) {
    let mut head = [0; 9];
    stream.read_exact(&mut head).await.expect("a frame");
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
    let id = u32::from_be_bytes([head[5] & 0x7f, head[6], head[7], head[8]]);
    let mut payload = vec![0; length as usize];
    stream.read_exact(&mut payload).await.expect("its payload");
    (head[3], id, payload)
}

#[tokio::test]
async fn every_limit_is_in_the_settings_that_are_sent() {
    let door = Door::open().await;
    let address = door.server.grpc_address().expect("the door is on");
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    stream.write_all(PREFACE).await.expect("it reads");
    stream.write_all(&[0, 0, 0, SETTINGS, 0, 0, 0, 0, 0]).await.expect("it reads");

    let mut settings = BTreeMap::new();
    let mut connection_window = 65_535;
    let reading = async {
        while settings.is_empty() || connection_window == 65_535 {
            let (kind, id, payload) = frame(&mut stream).await;
            if kind == SETTINGS {
                settings.extend(payload.chunks_exact(6).map(|setting| {
                    let value = u32::from_be_bytes(setting[2..].try_into().expect("four bytes"));
                    (u16::from_be_bytes([setting[0], setting[1]]), value)
                }));
            } else if kind == WINDOW_UPDATE && id == 0 {
                connection_window += u32::from_be_bytes(payload.try_into().expect("four bytes"));
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(10), reading).await.expect("it says all of it");

    const MAX_CONCURRENT_STREAMS: u16 = 3;
    const INITIAL_WINDOW_SIZE: u16 = 4;
    const MAX_FRAME_SIZE: u16 = 5;
    const MAX_HEADER_LIST_SIZE: u16 = 6;
    assert_eq!(settings.get(&MAX_CONCURRENT_STREAMS), Some(&128));
    assert_eq!(settings.get(&INITIAL_WINDOW_SIZE), Some(&(2 * 1024 * 1024)));
    assert_eq!(settings.get(&MAX_FRAME_SIZE), Some(&(256 * 1024)));
    assert_eq!(settings.get(&MAX_HEADER_LIST_SIZE), Some(&(16 * 1024)));
    assert_eq!(connection_window, transport::CONNECTION_WINDOW_BYTES);
}
