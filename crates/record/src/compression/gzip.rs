//! Gzip: one member written, one or more read.

use std::io::{Read, Write};

use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;

use super::output::{Fault, Output};

/// How much room the decoder is offered at a time.
const STEP_BYTES: usize = 64 * 1024;

/// The level when nobody chooses one, in Kafka's words -1.
const LEVEL_DEFAULT: u32 = 6;

pub(super) fn decompress(payload: &[u8], out: &mut Output) -> Result<(), Fault> {
    let mut decoder = MultiGzDecoder::new(payload);
    while out.left() > 0 {
        let read = decoder.read(out.spare(STEP_BYTES)).map_err(Fault::malformed)?;
        if read == 0 {
            return Ok(());
        }
        out.advance(read);
    }
    match decoder.read(&mut [0]).map_err(Fault::malformed)? {
        0 => Ok(()),
        _ => Err(Fault::OverBudget),
    }
}

pub(super) fn compress(records: &[u8], level: Option<i32>, out: &mut Vec<u8>) {
    let level = level.map_or(LEVEL_DEFAULT, |level| level.clamp(0, 9) as u32);
    let mut encoder = GzEncoder::new(out, flate2::Compression::new(level));
    let written = encoder.write_all(records).and_then(|()| encoder.finish());
    written.expect("writing to a Vec cannot fail");
}
