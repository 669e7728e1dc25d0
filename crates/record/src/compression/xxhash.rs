//! XXH32 with seed 0: the checksum inside LZ4 frames.

const PRIME: [u32; 5] = [0x9e37_79b1, 0x85eb_ca77, 0xc2b2_ae3d, 0x27d4_eb2f, 0x1656_67b1];

pub(super) fn xxh32(bytes: &[u8]) -> u32 {
    let (stripes, rest) = bytes.as_chunks::<16>();
    let start = if stripes.is_empty() { PRIME[4] } else { stripes_hash(stripes) };
    let hash = start.wrapping_add(bytes.len() as u32);
    avalanche(tail_hash(hash, rest))
}

fn stripes_hash(stripes: &[[u8; 16]]) -> u32 {
    let mut lanes = [PRIME[0].wrapping_add(PRIME[1]), PRIME[1], 0, 0_u32.wrapping_sub(PRIME[0])];
    for stripe in stripes {
        let (words, _) = stripe.as_chunks::<4>();
        for (lane, word) in lanes.iter_mut().zip(words) {
            let sum = lane.wrapping_add(u32::from_le_bytes(*word).wrapping_mul(PRIME[1]));
            *lane = sum.rotate_left(13).wrapping_mul(PRIME[0]);
        }
    }
    let turns = [1, 7, 12, 18];
    lanes.iter().zip(turns).fold(0, |sum, (lane, by)| sum.wrapping_add(lane.rotate_left(by)))
}

fn tail_hash(mut hash: u32, rest: &[u8]) -> u32 {
    let (words, bytes) = rest.as_chunks::<4>();
    for word in words {
        hash = hash.wrapping_add(u32::from_le_bytes(*word).wrapping_mul(PRIME[2]));
        hash = hash.rotate_left(17).wrapping_mul(PRIME[3]);
    }
    for byte in bytes {
        hash = hash.wrapping_add(u32::from(*byte).wrapping_mul(PRIME[4]));
        hash = hash.rotate_left(11).wrapping_mul(PRIME[0]);
    }
    hash
}

fn avalanche(mut hash: u32) -> u32 {
    hash = (hash ^ (hash >> 15)).wrapping_mul(PRIME[1]);
    hash = (hash ^ (hash >> 13)).wrapping_mul(PRIME[2]);
    hash ^ (hash >> 16)
}

#[cfg(test)]
mod tests {
    use super::xxh32;

    /// From the reference implementation's own documents and test bench.
    #[test]
    fn the_reference_vectors_hold() {
        assert_eq!(xxh32(b""), 0x02cc_5d05);
        assert_eq!(xxh32(b"a"), 0x550d_7456);
        assert_eq!(xxh32(b"abc"), 0x32d1_53ff);
        assert_eq!(xxh32(b"Nobody inspects the spammish repetition"), 0xe229_3b2f);
    }
}
