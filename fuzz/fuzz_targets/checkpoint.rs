//! Any bytes as a checkpoint or a superblock, as they are and with the checksum made to hold. What is
//! taken encodes to the very same bytes.

#![no_main]

use libfuzzer_sys::fuzz_target;
use ottla_fuzz::resealed;
use ottla_log::format::{Checkpoint, Superblock};
use ottla_log::producers::ProducerLimits;

fuzz_target!(|bytes: &[u8]| {
    decode(bytes);
    decode(&resealed(b"OTTLCHKP", bytes));
    decode(&resealed(b"OTTLSUPR", bytes));
});

fn decode(file: &[u8]) {
    if let Ok(checkpoint) = Checkpoint::decode(file, ProducerLimits::default()) {
        assert_eq!(checkpoint.encode(), file);
    }
    if let Ok(superblock) = Superblock::decode(file) {
        assert_eq!(superblock.encode(), file);
    }
}
