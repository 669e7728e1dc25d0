//! The controller on a real log: its life over restarts, and a crash at every operation of the disk
//! (C2, C4, C5, I7).

use std::collections::BTreeMap;
use std::sync::Arc;

use ottla_control::ControlSettings;
use ottla_log::storage::disk::Variant;
use ottla_log::storage::{MemoryStorage, RecordingStorage, Storage};
use ottla_log::{Lane, LogDirectory, LogSettings, OpenContext, StreamSettings};
use ottla_metadata::request::{
    AllocateProducerIds, Committed, ControllerRequest, CreateTopic, DeleteTopic, RegisterBroker,
    TopicRef,
};
use ottla_metadata::{ControllerError, Image, MetadataRecord};
use ottla_model::{
    BrokerId, KIB, Offset, PartitionId, Rng, StreamId, Timestamp, TopicId, TopicName,
};
use ottla_runtime::Clock;
use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::LocalMetadataLog;
use crate::controller::ControllerConfig;
use crate::driver::{Driver, Signals, Submission};
use crate::error::StartError;
use crate::log::{MetadataLog, MetadataLogError};

const NOW: Timestamp = Timestamp(1_000);

type Answer = Result<Committed, ControllerError>;

/// A directory with a controller over it.
struct House {
    directory: LogDirectory,
    driver: Driver,
}

fn directory(storage: Arc<dyn Storage>) -> LogDirectory {
    let settings = LogSettings {
        room_reserve_bytes: 0,
        journal_bytes_start: 16 * KIB,
        journal_file_bytes_max: 32 * KIB,
        journal_bytes_max: 128 * KIB,
        ..LogSettings::default()
    };
    let context = OpenContext {
        cluster: None,
        broker: BrokerId(1),
        rng: Rng::from_number(1),
        boot_id: "boot".to_owned(),
        now: NOW,
    };
    let opened = LogDirectory::open(Arc::clone(&storage), storage, settings, context);
    opened.expect("the directory opens").0
}

fn load(directory: &LogDirectory, log: impl MetadataLog) -> Result<Driver, StartError> {
    let settings = ControlSettings { snapshot_records_min: 8, ..ControlSettings::default() };
    let config = ControllerConfig { cluster: directory.identity().cluster, settings };
    Driver::load(Box::new(log), config, Rng::from_number(2), Clock::start())
}

impl House {
    fn open(storage: Arc<dyn Storage>) -> Result<Self, StartError> {
        let directory = directory(storage);
        let log = LocalMetadataLog::open(&directory)?;
        let driver = load(&directory, log)?;
        Ok(Self { directory, driver })
    }

    fn image(&self) -> Arc<Image> {
        self.driver.images().borrow().clone()
    }

    fn ask(&mut self, request: ControllerRequest) -> oneshot::Receiver<Answer> {
        let (reply, answer) = oneshot::channel();
        self.driver.handle_submission(Submission { request, reply });
        answer
    }

    /// Asks, and does the disk's work until there is none.
    fn done(&mut self, request: ControllerRequest) -> Committed {
        let mut answer = self.ask(request);
        self.work();
        answer.try_recv().expect("all work is done").expect("it is granted")
    }

    fn work(&mut self) {
        for _ in 0..1_000 {
            let steps = Lane::ALL.map(|lane| self.directory.step(lane, NOW));
            for (stream, end) in steps.iter().flat_map(|step| &step.durable) {
                assert_eq!(*stream, StreamId::METADATA);
                self.driver.handle_signals(&Signals { durable: *end, stopped: None });
            }
            if steps.iter().all(|step| !step.worked) {
                return;
            }
        }
        panic!("the work never ends");
    }
}

fn name(number: u32) -> TopicName {
    format!("t{number}").parse().expect("a good name")
}

fn register() -> ControllerRequest {
    ControllerRequest::RegisterBroker(RegisterBroker {
        broker: BrokerId(1),
        directory: ottla_model::DirectoryId::from_bytes([1; 16]),
        boot: "boot".to_owned(),
        endpoints: Vec::new(),
    })
}

fn create(number: u32) -> ControllerRequest {
    let (partitions, config, validate_only) = (Some(2), BTreeMap::new(), false);
    let name = name(number);
    ControllerRequest::CreateTopic(CreateTopic { name, partitions, config, validate_only })
}

fn delete(number: u32) -> ControllerRequest {
    ControllerRequest::DeleteTopic(DeleteTopic { topic: TopicRef::Name(name(number)) })
}

fn ids() -> ControllerRequest {
    let (broker, broker_epoch) = (BrokerId(1), 0);
    ControllerRequest::AllocateProducerIds(AllocateProducerIds { broker, broker_epoch })
}

#[test]
fn a_cluster_outlives_its_process() {
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::new());
    let mut house = House::open(Arc::clone(&storage)).expect("a new directory");
    house.done(register());
    for number in 0..20 {
        house.done(create(number));
        if number % 2 == 0 {
            house.done(delete(number));
        }
    }
    let before = house.image();
    let start =
        house.directory.stream(StreamId::METADATA).expect("it is there").offsets().log_start;
    assert!(start > Offset::ZERO, "a snapshot let the log forget");
    // Killed, and then closed.
    drop(house);
    let mut house = House::open(Arc::clone(&storage)).expect("its own directory");
    assert_eq!(*house.image(), *before);
    house.done(create(100));
    let before = house.image();
    house.directory.close(NOW).expect("it closes");
    drop(house);
    assert_eq!(*House::open(storage).expect("its own directory").image(), *before);
}

