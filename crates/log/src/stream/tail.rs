//! The newest batches of a stream, in memory, as they came.
//!
//! Invariants:
//! - pieces are in order of segment and position, and whole batches follow one another without a gap
//!   from the first to the log's end;
//! - the first `cached` of them lie wholly in their files and may be evicted from the front; all
//!   bytes of the log that are not in a file are in the others;
//! - a piece that is no batch is the partial last block of a segment that is being written again: it
//!   holds the bytes before the log's end of that time, and only ever comes first among the unwritten.

use std::collections::VecDeque;

use bytes::{Buf, Bytes};
use ottla_model::Offset;
use ottla_record::{BatchHeader, HEADER_BYTES};

/// Some bytes of a segment: one batch, or the partial block before the first unwritten one.
#[derive(Clone, Debug)]
pub(crate) struct Piece {
    /// The segment's base offset.
    pub(crate) segment: Offset,
    /// Where in the segment the bytes begin.
    pub(crate) position: u64,
    /// The first bytes.
    pub(crate) head: Bytes,
    /// The other bytes.
    pub(crate) rest: Bytes,
    /// The batch's base offset; of a partial block the log's end at the time.
    pub(crate) base: Offset,
    /// The offset after the batch; of a partial block the same as `base`.
    pub(crate) next: Offset,
    /// The number of the operation that brought it.
    pub(crate) op: u64,
}

impl Piece {
    /// How many bytes it has.
    pub(crate) fn len(&self) -> u64 {
        (self.head.len() + self.rest.len()) as u64
    }

    /// Where in the segment it ends.
    pub(crate) fn end(&self) -> u64 {
        self.position + self.len()
    }

    /// Whether it is a whole batch.
    pub(crate) fn is_batch(&self) -> bool {
        self.base < self.next
    }

    /// The header of the batch it is.
    pub(crate) fn header(&self) -> BatchHeader {
        BatchHeader::peek(&self.header_bytes()).expect("batches are checked before they come here")
    }

    /// The bytes of that header.
    pub(crate) fn header_bytes(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        let mut both = (&self.head[..]).chain(&self.rest[..]);
        both.copy_to_slice(&mut bytes);
        bytes
    }

    /// Its bytes in the segment's range `from..upto`, in at most two parts.
    pub(crate) fn range(&self, from: u64, upto: u64) -> impl Iterator<Item = Bytes> {
        let split = self.position + self.head.len() as u64;
        let cut = |bytes: &Bytes, at: u64| {
            let start = from.clamp(at, at + bytes.len() as u64) - at;
            let end = upto.clamp(at, at + bytes.len() as u64) - at;
            (start < end).then(|| bytes.slice(start as usize..end as usize))
        };
        [cut(&self.head, self.position), cut(&self.rest, split)].into_iter().flatten()
    }
}

/// The pieces of one stream.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    pieces: VecDeque<Piece>,
    cached: usize,
}

impl Tail {
    /// Adds the newest piece.
    pub(crate) fn push(&mut self, piece: Piece) {
        self.pieces.push_back(piece);
    }

    /// All pieces, oldest first.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &Piece> {
        self.pieces.iter()
    }

    /// The pieces that are not wholly in a file.
    pub(crate) fn unwritten(&self) -> impl DoubleEndedIterator<Item = &Piece> {
        self.pieces.range(self.cached..)
    }

    /// The first piece that is not wholly in a file.
    pub(crate) fn first_unwritten(&self) -> Option<&Piece> {
        self.pieces.get(self.cached)
    }

    /// The batches from the one that holds `offset` on; `None` when that one is not in memory.
    pub(crate) fn batches_from(&self, offset: Offset) -> Option<impl Iterator<Item = &Piece>> {
        let at = self.pieces.partition_point(|piece| piece.next <= offset);
        let first = self.pieces.get(at)?;
        (first.is_batch() && first.base <= offset)
            .then(|| self.pieces.range(at..).filter(|piece| piece.is_batch()))
    }

    /// Notes that `segment` is in its file up to `upto`, and all earlier segments are. Answers the
    /// pieces that became cached.
    pub(crate) fn mark_written(&mut self, segment: Offset, upto: u64) -> Vec<Piece> {
        let mut marked = Vec::new();
        while let Some(piece) = self.pieces.get(self.cached) {
            let in_file =
                piece.segment < segment || (piece.segment == segment && piece.end() <= upto);
            if !in_file {
                break;
            }
            marked.push(piece.clone());
            if piece.is_batch() {
                self.cached += 1;
            } else {
                self.pieces.remove(self.cached);
            }
        }
        marked
    }

    /// Forgets everything from `position` of `segment` on, which is where a batch begins. A carried
    /// block that reaches beyond goes whole: its bytes are in the file as well. Answers how many bytes
    /// went that were not in a file.
    pub(crate) fn cut(&mut self, segment: Offset, position: u64) -> u64 {
        let mut unwritten = 0;
        while let Some(piece) = self.pieces.back() {
            if piece.segment < segment || (piece.segment == segment && piece.end() <= position) {
                break;
            }
            if self.pieces.len() > self.cached {
                unwritten += piece.len();
            }
            self.pieces.pop_back();
        }
        self.cached = self.cached.min(self.pieces.len());
        unwritten
    }

    /// Lets go of the oldest cached piece, and answers how many bytes it had.
    pub(crate) fn evict(&mut self) -> Option<u64> {
        if self.cached == 0 {
            return None;
        }
        self.cached -= 1;
        self.pieces.pop_front().map(|piece| piece.len())
    }

    /// Lets go of room that nothing is in.
    pub(crate) fn give_room_back(&mut self) {
        if self.pieces.is_empty() {
            self.pieces = VecDeque::new();
        }
    }

    /// Forgets all cached pieces.
    pub(crate) fn forget_cached(&mut self) {
        self.pieces.drain(..self.cached);
        self.cached = 0;
    }

    /// Whether there are cached pieces.
    pub(crate) fn has_cached(&self) -> bool {
        self.cached > 0
    }

    /// How many bytes of cached pieces there are.
    pub(crate) fn cached_bytes(&self) -> u64 {
        self.pieces.range(..self.cached).map(Piece::len).sum()
    }

    /// The bytes `from..upto` of `segment`, when cached batches hold all of them.
    pub(crate) fn cached_range(&self, segment: Offset, from: u64, upto: u64) -> Option<Bytes> {
        let mut bytes = Vec::with_capacity((upto - from) as usize);
        for piece in self.pieces.range(..self.cached).filter(|piece| piece.segment == segment) {
            let missing = from + bytes.len() as u64;
            if piece.position <= missing && piece.end() > missing {
                piece.range(missing, upto).for_each(|part| bytes.extend_from_slice(&part));
            }
        }
        (bytes.len() as u64 == upto - from).then(|| bytes.into())
    }
}
