//! What a field of a message may be, and how each is read and written.

use std::borrow::Cow;

use bytes::Bytes;

use crate::error::CodecError;
use crate::reader::{Fixed, Reader};
use crate::writer::Writer;

/// Text, lent from the frame where it can be. What is no UTF-8 is replaced, as Java does.
pub type Str<'a> = Cow<'a, str>;

/// Sixteen bytes: a topic's id, a directory's.
pub type Uuid = [u8; 16];

/// Longest text of any version, in bytes.
const STRING_BYTES_MAX: usize = i16::MAX as usize;

/// A field.
pub trait Field<'a>: Sized {
    /// Reads it.
    ///
    /// # Errors
    /// When the bytes are none.
    fn read(reader: &mut Reader<'a>) -> Result<Self, CodecError>;
    /// Writes it.
    fn write(&self, writer: &mut Writer);
}

/// A field that may be null.
pub trait Nullable<'a>: Sized {
    /// Reads it.
    ///
    /// # Errors
    /// When the bytes are none.
    fn read_nullable(reader: &mut Reader<'a>) -> Result<Option<Self>, CodecError>;
    /// Writes it, or null.
    fn write_nullable(this: Option<&Self>, writer: &mut Writer);
}

impl<'a, T: Nullable<'a>> Field<'a> for Option<T> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, CodecError> {
        T::read_nullable(reader)
    }

    fn write(&self, writer: &mut Writer) {
        T::write_nullable(self.as_ref(), writer);
    }
}

macro_rules! numbers {
    ($($number:ty),*) => {$(
        impl<'a> Field<'a> for $number {
            fn read(reader: &mut Reader<'a>) -> Result<Self, CodecError> {
                Ok(Self::from_be_bytes(reader.array()?))
            }

            fn write(&self, writer: &mut Writer) {
                writer.put(&self.to_be_bytes());
            }
        }
    )*};
}

numbers!(i8, i16, u16, i32, i64);

impl<'a> Field<'a> for bool {
    fn read(reader: &mut Reader<'a>) -> Result<Self, CodecError> {
        Ok(reader.array::<1>()? != [0])
    }

    fn write(&self, writer: &mut Writer) {
        writer.put(&[u8::from(*self)]);
    }
}

impl<'a> Field<'a> for Uuid {
    fn read(reader: &mut Reader<'a>) -> Result<Self, CodecError> {
        reader.array()
    }

    fn write(&self, writer: &mut Writer) {
        writer.put(self);
    }
}

impl<'a> Nullable<'a> for Str<'a> {
    fn read_nullable(reader: &mut Reader<'a>) -> Result<Option<Self>, CodecError> {
        let Some(length) = reader.count(Fixed::Short)? else { return Ok(None) };
        if length > STRING_BYTES_MAX {
            return Err(CodecError::Length { length: length as i64 });
        }
        let text = String::from_utf8_lossy(reader.take(length)?);
        if let Cow::Owned(replaced) = &text {
            reader.charge(replaced.capacity())?;
        }
        Ok(Some(text))
    }

    fn write_nullable(this: Option<&Self>, writer: &mut Writer) {
        let text = this.map(|text| &text[..text.floor_char_boundary(STRING_BYTES_MAX)]);
        writer.put_count(text.map(str::len), Fixed::Short);
        writer.put(text.unwrap_or_default().as_bytes());
    }
}

impl<'a, T: Field<'a>> Nullable<'a> for Vec<T> {
    fn read_nullable(reader: &mut Reader<'a>) -> Result<Option<Self>, CodecError> {
        let Some(count) = reader.count(Fixed::Long)? else { return Ok(None) };
        reader.list(count)?;
        reader.charge(count.saturating_mul(size_of::<T>()))?;
        let mut elements = Self::with_capacity(count);
        for _ in 0..count {
            elements.push(T::read(reader)?);
        }
        Ok(Some(elements))
    }

    fn write_nullable(this: Option<&Self>, writer: &mut Writer) {
        writer.put_count(this.map(Self::len), Fixed::Long);
        for element in this.into_iter().flatten() {
            element.write(writer);
        }
    }
}

/// Record batches, as they are: one piece when they come in, the log's own pieces when they go out.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Records(pub Vec<Bytes>);

impl Records {
    /// How many bytes they have together.
    pub fn len(&self) -> usize {
        self.0.iter().map(Bytes::len).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All of them as one piece: free when they came in as one.
    pub fn into_bytes(mut self) -> Bytes {
        match self.0.len() {
            0 => Bytes::new(),
            1 => self.0.remove(0),
            _ => self.0.concat().into(),
        }
    }
}

impl<'a> Nullable<'a> for Records {
    fn read_nullable(reader: &mut Reader<'a>) -> Result<Option<Self>, CodecError> {
        let Some(length) = reader.count(Fixed::Long)? else { return Ok(None) };
        reader.charge(size_of::<Bytes>())?;
        Ok(Some(Self(vec![reader.share(length)?])))
    }

    fn write_nullable(this: Option<&Self>, writer: &mut Writer) {
        writer.put_count(this.map(Self::len), Fixed::Long);
        for piece in this.iter().flat_map(|records| &records.0) {
            writer.lend(piece.clone());
        }
    }
}

macro_rules! never_null {
    ($($kind:ty),*) => {$(
        impl<'a> Field<'a> for $kind {
            fn read(reader: &mut Reader<'a>) -> Result<Self, CodecError> {
                let version = reader.version();
                Self::read_nullable(reader)?.ok_or(CodecError::Null { version })
            }

            fn write(&self, writer: &mut Writer) {
                Self::write_nullable(Some(self), writer);
            }
        }
    )*};
}

never_null!(Str<'a>, Records);

impl<'a, T: Field<'a>> Field<'a> for Vec<T> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, CodecError> {
        let version = reader.version();
        Self::read_nullable(reader)?.ok_or(CodecError::Null { version })
    }

    fn write(&self, writer: &mut Writer) {
        Self::write_nullable(Some(self), writer);
    }
}
