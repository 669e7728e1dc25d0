//! Journals in memory, whole and damaged, as the scan reads them.

use expect_test::{Expect, expect};
use ottla_model::{PartitionId, Timestamp, TopicId};

use super::*;
use crate::format::{Operation, RoundBuilder, RoundStamp};
use crate::storage::{MemoryStorage, OpenMode, StorageFile};

const DIRECTORY: DirectoryId = DirectoryId::from_bytes([9; 16]);
const FILE_BYTES: u64 = 8 * BLOCK_BYTES;

fn stream(number: u8) -> StreamId {
    StreamId::new(TopicId::from_bytes([number; 16]), PartitionId(0))
}

/// A journal of two files of eight blocks; rounds are of one or two blocks.
struct Journal {
    storage: MemoryStorage,
    incarnation: u64,
}

impl Journal {
    fn new() -> Self {
        let storage = MemoryStorage::new();
        storage.create_dir(JOURNAL_DIR).unwrap();
        for number in [3, 4] {
            let file = storage.open(&journal_path(number), OpenMode::CREATE).unwrap();
            file.set_len(FILE_BYTES).unwrap();
        }
        Self { storage, incarnation: 7 }
    }

    fn file(&self, number: u32) -> std::sync::Arc<dyn StorageFile> {
        self.storage.open(&journal_path(number), OpenMode::READ_WRITE).unwrap()
    }

    fn put(&self, file: u32, block: u64, sequence: u64, blocks: u64) {
        let mut builder = RoundBuilder::new();
        let state = Bytes::from(vec![sequence as u8; (blocks * BLOCK_BYTES - 300) as usize]);
        builder.push(stream(sequence as u8), Operation::HardState { state });
        let stamp = RoundStamp {
            directory: DIRECTORY,
            incarnation: self.incarnation,
            sequence,
            durable_mark: sequence - 1,
            file,
            position: block * BLOCK_BYTES,
            written_at: Timestamp(0),
        };
        let mut round = vec![0; builder.round_bytes() as usize];
        builder.encode(stamp, &mut round);
        self.file(file).write_at(block * BLOCK_BYTES, &round).unwrap();
    }

    fn flip(&self, file: u32, position: u64) {
        let file = self.file(file);
        let mut byte = [0];
        file.read_at(position, &mut byte).unwrap();
        file.write_at(position, &[!byte[0]]).unwrap();
    }

    /// Rounds 10 to 14: two in file 3, with no room left for the third, the rest in file 4.
    fn five_rounds() -> Self {
        let journal = Self::new();
        journal.put(3, 0, 10, 2);
        journal.put(3, 2, 11, 2);
        journal.put(4, 0, 12, 1);
        journal.put(4, 1, 13, 2);
        journal.put(4, 3, 14, 1);
        journal
    }

    fn scan(&self, flaws: Flaws) -> String {
        let author = Author { directory: DIRECTORY, incarnation: 8 };
        let from = JournalPlace { sequence: 10, file: 3 };
        let mut scan = match JournalScan::begin(&self.storage, author, from, flaws) {
            Ok(scan) => scan,
            Err(error) => return error.to_string(),
        };
        let mut found = Vec::new();
        while let Some(scanned) = scan.next_round().unwrap() {
            found.push(match scanned {
                Scanned::Round(round) => round.header.stamp.sequence.to_string(),
                Scanned::Damage(Damage { first, last, streams, .. }) => {
                    let whose = streams.map_or("all".to_owned(), |s| format!("{} stream", s.len()));
                    format!("damage {first}-{last} of {whose}")
                }
            });
        }
        let JournalEnd { file, position, sequence, file_first } = scan.end();
        let block = position / BLOCK_BYTES;
        format!("{}; {sequence} goes to {file}:{block} after {file_first}", found.join(", "))
    }

    fn check(&self, expect: Expect) {
        expect.assert_eq(&self.scan(Flaws::default()));
    }
}

#[test]
fn rounds_are_read_across_files() {
    Journal::five_rounds().check(expect!["10, 11, 12, 13, 14; 15 goes to 4:4 after 12"]);
}

#[test]
fn an_empty_journal_ends_where_it_begins() {
    Journal::new().check(expect!["; 10 goes to 3:0 after 10"]);
}

