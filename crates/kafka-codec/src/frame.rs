//! What surrounds a message: four bytes of length, then a header. The fixed part of a request's
//! header is read by hand, before any table, so that whatever follows it can be answered or refused.

use bytes::Bytes;

use crate::apis::{Api, ApiKey};
use crate::error::CodecError;
use crate::field::{Field as _, Str};
use crate::reader::Reader;
use crate::writer::Writer;

/// Bytes of the length in front of a frame.
pub const LENGTH_BYTES: usize = 4;
/// Bytes of a request's header that every version has; no frame is shorter.
pub const PREFIX_BYTES: usize = 8;

/// The header of a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RequestHead {
    /// The API's number.
    pub key: i16,
    /// In which version the body is.
    pub version: i16,
    /// What the answer repeats.
    pub correlation: i32,
}

impl RequestHead {
    /// Reads the part that every version has.
    ///
    /// # Errors
    /// When the frame is shorter than that.
    pub fn parse(frame: &Bytes) -> Result<Self, CodecError> {
        let mut reader = Reader::new(frame, 0, 0, false);
        Ok(Self {
            key: i16::read(&mut reader)?,
            version: i16::read(&mut reader)?,
            correlation: i32::read(&mut reader)?,
        })
    }

    /// Who asks, as far as the header says: it is where every API and version has it, known or not.
    pub fn client<'a>(&self, frame: &'a Bytes) -> Option<Str<'a>> {
        let mut reader = Reader::new(frame, PREFIX_BYTES, self.version, false);
        Option::<Str<'a>>::read(&mut reader).ok().flatten()
    }

    /// Reads what is left of the header: who asks, and where the body begins.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse_rest<'a>(
        &self,
        api: &Api,
        frame: &'a Bytes,
    ) -> Result<(Option<Str<'a>>, usize), CodecError> {
        // The client's id keeps its fixed length even in flexible headers.
        let mut reader = Reader::new(frame, PREFIX_BYTES, self.version, false);
        let client = Option::<Str<'a>>::read(&mut reader)?;
        let flexible = api.is_flexible(self.version);
        let mut reader = Reader::new(frame, reader.position(), self.version, flexible);
        reader.tags(|_, _| Ok(false))?;
        Ok((client, reader.position()))
    }

    /// Writes a request's header, as clients do.
    pub fn write(&self, client: Option<&str>, flexible: bool) -> Writer {
        let mut writer = Writer::new(self.version, false);
        self.key.write(&mut writer);
        self.version.write(&mut writer);
        self.correlation.write(&mut writer);
        client.map(Str::from).write(&mut writer);
        let mut writer = writer.becoming(flexible);
        writer.put_tags(&[]);
        writer
    }
}

/// The header of an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ResponseHead {
    /// The request's.
    pub correlation: i32,
    /// Whether tags follow.
    flexible: bool,
}

impl ResponseHead {
    /// The header of an answer to a request of this version. That of ApiVersions has no tags, so that
    /// it can be read before versions are agreed on.
    pub fn of(api: &Api, version: i16, correlation: i32) -> Self {
        let flexible = api.key != ApiKey::ApiVersions && api.is_flexible(version);
        Self { correlation, flexible }
    }

    /// Begins an answer; the body follows in `version`.
    pub fn write(self, version: i16, flexible_body: bool) -> Writer {
        let mut writer = Writer::new(version, self.flexible);
        self.correlation.write(&mut writer);
        writer.put_tags(&[]);
        writer.becoming(flexible_body)
    }

    /// Reads an answer's header, as clients do: where its body begins.
    ///
    /// # Errors
    /// When it is none, or another request's.
    pub fn parse(self, frame: &Bytes) -> Result<usize, CodecError> {
        let mut reader = Reader::new(frame, 0, 0, self.flexible);
        let correlation = i32::read(&mut reader)?;
        if correlation != self.correlation {
            return Err(CodecError::Length { length: i64::from(correlation) });
        }
        reader.tags(|_, _| Ok(false))?;
        Ok(reader.position())
    }
}
