//! Amounts of bytes, as people write and read them.

use std::fmt;
use std::str::FromStr;

/// 1,024 bytes.
pub const KIB: u64 = 1024;
/// 1,024 KiB.
pub const MIB: u64 = 1024 * KIB;
/// 1,024 MiB.
pub const GIB: u64 = 1024 * MIB;

const UNITS: [(&str, u64); 5] =
    [("TiB", 1024 * GIB), ("GiB", GIB), ("MiB", MIB), ("KiB", KIB), ("B", 1)];

/// An amount of bytes that prints as `64 MiB` and reads `64MiB`, `64 mib`, `64m` or `67108864`.
/// All units are powers of 1,024.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ByteCount(pub u64);

impl fmt::Display for ByteCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = UNITS.iter().find(|(_, size)| self.0 >= *size).unwrap_or(&UNITS[4]);
        let (name, size) = unit;
        if self.0.is_multiple_of(*size) {
            write!(f, "{} {name}", self.0 / size)
        } else {
            write!(f, "{:.1} {name}", self.0 as f64 / *size as f64)
        }
    }
}

impl fmt::Debug for ByteCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is no amount of bytes.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{0}` is no amount of bytes; write a number and a unit, such as 512KiB, 64MiB or 1GiB")]
pub struct ByteCountError(String);

impl FromStr for ByteCount {
    type Err = ByteCountError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = || ByteCountError(text.to_owned());
        let trimmed = text.trim();
        let digits = trimmed.find(|c: char| !c.is_ascii_digit()).unwrap_or(trimmed.len());
        let (number, unit) = trimmed.split_at(digits);
        let number: u64 = number.parse().map_err(|_| refuse())?;
        let size = unit_size(unit.trim()).ok_or_else(refuse)?;
        number.checked_mul(size).map(ByteCount).ok_or_else(refuse)
    }
}

fn unit_size(unit: &str) -> Option<u64> {
    match unit.to_ascii_lowercase().as_str() {
        "" | "b" => Some(1),
        "k" | "kib" => Some(KIB),
        "m" | "mib" => Some(MIB),
        "g" | "gib" => Some(GIB),
        "t" | "tib" => Some(1024 * GIB),
        _ => None,
    }
}

impl serde::Serialize for ByteCount {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for ByteCount {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = ByteCount;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an amount of bytes such as \"64MiB\"")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<ByteCount, E> {
                text.parse().map_err(E::custom)
            }
            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<ByteCount, E> {
                Ok(ByteCount(number))
            }
            fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<ByteCount, E> {
                u64::try_from(number).map(ByteCount).map_err(|_| {
                    E::custom(format!("{number} is negative; an amount of bytes is not"))
                })
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_read_as_people_write_them() {
        for text in ["64MiB", "64 mib", "64m", "67108864"] {
            assert_eq!(text.parse(), Ok(ByteCount(64 * MIB)), "{text}");
        }
        for text in ["", "MiB", "-1", "1.5GiB", "1 parsec", "99999999999999 TiB"] {
            assert!(text.parse::<ByteCount>().is_err(), "{text}");
        }
    }

    #[test]
    fn amounts_print_in_the_largest_unit_that_fits() {
        assert_eq!(ByteCount(0).to_string(), "0 B");
        assert_eq!(ByteCount(1023).to_string(), "1023 B");
        assert_eq!(ByteCount(1536).to_string(), "1.5 KiB");
        assert_eq!(ByteCount(GIB).to_string(), "1 GiB");
    }

    proptest::proptest! {
        #[test]
        fn what_is_printed_whole_reads_back(number in 0_u64..1 << 50) {
            let count = ByteCount(number);
            let text = count.to_string();
            if !text.contains('.') {
                proptest::prop_assert_eq!(text.parse(), Ok(count));
            }
        }
    }
}
