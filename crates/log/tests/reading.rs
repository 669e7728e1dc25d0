//! What reads answer when the bytes are not what they should be.

mod support;

use ottla_log::{ReadError, ReadOutcome, Stream, StreamSettings};
use ottla_model::{Offset, Timestamp};
use support::{House, batch, read_request, stream_id};

/// Where in a batch its CRC is, and what it covers; where the number of its last record is.
const CRC: usize = 17;
const COVERED: usize = 21;
const LAST_OFFSET_DELTA: usize = 23;

/// A stream of ten batches of one record in its file, none of them in memory.
fn cold() -> House {
    let mut house = House::with(|settings| settings.tail_cache_bytes = 0);
    let stream = house.create(1, StreamSettings::default());
    for at in 0..10 {
        stream.append(batch(at, 1, 500), Timestamp(at)).unwrap();
    }
    drop(stream);
    house.reopen_closed();
    house
}

fn read(stream: &Stream, from: i64, upto: i64) -> Result<ottla_log::Slice, ReadError> {
    match stream.read(read_request(from, upto))? {
        ReadOutcome::Slice(slice) => Ok(slice),
        ReadOutcome::Cold => panic!("files are allowed"),
    }
}

/// regression: a batch that said that it ends beyond the log's end was waited for, by a reader that was
/// told over and over that there is nothing yet.
#[test]
fn a_batch_that_says_it_ends_beyond_the_log_is_damage() {
    for resealed in [false, true] {
        let house = cold();
        let path = house.first_segment(1);
        house.change_file(&path, |file| {
            file[LAST_OFFSET_DELTA..][..4].copy_from_slice(&20_i32.to_be_bytes());
            if resealed {
                let size = 12 + i32::from_be_bytes(file[8..12].try_into().unwrap()) as usize;
                let crc = ottla_record::crc32c(&file[COVERED..size]);
                file[CRC..][..4].copy_from_slice(&crc.to_be_bytes());
            }
        });
        let error = read(&house.stream(1), 0, 10).expect_err("it is damaged");
        assert!(matches!(error, ReadError::Damaged { .. }), "{error}");
    }
}

/// The same where the batch stays within the log, and only what may be read ends before.
#[test]
fn a_batch_that_says_it_passes_the_limit_is_believed_when_its_checksum_holds() {
    let house = cold();
    house.change_file(&house.first_segment(1), |file| {
        file[LAST_OFFSET_DELTA..][..4].copy_from_slice(&7_i32.to_be_bytes());
    });
    let error = read(&house.stream(1), 0, 5).expect_err("it is damaged");
    assert!(matches!(error, ReadError::Damaged { .. }), "{error}");
}

/// A limit within a batch: there is nothing yet, and reading goes on at the same place, whether the batch
/// is in memory or not.
#[test]
fn nothing_yet_goes_on_where_it_was_asked() {
    for warm in [true, false] {
        let mut house = House::with(|settings| settings.tail_cache_bytes = 0);
        let stream = house.create(1, StreamSettings::default());
        stream.append(batch(0, 8, 500), Timestamp(0)).unwrap();
        if !warm {
            drop(stream);
            house.reopen_closed();
        }
        let slice = read(&house.stream(1), 3, 5).expect("it reads");
        assert!(slice.chunks.is_empty());
        assert_eq!((slice.start, slice.next), (Offset(3), Offset(3)));
        assert_eq!(house.stream(1).id(), stream_id(1));
    }
}
