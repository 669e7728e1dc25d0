//! The input: opened, unpacked, and cut into chunks of lines by a thread of its own.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::ops::Range;
use std::path::Path;

use tokio::sync::mpsc;

use crate::failure::{Failure, why};

use super::fields::{Cutter, Key};

/// A chunk is handed on when it has this many bytes.
const CHUNK_BYTES: usize = 512 * 1024;

/// Longest line. One record must fit in one batch, and no batch is larger than this.
const LINE_BYTES_MAX: usize = ottla_model::limits::BATCH_BYTES_MAX as usize;

/// An input that is open, with its size unpacked where that can be known.
pub(super) struct Input {
    reader: Box<dyn Read + Send>,
    name: String,
    /// How many bytes will come, if that is known.
    pub(super) bytes: Option<u64>,
}

/// Lines that lie one after the other in `bytes`.
#[derive(Debug)]
pub(super) struct Chunk {
    pub(super) bytes: Vec<u8>,
    pub(super) lines: Vec<Line>,
    pub(super) input_bytes: u64,
}

/// One record of a chunk.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) key: Option<Key>,
    pub(super) value: Range<usize>,
}

/// The chunks as they come, or why no more do.
pub(super) type Chunks = mpsc::Receiver<Result<Chunk, Failure>>;

/// Opens a file, or standard input for `-`.
pub(super) fn open(path: &Path) -> Result<Input, Failure> {
    if path == Path::new("-") {
        return Ok(Input::piped(io::stdin()));
    }
    let name = path.display().to_string();
    let cannot = |error: io::Error| Failure::new(format!("cannot read {name}: {}", why(&error)));
    let file = File::open(path).map_err(cannot)?;
    let size = file.metadata().map_err(cannot)?.len();
    let (reader, bytes) =
        unpacked(BufReader::with_capacity(CHUNK_BYTES, file), size).map_err(cannot)?;
    Ok(Input { reader, name, bytes })
}

/// Recognises gzip and zstd by their first bytes, whatever the file is called.
fn unpacked<R: Read + Send + 'static>(
    mut packed: BufReader<R>,
    size: u64,
) -> io::Result<(Box<dyn Read + Send>, Option<u64>)> {
    let start = packed.fill_buf()?;
    if start.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        return Ok((Box::new(zstd::Decoder::with_buffer(packed)?), None));
    }
    if start.starts_with(&[0x1f, 0x8b]) {
        return Ok((Box::new(flate2::bufread::MultiGzDecoder::new(packed)), None));
    }
    Ok((Box::new(packed), Some(size)))
}

impl Input {
    /// What comes through a pipe, or from a person who types.
    fn piped(source: impl Read + Send + 'static) -> Self {
        let reader = Box::new(Piped::Waiting(source));
        Self { reader, name: "standard input".to_owned(), bytes: None }
    }
}

/// A source that is looked at only when it is read, so that nothing waits for it before.
enum Piped<R> {
    Waiting(R),
    Open(Box<dyn Read + Send>),
    Over,
}

impl<R: Read + Send + 'static> Read for Piped<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        *self = match std::mem::replace(self, Self::Over) {
            Self::Waiting(source) => {
                let (reader, _) = unpacked(BufReader::with_capacity(CHUNK_BYTES, source), 0)?;
                Self::Open(reader)
            }
            other => other,
        };
        match self {
            Self::Open(reader) => reader.read(into),
            Self::Waiting(_) | Self::Over => Ok(0),
        }
    }
}

/// Reads the input to its end on a thread of its own, `ahead` chunks ahead of who takes them.
pub(super) fn chunks(input: Input, cutter: Cutter, ahead: usize) -> Chunks {
    let (sender, receiver) = mpsc::channel(ahead);
    std::thread::spawn(move || {
        let mut reading = Reading::new(input, cutter);
        loop {
            let chunk = match reading.chunk() {
                Ok(None) => return,
                Ok(Some(chunk)) => Ok(chunk),
                Err(failure) => Err(failure),
            };
            let last = chunk.is_err();
            if sender.blocking_send(chunk).is_err() || last {
                return;
            }
        }
    });
    receiver
}

struct Reading {
    input: Input,
    cutter: Cutter,
    /// The beginning of a line whose end has not come yet.
    rest: Vec<u8>,
    line: u64,
}

/// A record as it is cut: its key and its value.
pub type Cut = (Option<Vec<u8>>, Vec<u8>);