#[test]
fn what_is_not_flushed_is_not_answered() {
    let mut house = House::open(Arc::new(MemoryStorage::new())).expect("a new directory");
    house.done(register());
    let mut answer = house.ask(create(1));
    assert!(answer.try_recv().is_err(), "nothing was flushed yet");
    assert_eq!(house.image().topics().len(), 0);
    house.work();
    assert!(matches!(answer.try_recv(), Ok(Ok(_))));
    assert_eq!(house.image().topics().len(), 1);
}

/// To start would be to take the partitions for those of deleted topics, and to drop them.
#[test]
fn partitions_without_metadata_are_not_taken_for_orphans() {
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::new());
    let other = directory(Arc::clone(&storage));
    let id = StreamId::new(TopicId::from_bytes([7; 16]), PartitionId(0));
    other.create_stream(id, StreamSettings::default()).expect("it is new");
    other.close(NOW).expect("it closes");
    drop(other);
    let error = House::open(storage).err().expect("its metadata is missing");
    expect_test::expect!["the data directory holds 1 partitions, and its metadata log is empty; restore the log, or start with an empty directory"].assert_eq(&error.to_string());
}

/// A log that notes what is written into it.
struct Noted {
    log: LocalMetadataLog,
    entries: Arc<Mutex<Vec<Vec<MetadataRecord>>>>,
}

impl MetadataLog for Noted {
    fn load(
        &mut self,
        take: &mut dyn FnMut(Offset, MetadataRecord) -> Result<(), StartError>,
    ) -> Result<Offset, StartError> {
        self.log.load(take)
    }

    fn append(
        &mut self,
        records: &[MetadataRecord],
        now: Timestamp,
    ) -> Result<Offset, MetadataLogError> {
        self.entries.lock().push(records.to_vec());
        self.log.append(records, now)
    }

    fn forget_below(&mut self, start: Offset) -> Result<(), MetadataLogError> {
        self.log.forget_below(start)
    }
}

/// A run of the controller on a disk that remembers, with everything in it, snapshots included.
struct Run {
    storage: RecordingStorage,
    /// The image at every end of an entry.
    images: BTreeMap<Offset, Image>,
    /// After which operation of the disk somebody was told of which end.
    told: Vec<(usize, Offset)>,
}

fn run() -> Run {
    let storage = RecordingStorage::new();
    let directory = directory(Arc::new(storage.clone()));
    let entries = Arc::new(Mutex::new(Vec::new()));
    let log = LocalMetadataLog::open(&directory).expect("a new directory");
    let log = Noted { log, entries: Arc::clone(&entries) };
    let driver = load(&directory, log).expect("a new directory");
    let mut house = House { directory, driver };
    let mut told = Vec::new();
    let churn = (4..9).flat_map(|number| [create(number), delete(number)]);
    for request in [register(), create(1), delete(1), create(2), create(3)].into_iter().chain(churn)
    {
        // Two at once: most rounds have several entries.
        let answers = [house.ask(request), house.ask(ids())];
        house.work();
        for mut answer in answers {
            let committed = answer.try_recv().expect("all work is done").expect("it is granted");
            told.push((storage.position(), committed.end));
        }
    }
    let mut image = Image::default();
    let mut images = BTreeMap::from([(image.end(), image.clone())]);
    for entry in entries.lock().iter() {
        ottla_control::replay(&mut image, entry).expect("it was decided");
        images.insert(image.end(), image.clone());
    }
    Run { storage, images, told }
}

/// A crash within every operation of the disk, each in several variants: what is found is the log up
/// to the end of some entry, and nothing is missing that anybody was told of.
#[test]
fn no_crash_loses_what_was_told() {
    let run = run();
    let mut crashes = 0;
    for point in run.storage.script().crash_points() {
        let told = run.told.iter().filter(|(position, _)| *position <= point.operation());
        let told = told.map(|(_, end)| *end).max().unwrap_or_default();
        for variant in Variant::all(point.operation(), 8) {
            let context = format!("{} {variant:?}", point.describe());
            check_recovery(&run, told, Arc::new(point.storage(variant)), &context);
            crashes += 1;
        }
    }
    assert!(crashes > 500, "{crashes} crashes are too few to mean anything");
}

fn check_recovery(run: &Run, told: Offset, storage: Arc<dyn Storage>, context: &str) {
    let directory = directory(storage);
    let log = LocalMetadataLog::open(&directory).unwrap_or_else(|e| panic!("{context}: {e}"));
    let found = load_only(log).unwrap_or_else(|e| panic!("{context}: {e}"));
    assert!(found.end() >= told, "{context}: {} is left, and {told} was told", found.end());
    let expected = run.images.get(&found.end());
    assert_eq!(expected, Some(&found), "{context}: the log ends within an entry");
}

fn load_only(mut log: LocalMetadataLog) -> Result<Image, StartError> {
    let mut image = None;
    log.load(&mut |offset, record| {
        Ok(image.get_or_insert_with(|| Image::starting_at(offset)).replay(&record)?)
    })?;
    Ok(image.unwrap_or_default())
}
