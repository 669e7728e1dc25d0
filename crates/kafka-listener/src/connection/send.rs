//! Answers onto the socket: their pieces, without a copy.

use std::io::{self, IoSlice};
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use ottla_model::limits::KAFKA_WRITE_STALL_MAX;
use tokio::io::AsyncWriteExt as _;
use tokio::net::tcp::OwnedWriteHalf;

/// Most pieces that the system takes at a time.
const PIECES_AT_ONCE: usize = 64;

/// How many bytes a client must take in each second of a long answer.
const BYTES_A_SECOND_MIN: usize = 64 * 1024;

/// How long an answer of so many bytes may take.
pub(super) fn patience(size: usize) -> Duration {
    KAFKA_WRITE_STALL_MAX + Duration::from_secs((size / BYTES_A_SECOND_MIN) as u64)
}

/// Writes all pieces. A client that takes nothing of them for too long is given up.
pub(super) async fn all(socket: &mut OwnedWriteHalf, mut pieces: Vec<Bytes>) -> io::Result<()> {
    let mut at = 0;
    while at < pieces.len() {
        let waiting = pieces[at..].iter().filter(|piece| !piece.is_empty());
        let slices: Vec<IoSlice<'_>> =
            waiting.take(PIECES_AT_ONCE).map(|piece| IoSlice::new(piece)).collect();
        if slices.is_empty() {
            break;
        }
        let writing = tokio::time::timeout(KAFKA_WRITE_STALL_MAX, socket.write_vectored(&slices));
        let written = writing.await??;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        at = skip(&mut pieces, at, written);
    }
    Ok(())
}

/// The piece at which to go on after so many more bytes were written from `at` on.
fn skip(pieces: &mut [Bytes], mut at: usize, mut written: usize) -> usize {
    while written > 0 {
        let piece = &mut pieces[at];
        let taken = written.min(piece.len());
        piece.advance(taken);
        written -= taken;
        if piece.is_empty() {
            at += 1;
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_not_written_again() {
        let pieces = || [&b"ab"[..], b"", b"cde"].map(Bytes::from_static);
        for written in 1..=5 {
            let mut pieces = pieces();
            let at = skip(&mut pieces, 0, written);
            assert_eq!(pieces[at..].concat(), &b"abcde"[written..], "{written}");
        }
    }
}
