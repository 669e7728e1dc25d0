//! What compression keeps from batch to batch.

use std::fmt;

use lz4_flex::block::CompressTable;
use zstd::bulk::Compressor;

use super::{Compression, gzip, lz4, snappy};

/// The codecs' tables and contexts, each made when it is needed first.
#[derive(Default)]
pub(crate) struct Encoders {
    snappy: Option<snap::raw::Encoder>,
    lz4: Option<CompressTable>,
    zstd: Option<(i32, Compressor<'static>)>,
}

impl fmt::Debug for Encoders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Encoders")
    }
}

impl Encoders {
    /// Appends the compressed records to `out`. A level out of the codec's range is the nearest in it.
    pub(crate) fn compress(
        &mut self,
        compression: Compression,
        level: Option<i32>,
        records: &[u8],
        out: &mut Vec<u8>,
    ) {
        match compression {
            Compression::None => out.extend_from_slice(records),
            Compression::Gzip => gzip::compress(records, level, out),
            Compression::Snappy => {
                snappy::compress(
                    records,
                    self.snappy.get_or_insert_with(snap::raw::Encoder::new),
                    out,
                );
            }
            Compression::Lz4 => {
                let table = self.lz4.get_or_insert_with(CompressTable::large);
                lz4::compress(records, table, out);
            }
            Compression::Zstd => self.compress_zstd(records, level, out),
        }
    }

    fn compress_zstd(&mut self, records: &[u8], level: Option<i32>, out: &mut Vec<u8>) {
        let level = zstd_level(level);
        if self.zstd.as_ref().is_none_or(|(kept, _)| *kept != level) {
            let compressor = Compressor::new(level).expect("the level is one of the codec's");
            self.zstd = Some((level, compressor));
        }
        let (_, compressor) = self.zstd.as_mut().expect("it was made above");
        let start = out.len();
        out.resize(start + zstd::compress_bound(records.len()), 0);
        let size = compressor.compress_to_buffer(records, &mut out[start..]);
        out.truncate(start + size.expect("the room is the largest that there can be"));
    }
}

/// The level as the library takes it, where 0 is its own default.
fn zstd_level(level: Option<i32>) -> i32 {
    let levels = zstd::compression_level_range();
    level.map_or(0, |level| level.clamp(*levels.start(), *levels.end()))
}
