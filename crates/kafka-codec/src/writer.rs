//! Bytes on their way out: what is written here, and records that are shared between it.

use bytes::{BufMut as _, Bytes, BytesMut};

use crate::reader::Fixed;

/// Bytes of the length in front of every frame.
const LENGTH_BYTES: usize = 4;
/// What most answers fit into.
const FIRST_BYTES: usize = 256;

/// A tagged field: its tag, and what writes it.
pub type Tag<'a> = (u32, &'a dyn Fn(&mut Writer));

/// Writes one frame in one version.
#[derive(Debug)]
pub struct Writer {
    /// What is finished: written here, or lent.
    parts: Vec<Bytes>,
    /// The first part, kept open for the length in front of it.
    first: Option<BytesMut>,
    open: BytesMut,
    version: i16,
    flexible: bool,
}

impl Writer {
    /// Begins a frame.
    pub fn new(version: i16, flexible: bool) -> Self {
        let mut open = BytesMut::with_capacity(FIRST_BYTES);
        open.put_bytes(0, LENGTH_BYTES);
        Self { parts: Vec::new(), first: None, open, version, flexible }
    }

    /// The same frame, what follows being flexible or not: headers and bodies differ in that.
    pub(crate) fn becoming(mut self, flexible: bool) -> Self {
        self.flexible = flexible;
        self
    }

    /// The version that is written.
    pub fn version(&self) -> i16 {
        self.version
    }

    /// Whether lengths are compact and structs end in tags.
    pub fn flexible(&self) -> bool {
        self.flexible
    }

    /// Writes bytes as they are.
    pub fn put(&mut self, bytes: &[u8]) {
        self.open.put_slice(bytes);
    }

    /// Writes an unsigned number of variable length.
    pub fn put_varint(&mut self, mut value: u32) {
        while value > 0x7f {
            self.open.put_u8((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.open.put_u8(value as u8);
    }

    /// Puts shared bytes between what is written, without a copy.
    pub fn lend(&mut self, bytes: Bytes) {
        if bytes.is_empty() {
            return;
        }
        let written = std::mem::take(&mut self.open);
        match self.first {
            None => self.first = Some(written),
            Some(_) if !written.is_empty() => self.parts.push(written.freeze()),
            Some(_) => {}
        }
        self.parts.push(bytes);
    }

    /// A length, or null.
    pub(crate) fn put_count(&mut self, count: Option<usize>, fixed: Fixed) {
        let length = count.map_or(-1, |count| {
            i32::try_from(count).expect("an answer is bounded far below 2 GiB")
        });
        match (self.flexible, fixed) {
            (true, _) => self.put_varint((length + 1).cast_unsigned()),
            (false, Fixed::Long) => self.open.put_i32(length),
            (false, Fixed::Short) => {
                self.open.put_i16(i16::try_from(length).expect("strings are cut before"));
            }
        }
    }

    /// Writes tagged fields, which must come in rising order of their tags.
    pub fn put_tags(&mut self, tags: &[Tag<'_>]) {
        if !self.flexible {
            return;
        }
        self.put_varint(u32::try_from(tags.len()).expect("a struct has a handful"));
        for (tag, write) in tags {
            self.put_varint(*tag);
            let mut field = Self {
                parts: Vec::new(),
                first: None,
                open: BytesMut::new(),
                version: self.version,
                flexible: self.flexible,
            };
            write(&mut field);
            self.put_varint(u32::try_from(field.open.len()).expect("tagged fields are small"));
            self.put(&field.open);
        }
    }

    /// The frame, its length in front: what was written, and what was lent between it.
    pub fn finish(mut self) -> Vec<Bytes> {
        let mut first = match self.first.take() {
            Some(first) => {
                if !self.open.is_empty() {
                    self.parts.push(self.open.freeze());
                }
                first
            }
            None => self.open,
        };
        let size = first.len() - LENGTH_BYTES + self.parts.iter().map(Bytes::len).sum::<usize>();
        let size = i32::try_from(size).expect("an answer is bounded far below 2 GiB");
        first[..LENGTH_BYTES].copy_from_slice(&size.to_be_bytes());
        self.parts.insert(0, first.freeze());
        self.parts
    }
}