#[test]
fn a_torn_last_round_ends_the_journal() {
    let journal = Journal::five_rounds();
    journal.flip(4, 3 * BLOCK_BYTES + 200);
    journal.check(expect!["10, 11, 12, 13; 14 goes to 4:3 after 12"]);
}

#[test]
fn a_last_round_without_a_header_ends_the_journal() {
    let journal = Journal::five_rounds();
    journal.flip(4, 3 * BLOCK_BYTES);
    journal.check(expect!["10, 11, 12, 13; 14 goes to 4:3 after 12"]);
}

#[test]
fn a_damaged_payload_names_its_streams_and_reading_goes_on() {
    let journal = Journal::five_rounds();
    journal.flip(3, 2 * BLOCK_BYTES + 5000);
    journal.check(expect!["10, damage 11-11 of 1 stream, 12, 13, 14; 15 goes to 4:4 after 12"]);
}

#[test]
fn a_damaged_header_may_be_anybodys() {
    let journal = Journal::five_rounds();
    journal.flip(4, BLOCK_BYTES + 60);
    journal.check(expect!["10, 11, 12, damage 13-13 of all, 14; 15 goes to 4:4 after 12"]);
}

#[test]
fn a_lost_file_end_is_damage_too() {
    let journal = Journal::five_rounds();
    journal.file(3).set_len(2 * BLOCK_BYTES).unwrap();
    journal.check(expect!["10, damage 11-11 of all, 12, 13, 14; 15 goes to 4:4 after 12"]);
}

/// Planted bug 5 in small.
#[test]
fn an_end_at_any_bad_round_is_what_must_not_be() {
    let journal = Journal::five_rounds();
    journal.flip(3, 2 * BLOCK_BYTES + 5000);
    let flaws = Flaws { ends_at_damage: true, ..Flaws::default() };
    expect!["10; 11 goes to 3:2 after 10"].assert_eq(&journal.scan(flaws));
}

#[test]
fn a_missing_or_empty_file_is_refused() {
    let journal = Journal::five_rounds();
    journal.file(4).set_len(0).unwrap();
    journal.check(expect!["journal file journal/00000004.journal is empty"]);
    let journal = Journal::five_rounds();
    journal.storage.remove_file(&journal_path(3)).unwrap();
    journal.check(expect!["journal file journal/00000003.journal is missing"]);
}

/// Planted bug 63 in small: file 4 is file 2 of a former life, whole rounds still in it.
#[test]
fn rounds_of_a_former_life_are_not_taken() {
    let journal = Journal::new();
    journal.put(3, 0, 10, 1);
    journal.put(3, 1, 5, 1); // An old round where the next one will be.
    let old = Journal { storage: journal.storage.clone(), incarnation: 6 };
    old.put(4, 0, 11, 1); // The right number of another run: a restored copy.
    let other = stream(1);
    assert_ne!(other, stream(2));
    journal.check(expect!["10; 11 goes to 3:1 after 10"]);
    let flaws = Flaws { takes_stale: true, ..Flaws::default() };
    expect!["10, 5, 11; 12 goes to 4:1 after 11"].assert_eq(&journal.scan(flaws));
}

/// A restart goes on under the next incarnation, in the place of a round that never was.
#[test]
fn a_later_incarnation_goes_on() {
    let mut journal = Journal::new();
    journal.put(3, 0, 10, 1);
    journal.incarnation = 8;
    journal.put(3, 1, 11, 2);
    journal.check(expect!["10, 11; 12 goes to 3:3 after 10"]);
    journal.incarnation = 9;
    journal.put(3, 3, 12, 1);
    journal.check(expect!["10, 11; 12 goes to 3:3 after 10"]);
}

#[test]
fn a_misdirected_round_is_not_taken() {
    let journal = Journal::new();
    journal.put(3, 0, 10, 1);
    let mut round = vec![0; BLOCK_BYTES as usize];
    journal.put(3, 4, 11, 1);
    journal.file(3).read_at(4 * BLOCK_BYTES, &mut round).unwrap();
    journal.file(3).write_at(4 * BLOCK_BYTES, &vec![0; BLOCK_BYTES as usize]).unwrap();
    journal.file(3).write_at(BLOCK_BYTES, &round).unwrap();
    journal.check(expect!["10; 11 goes to 3:1 after 10"]);
}
