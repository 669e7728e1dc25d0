//! The one place that knows which CRC-32C implementation is used.

/// The CRC-32C (Castagnoli) of these bytes, with the processor's own instruction where it has one.
pub fn crc32c(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes)
}

/// The CRC-32C of what `crc` covers followed by these bytes.
pub(crate) fn crc32c_append(crc: u32, bytes: &[u8]) -> u32 {
    crc32c::crc32c_append(crc, bytes)
}
