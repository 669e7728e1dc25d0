//! What the fuzz targets share.

pub mod directory;
pub mod doors;

use ottla_record::HEADER_BYTES;
pub use ottla_record::crc32c;

/// The same bytes with the format, the length and the CRC of a batch put right, so that the fuzzer
/// gets past them to what lies behind. Fewer bytes than a header are filled up with zeros.
pub fn sealed(bytes: &[u8]) -> Vec<u8> {
    let mut batch = bytes.to_vec();
    batch.resize(batch.len().max(HEADER_BYTES), 0);
    let length = i32::try_from(batch.len() - 12).expect("inputs are small");
    batch[8..12].copy_from_slice(&length.to_be_bytes());
    batch[16] = 2;
    let crc = crc32c(&batch[21..]);
    batch[17..21].copy_from_slice(&crc.to_be_bytes());
    batch
}

/// The same bytes as one of the log's small files: this mark, version 1, and the length and the
/// checksum that go with the rest.
pub fn resealed(mark: &[u8; 8], bytes: &[u8]) -> Vec<u8> {
    let body = bytes.get(24..).unwrap_or_default();
    let mut file = mark.to_vec();
    file.extend([1, 0, 0, 0]);
    file.extend((body.len() as u64).to_le_bytes());
    file.extend(body);
    let checksum = crc32c(&file);
    file.splice(12..12, checksum.to_le_bytes());
    file
}