/// Every record of these bytes, read as standard input is.
pub(super) fn all_of(bytes: Vec<u8>, cutter: Cutter) -> Result<Vec<Cut>, Failure> {
    let mut reading = Reading::new(Input::piped(io::Cursor::new(bytes)), cutter);
    let mut found = Vec::new();
    while let Some(chunk) = reading.chunk()? {
        found.extend(chunk.lines.iter().map(|line| {
            let key = line.key.as_ref().map(|key| key.bytes(&chunk.bytes).to_vec());
            (key, chunk.bytes[line.value.clone()].to_vec())
        }));
    }
    Ok(found)
}

impl Reading {
    fn new(input: Input, cutter: Cutter) -> Self {
        Self { input, cutter, rest: Vec::new(), line: 0 }
    }

    /// The next chunk: as many whole lines as a read brought, so that a slow input is not held back.
    fn chunk(&mut self) -> Result<Option<Chunk>, Failure> {
        let mut bytes = std::mem::take(&mut self.rest);
        let mut searched = 0;
        loop {
            let ended = self.read_more(&mut bytes)? == 0;
            let newline = bytes[searched..].iter().rposition(|b| *b == b'\n');
            searched = bytes.len();
            match newline {
                Some(_) if !ended => {
                    let end = bytes.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
                    self.rest = bytes.split_off(end);
                    return self.cut(bytes).map(Some);
                }
                _ if ended && bytes.is_empty() => return Ok(None),
                _ if ended => return self.cut(bytes).map(Some),
                _ if bytes.len() > LINE_BYTES_MAX => {
                    self.line += 1;
                    return Err(self.failure(format!(
                        "is longer than {LINE_BYTES_MAX} bytes, which no batch can hold"
                    )));
                }
                _ => {}
            }
        }
    }

    fn read_more(&mut self, bytes: &mut Vec<u8>) -> Result<usize, Failure> {
        let start = bytes.len();
        bytes.resize(start + CHUNK_BYTES, 0);
        let read = loop {
            match self.input.reader.read(&mut bytes[start..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        let read = read
            .map_err(|e| Failure::new(format!("cannot read {}: {}", self.input.name, why(&e))))?;
        bytes.truncate(start + read);
        Ok(read)
    }

    fn cut(&mut self, bytes: Vec<u8>) -> Result<Chunk, Failure> {
        let mut lines = Vec::new();
        let mut start = 0;
        while start < bytes.len() {
            let end = memchr(&bytes[start..]).map_or(bytes.len(), |at| start + at);
            self.line += 1;
            let line = trimmed(&bytes, start..end);
            if !line.is_empty() {
                let cut = self.cutter.cut(&bytes, line).map_err(|why| self.failure(why))?;
                lines.push(cut);
            }
            start = end + 1;
        }
        let input_bytes = bytes.len() as u64;
        Ok(Chunk { bytes, lines, input_bytes })
    }

    fn failure(&self, why: impl std::fmt::Display) -> Failure {
        Failure::new(format!("line {} of {} {why}", self.line, self.input.name))
    }
}

fn memchr(bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|byte| *byte == b'\n')
}

fn trimmed(bytes: &[u8], line: Range<usize>) -> Range<usize> {
    if bytes[line.clone()].ends_with(b"\r") { line.start..line.end - 1 } else { line }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Vec<Vec<u8>> {
        let cut = all_of(text.to_vec(), Cutter::new(None, None)).expect("it is read");
        cut.into_iter().map(|(_, value)| value).collect()
    }

    #[test]
    fn every_line_is_a_record_and_the_last_needs_no_end() {
        assert_eq!(read(b"a\nbc\r\n\nd"), [&b"a"[..], b"bc", b"d"]);
        assert!(read(b"").is_empty());
        assert!(read(b"\n\n").is_empty());
    }

    #[test]
    fn what_is_piped_is_unpacked_as_files_are() {
        let zstd = zstd::encode_all(&b"a\nb"[..], 0).expect("it packs");
        assert_eq!(read(&zstd), [b"a", b"b"]);
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        io::Write::write_all(&mut gzip, b"a\nb").expect("it packs");
        assert_eq!(read(&gzip.finish().expect("it packs")), [b"a", b"b"]);
    }

    #[test]
    fn a_packed_line_without_end_is_refused_at_its_limit() {
        let bomb = zstd::encode_all(io::repeat(b'x').take(1 << 25), 0).expect("it packs");
        assert!(bomb.len() < 1 << 20);
        let refused = all_of(bomb, Cutter::new(None, None)).expect_err("no batch holds it");
        assert!(
            refused.to_string().contains("line 1 of standard input is longer than"),
            "{refused}"
        );
    }
}
