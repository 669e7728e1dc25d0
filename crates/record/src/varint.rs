//! Varints and zigzag, as Kafka writes and reads them.
//!
//! Like Kafka's reader, this one takes overlong forms (`80 00` is 0), never more than 5 bytes for 32
//! bits and 10 for 64, and drops the bits of the last byte that do not fit. What it writes is always
//! the shortest form.

/// Longest varint of 32 bits.
pub const VARINT_BYTES_MAX: usize = 5;
/// Longest varint of 64 bits.
pub const VARLONG_BYTES_MAX: usize = 10;

/// How many bytes `value` takes as a zigzag varint.
#[inline]
pub const fn varint_bytes(value: i32) -> usize {
    unsigned_bytes(zigzag32(value) as u64)
}

/// How many bytes `value` takes as a zigzag varlong.
#[inline]
pub const fn varlong_bytes(value: i64) -> usize {
    unsigned_bytes(zigzag64(value))
}

#[inline]
const fn unsigned_bytes(value: u64) -> usize {
    // ceil(bits / 7) without a division; one bit at least, so that 0 takes a byte.
    let bits = 64 - (value | 1).leading_zeros() as usize;
    (bits * 9 + 64) / 64
}

#[inline]
pub(crate) const fn zigzag32(value: i32) -> u32 {
    ((value << 1) ^ (value >> 31)) as u32
}

#[inline]
pub(crate) const fn zigzag64(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// Writes `value` at the start of `out` and says how many bytes it took.
///
/// # Panics
/// When `out` is too short for it.
#[inline]
pub fn put_varint(out: &mut [u8], value: i32) -> usize {
    put_unsigned(out, u64::from(zigzag32(value)))
}

/// Writes `value` at the start of `out` and says how many bytes it took.
///
/// # Panics
/// When `out` is too short for it.
#[inline]
pub fn put_varlong(out: &mut [u8], value: i64) -> usize {
    put_unsigned(out, zigzag64(value))
}

#[inline]
fn put_unsigned(out: &mut [u8], mut value: u64) -> usize {
    let mut at = 0;
    while value >= 0x80 {
        out[at] = value as u8 | 0x80;
        value >>= 7;
        at += 1;
    }
    out[at] = value as u8;
    at + 1
}

/// Reads a zigzag varint of 32 bits: the value and how many bytes it took. `None` when the bytes end
/// first or the fifth byte does not end it.
#[inline]
pub fn read_varint(bytes: &[u8]) -> Option<(i32, usize)> {
    let (raw, used) = read_unsigned::<VARINT_BYTES_MAX>(bytes)?;
    let raw = raw as u32;
    Some(((raw >> 1) as i32 ^ -((raw & 1) as i32), used))
}

/// Reads a zigzag varlong of 64 bits: the value and how many bytes it took. `None` when the bytes
/// end first or the tenth byte does not end it.
#[inline]
pub fn read_varlong(bytes: &[u8]) -> Option<(i64, usize)> {
    let (raw, used) = read_unsigned::<VARLONG_BYTES_MAX>(bytes)?;
    Some(((raw >> 1) as i64 ^ -((raw & 1) as i64), used))
}

/// Nearly every varint of a record has one byte or two.
#[inline]
fn read_unsigned<const BYTES_MAX: usize>(bytes: &[u8]) -> Option<(u64, usize)> {
    match *bytes {
        [one, ..] if one < 0x80 => Some((u64::from(one), 1)),
        [one, two, ..] if two < 0x80 => Some((u64::from(one & 0x7f) | u64::from(two) << 7, 2)),
        _ => read_long::<BYTES_MAX>(bytes),
    }
}

#[cold]
fn read_long<const BYTES_MAX: usize>(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut value = 0_u64;
    for (index, byte) in bytes.iter().take(BYTES_MAX).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((value, index + 1));
        }
    }
    None
}
