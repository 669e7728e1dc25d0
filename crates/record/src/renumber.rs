//! A finished batch under another producer id, epoch and sequence.

use bytes::Bytes;
use ottla_model::{ProducerEpoch, ProducerId, Sequence};

use crate::crc::crc32c;
use crate::error::BatchError;
use crate::layout::{ATTRIBUTES, CRC, HEADER_BYTES};
use crate::view::BatchView;

/// A copy of the batch with these numbers and the CRC that follows. The records are copied as they
/// are; the batch that was given stays what it was, since it may still be on its way.
///
/// # Errors
/// As [`BatchView::parse`].
pub fn renumber(
    batch: &[u8],
    producer_id: ProducerId,
    producer_epoch: ProducerEpoch,
    base_sequence: Sequence,
) -> Result<Bytes, BatchError> {
    let view = BatchView::parse(batch)?;
    let mut header = *view.header();
    header.producer_id = producer_id;
    header.producer_epoch = producer_epoch;
    header.base_sequence = base_sequence;
    let mut copy = view.bytes().to_vec();
    copy[..HEADER_BYTES].copy_from_slice(&header.encode());
    let crc = crc32c(&copy[ATTRIBUTES..]).to_be_bytes();
    copy[CRC..CRC + crc.len()].copy_from_slice(&crc);
    Ok(copy.into())
}

#[cfg(test)]
mod tests {
    use ottla_model::Timestamp;

    use super::*;
    use crate::builder::{BatchBuilder, BatchOptions};
    use crate::walk::NO_HEADERS;

    #[test]
    fn a_renumbered_batch_is_the_one_that_would_have_been_built() {
        let build = |producer: i64, epoch: i16, sequence: i32| {
            let mut builder = BatchBuilder::new();
            builder.push(Timestamp(5), Some(b"key"), Some(b"value"), NO_HEADERS);
            builder.finish(&BatchOptions {
                producer_id: ProducerId(producer),
                producer_epoch: ProducerEpoch(epoch),
                base_sequence: Sequence(sequence),
                ..BatchOptions::default()
            })
        };
        let before = build(7, 0, 40);
        let after = renumber(&before, ProducerId(8), ProducerEpoch(3), Sequence(0));
        assert_eq!(after, Ok(build(8, 3, 0)));
    }
}
