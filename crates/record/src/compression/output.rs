//! Where decompressed bytes go, and the budget on them.

use super::zstd::DecompressContext;

/// Memory that decompression reuses from batch to batch.
#[derive(Debug, Default)]
pub struct Scratch {
    output: Output,
    zstd: DecompressContext,
}

/// What a scratch keeps when it is trimmed: enough for the batches that most topics allow.
const KEPT_BYTES: usize = 2 * 1024 * 1024;

/// The first step in which room grows.
const ROOM_BYTES_MIN: usize = 16 * 1024;

impl Scratch {
    /// An empty one; it grows with use.
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives back what one large batch made it grow beyond the usual.
    pub fn trim(&mut self) {
        if self.output.room.len() > KEPT_BYTES {
            self.output.room.truncate(KEPT_BYTES);
            self.output.room.shrink_to_fit();
        }
        self.output.filled = 0;
    }

    pub(super) fn start(&mut self, bytes_max: u64) -> (&mut Output, &mut DecompressContext) {
        self.output.filled = 0;
        self.output.bytes_max = usize::try_from(bytes_max).unwrap_or(usize::MAX);
        (&mut self.output, &mut self.zstd)
    }

    pub(super) fn filled(&self) -> &[u8] {
        &self.output.room[..self.output.filled]
    }
}

/// Why nothing could be decompressed.
#[derive(Debug)]
pub(super) enum Fault {
    /// There is more than the budget allows.
    OverBudget,
    /// The bytes are not what the codec writes.
    Malformed(String),
}

impl Fault {
    pub(super) fn malformed(reason: impl std::fmt::Display) -> Self {
        Self::Malformed(reason.to_string())
    }
}

/// Bytes written so far, and room for more up to the budget.
#[derive(Debug, Default)]
pub(super) struct Output {
    /// Always initialised to its length; `filled` says how far it is written.
    room: Vec<u8>,
    filled: usize,
    bytes_max: usize,
}

impl Output {
    /// How many bytes the budget still allows.
    pub(super) fn left(&self) -> usize {
        self.bytes_max - self.filled
    }

    /// Room for up to `want` more bytes: less only when the budget ends before. `want` is what the
    /// bytes in hand could become, never a number that somebody sent.
    pub(super) fn spare(&mut self, want: usize) -> &mut [u8] {
        let end = self.filled + want.min(self.left());
        if end > self.room.len() {
            let grown = end.max(self.room.len() * 2).max(ROOM_BYTES_MIN).min(self.bytes_max);
            self.room.resize(grown, 0);
        }
        &mut self.room[self.filled..end]
    }

    /// All room there is already, without growing it.
    pub(super) fn at_hand(&self) -> usize {
        self.room.len().saturating_sub(self.filled)
    }

    /// The first `bytes` of the spare room are written.
    pub(super) fn advance(&mut self, bytes: usize) {
        assert!(bytes <= self.left(), "a decoder writes only where there is room");
        self.filled += bytes;
    }

    pub(super) fn copy(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let spare = self.spare(bytes.len());
        if spare.len() < bytes.len() {
            return Err(Fault::OverBudget);
        }
        spare.copy_from_slice(bytes);
        self.advance(bytes.len());
        Ok(())
    }
}
