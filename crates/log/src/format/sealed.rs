//! The shell that all small files share: mark, version, checksum, length, body.
//!
//! ```text
//!  0   8  mark
//!  8   2  format version
//! 10   2  reserved, zero
//! 12   4  CRC-32C of everything but these four bytes
//! 16   8  length of the body in bytes; the file ends with the body
//! 24   .  body
//! ```

use bytes::BufMut;

use super::FormatError;
use super::reader::Reader;

/// Bytes before the body.
const SHELL_BYTES: usize = 24;
const CHECKSUM: std::ops::Range<usize> = 12..16;

/// A kind of sealed file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kind {
    pub(super) what: &'static str,
    pub(super) mark: &'static [u8; 8],
    /// The version written, and the newest that is read.
    pub(super) version: u16,
}

impl Kind {
    /// The whole file whose body `write` appends.
    pub(super) fn seal(&self, write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut file = Vec::with_capacity(SHELL_BYTES + 256);
        file.put_slice(self.mark);
        file.put_u16_le(self.version);
        file.put_bytes(0, SHELL_BYTES - file.len());
        write(&mut file);
        let body_bytes = (file.len() - SHELL_BYTES) as u64;
        file[16..24].copy_from_slice(&body_bytes.to_le_bytes());
        let checksum = checksum(&file);
        file[CHECKSUM].copy_from_slice(&checksum.to_le_bytes());
        file
    }

    /// The body of a whole file, once mark, version, length and checksum hold.
    pub(super) fn open<'a>(&self, file: &'a [u8]) -> Result<Reader<'a>, FormatError> {
        let what = self.what;
        let mut shell = Reader::new(what, file);
        if shell.take(8)? != self.mark {
            return Err(FormatError::Mark { what });
        }
        let found = shell.u16()?;
        if found == 0 || found > self.version {
            return Err(FormatError::Version { what, found, newest: self.version });
        }
        shell.reserved(2)?;
        let stored = shell.u32()?;
        let body_bytes = shell.u64()?;
        let body = shell.take(usize::try_from(body_bytes).unwrap_or(usize::MAX))?;
        shell.finish()?;
        let computed = checksum(file);
        if stored != computed {
            return Err(FormatError::Checksum { what, stored, computed });
        }
        Ok(Reader::new(what, body))
    }
}

fn checksum(file: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&file[..CHECKSUM.start]), &file[CHECKSUM.end..])
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: Kind = Kind { what: "test file", mark: b"OTTLtest", version: 2 };

    #[test]
    fn any_flipped_bit_and_any_missing_byte_is_noticed() {
        let file = KIND.seal(|body| body.put_slice(b"what is inside"));
        assert_eq!(KIND.open(&file).unwrap().take(14), Ok(&b"what is inside"[..]));
        for bit in 0..file.len() * 8 {
            let mut damaged = file.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(KIND.open(&damaged).is_err(), "bit {bit} may not flip unnoticed");
        }
        for length in 0..file.len() {
            assert!(KIND.open(&file[..length]).is_err(), "{length} bytes are not the file");
        }
        let mut longer = file;
        longer.push(0);
        assert!(KIND.open(&longer).is_err());
    }

    #[test]
    fn an_empty_file_and_a_zeroed_one_are_no_files_of_ours() {
        let refused = KIND.open(&[]).unwrap_err();
        assert!(matches!(refused, FormatError::Short { have: 0, .. }));
        assert_eq!(KIND.open(&[0; 4096]).unwrap_err(), FormatError::Mark { what: "test file" });
    }

    #[test]
    fn a_newer_version_is_refused_by_name() {
        let newer = Kind { version: 3, ..KIND }.seal(|_| ());
        let refused = KIND.open(&newer).unwrap_err();
        assert_eq!(refused, FormatError::Version { what: "test file", found: 3, newest: 2 });
    }
}
