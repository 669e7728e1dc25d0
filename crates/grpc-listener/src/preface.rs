//! Whether a new connection speaks HTTP/2, found out before anything is set up for it.
//!
//! A peer that says nothing, or says it byte by byte, is a socket and a timer until its time is up. One
//! that speaks HTTP/1 is told which port this is.

use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

/// What every HTTP/2 client says first.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// How often the rest of a preface is looked for that came in part.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

const ANSWER_TO_HTTP1: &[u8] = b"HTTP/1.1 505 HTTP Version Not Supported\r\n\
    content-type: text/plain\r\nconnection: close\r\ncontent-length: 107\r\n\r\n\
    This is the gRPC port of Ottla: it speaks HTTP/2. Use ottla, grpcurl -plaintext, or the port for metrics.\n\n";

/// Whether the peer speaks HTTP/2. Nothing is taken from the socket.
pub(crate) async fn speaks_http2(stream: &mut TcpStream, patience: Duration) -> bool {
    match tokio::time::timeout(patience, peek(stream)).await {
        Ok(Some(true)) => true,
        Ok(Some(false)) => {
            // A courtesy; whether it arrives is nobody's concern.
            let _ = stream.write_all(ANSWER_TO_HTTP1).await;
            false
        }
        Ok(None) | Err(_) => false,
    }
}

/// Whether it is HTTP/2, or looks like an earlier HTTP; `None` for anything else, and for the end.
async fn peek(stream: &TcpStream) -> Option<bool> {
    let mut seen = [0; PREFACE.len()];
    loop {
        let count = stream.peek(&mut seen).await.ok().filter(|count| *count > 0)?;
        if !PREFACE.starts_with(&seen[..count]) {
            return seen[..count].iter().all(u8::is_ascii).then_some(false);
        }
        if count == PREFACE.len() {
            return Some(true);
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_says_its_own_length() {
        let text = std::str::from_utf8(ANSWER_TO_HTTP1).expect("ASCII");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
        assert!(head.contains(&format!("content-length: {}", body.len())), "{}", body.len());
    }
}
