//! librdkafka's own calls for many records at once, which its Rust binding does not have: the rival is to be measured by
//! the fastest way in and out that it offers. The one module of this package with `unsafe` code.
//!
//! Invariants:
//! - A handle is destroyed after its topic and its queue, and after everything that calls its callbacks.
//! - Values that were sent without a copy are borrowed until [`Sender::finish`] has seen every delivery.

use std::ffi::{CStr, CString, c_char, c_void};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{anyhow, bail};
use hdrhistogram::Histogram;
use rdkafka::bindings as rd;

use crate::job::histogram;

/// How long one poll waits for something to happen.
const POLL_MILLIS: i32 = 100;
/// Longest wait for the last deliveries.
const FLUSH_PATIENCE: Duration = Duration::from_secs(60);
/// How many records one call of the consumer hands out at most.
const READ_RECORDS_MAX: usize = 10_000;
/// Room for the reason of a failure.
const REASON_BYTES: usize = 512;
/// librdkafka's word for "the partitioner decides".
const PARTITION_UNASSIGNED: i32 = -1;
/// A number of records that share their due time is stamped with one look at the clock, but not more than this.
const RECORDS_A_LOOK: u64 = 64;

/// A client of librdkafka.
struct Native(*mut rd::rd_kafka_t);

// SAFETY: a handle of librdkafka may be used by any thread, and by several at once.
unsafe impl Send for Native {}
// SAFETY: as above.
unsafe impl Sync for Native {}

impl Native {
    /// `tally`, when given, MUST live until the handle is dropped.
    fn new(
        kind: rd::rd_kafka_type_t,
        settings: &[(&str, String)],
        tally: Option<&Tally>,
    ) -> anyhow::Result<Self> {
        let mut reason = [0 as c_char; REASON_BYTES];
        // SAFETY: the configuration is made here and taken over by `rd_kafka_new`; all strings end in zero and outlive
        // the call that reads them.
        unsafe {
            let conf = rd::rd_kafka_conf_new();
            for (name, value) in settings {
                let (name, value) = (CString::new(*name)?, CString::new(value.as_str())?);
                let room = (reason.as_mut_ptr(), REASON_BYTES);
                let set =
                    rd::rd_kafka_conf_set(conf, name.as_ptr(), value.as_ptr(), room.0, room.1);
                if set != rd::rd_kafka_conf_res_t::RD_KAFKA_CONF_OK {
                    rd::rd_kafka_conf_destroy(conf);
                    bail!("librdkafka: {}", text(reason.as_ptr()));
                }
            }
            if let Some(tally) = tally {
                rd::rd_kafka_conf_set_opaque(conf, ptr::from_ref(tally).cast_mut().cast());
                rd::rd_kafka_conf_set_dr_msg_cb(conf, Some(delivered));
            }
            let handle = rd::rd_kafka_new(kind, conf, reason.as_mut_ptr(), REASON_BYTES);
            if handle.is_null() {
                rd::rd_kafka_conf_destroy(conf);
                bail!("librdkafka: {}", text(reason.as_ptr()));
            }
            Ok(Self(handle))
        }
    }
}

impl Drop for Native {
    fn drop(&mut self) {
        // SAFETY: made by `rd_kafka_new`, and dropped once.
        unsafe { rd::rd_kafka_destroy(self.0) }
    }
}

/// # Safety
/// A string that ends in zero.
unsafe fn text(from: *const c_char) -> String {
    // SAFETY: the caller's promise.
    unsafe { CStr::from_ptr(from) }.to_string_lossy().into_owned()
}

/// What became of what was sent.
struct Tally {
    began: Instant,
    done: AtomicU64,
    failed: AtomicU64,
    latency: Mutex<Run>,
}

/// Records one behind the other that were due at the same time.
struct Run {
    histogram: Histogram<u64>,
    due_micros: usize,
    records: u64,
}

impl Tally {
    fn add(&self, due_micros: usize) {
        let mut run = self.latency.lock().expect("nobody panics under it");
        if run.due_micros != due_micros || run.records >= RECORDS_A_LOOK {
            self.close(&mut run);
            run.due_micros = due_micros;
        }
        run.records += 1;
    }

    fn close(&self, run: &mut Run) {
        if run.records > 0 {
            let now = self.began.elapsed().as_micros() as u64;
            let latency = now.saturating_sub(run.due_micros as u64).max(1);
            run.histogram.saturating_record_n(latency, run.records);
            run.records = 0;
        }
    }
}

unsafe extern "C" fn delivered(
    _client: *mut rd::rd_kafka_t,
    message: *const rd::rd_kafka_message_t,
    opaque: *mut c_void,
) {
    // SAFETY: librdkafka lends the message for this call; `opaque` is the tally, which outlives the handle.
    let (message, tally) = unsafe { (&*message, &*opaque.cast::<Tally>()) };
    if message.err == rd::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
        tally.add(message._private.addr());
    } else {
        tally.failed.fetch_add(1, Ordering::Relaxed);
    }
    tally.done.fetch_add(1, Ordering::Release);
}

/// Sends many records a call; a thread of its own takes the deliveries.
pub struct Sender {
    // Dropped in this order.
    polling: Option<std::thread::JoinHandle<()>>,
    stop: Arc<AtomicBool>,
    topic: *mut rd::rd_kafka_topic_t,
    client: Arc<Native>,
    tally: Arc<Tally>,
    messages: Vec<rd::rd_kafka_message_t>,
    sent: u64,
    waiting_max: u64,
}

impl Sender {
    /// At most `waiting_max` records are sent and not yet delivered.
    pub fn new(settings: &[(&str, String)], topic: &str, waiting_max: u64) -> anyhow::Result<Self> {
        let latency = Run { histogram: histogram(), due_micros: 0, records: 0 };
        let tally = Arc::new(Tally {
            began: Instant::now(),
            done: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            latency: Mutex::new(latency),
        });
        let kind = rd::rd_kafka_type_t::RD_KAFKA_PRODUCER;
        let client = Arc::new(Native::new(kind, settings, Some(&tally))?);
        let name = CString::new(topic)?;
        // SAFETY: the handle lives; the name is copied.
        let topic = unsafe { rd::rd_kafka_topic_new(client.0, name.as_ptr(), ptr::null_mut()) };
        let stop = Arc::new(AtomicBool::new(false));
        let (polled, stopped) = (client.clone(), stop.clone());
        let polling = std::thread::spawn(move || {
            while !stopped.load(Ordering::Acquire) {
                // SAFETY: the handle lives as long as this thread's share of it.
                unsafe { rd::rd_kafka_poll(polled.0, POLL_MILLIS) };
            }
        });
        let (polling, messages) = (Some(polling), Vec::new());
        Ok(Self { polling, stop, topic, client, tally, messages, sent: 0, waiting_max })
    }

    /// Sends `value` `count` times, to the partitions that `partition` says, or as librdkafka likes. Without `copied` the
    /// value is not copied, and MUST stay as it is until [`Self::finish`] returned.
    pub fn send(
        &mut self,
        value: &[u8],
        count: u64,
        due: Instant,
        copied: bool,
        mut partition: Option<impl FnMut() -> i32>,
    ) -> anyhow::Result<()> {
        let due = due.duration_since(self.tally.began).as_micros() as usize;
        let mut left = count;
        while left > 0 {
            let room = self.wait_for_room();
            let now = left.min(room);
            self.messages.clear();
            let next = || {
                let partition = partition.as_mut().map_or(PARTITION_UNASSIGNED, |next| next());
                message(value, partition, due)
            };
            self.messages.extend(std::iter::repeat_with(next).take(now as usize));
            self.produce(copied, partition.is_some())?;
            left -= now;
        }
        Ok(())
    }

    fn wait_for_room(&self) -> u64 {
        loop {
            let waiting = self.sent - self.tally.done.load(Ordering::Acquire);
            if waiting < self.waiting_max {
                return self.waiting_max - waiting;
            }
            std::thread::sleep(Duration::from_micros(100));
        }
    }

    fn produce(&mut self, copied: bool, chosen: bool) -> anyhow::Result<()> {
        let copy = if copied { rd::RD_KAFKA_MSG_F_COPY } else { 0 };
        let flags = copy | if chosen { rd::RD_KAFKA_MSG_F_PARTITION } else { 0 };
        while !self.messages.is_empty() {
            let (first, count) = (self.messages.as_mut_ptr(), i32::try_from(self.messages.len())?);
            // SAFETY: the messages are ours for this call; what they point to is copied, or kept by our caller.
            let taken = unsafe {
                rd::rd_kafka_produce_batch(self.topic, PARTITION_UNASSIGNED, flags, first, count)
            };
            self.sent += taken as u64;
            let full = rd::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__QUEUE_FULL;
            let none = rd::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR;
            self.messages.retain(|message| message.err != none);
            if let Some(refused) = self.messages.iter().find(|message| message.err != full) {
                bail!("librdkafka takes no record: {:?}", refused.err);
            }
            if !self.messages.is_empty() {
                std::thread::sleep(Duration::from_micros(100));
            }
        }
        Ok(())
    }

    /// Waits until every record was delivered: how many, and their latencies.
    pub fn finish(mut self) -> anyhow::Result<Histogram<u64>> {
        let begun = Instant::now();
        while self.tally.done.load(Ordering::Acquire) < self.sent {
            if begun.elapsed() > FLUSH_PATIENCE {
                bail!(
                    "{} records were not delivered",
                    self.sent - self.tally.done.load(Ordering::Acquire)
                );
            }
            std::thread::sleep(Duration::from_micros(100));
        }
        self.stop_polling();
        let failed = self.tally.failed.load(Ordering::Relaxed);
        if failed > 0 {
            bail!("{failed} records were refused");
        }
        let mut run = self.tally.latency.lock().map_err(|_| anyhow!("a callback panicked"))?;
        self.tally.close(&mut run);
        Ok(run.histogram.clone())
    }

    fn stop_polling(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(polling) = self.polling.take() {
            // It runs no code that panics.
            let _ended = polling.join();
        }
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.stop_polling();
        // SAFETY: made with the handle, which lives on until after this.
        unsafe { rd::rd_kafka_topic_destroy(self.topic) }
        // The last share goes here, while the tally still lives.
        debug_assert_eq!(Arc::strong_count(&self.client), 1);
    }
}

fn message(value: &[u8], partition: i32, due_micros: usize) -> rd::rd_kafka_message_t {
    rd::rd_kafka_message_t {
        err: rd::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR,
        rkt: ptr::null_mut(),
        partition,
        payload: value.as_ptr().cast_mut().cast(),
        len: value.len(),
        key: ptr::null_mut(),
        key_len: 0,
        offset: 0,
        _private: ptr::without_provenance_mut(due_micros),
    }
}

/// Takes many records a call.
pub struct Receiver {
    queue: *mut rd::rd_kafka_queue_t,
    client: Native,
    messages: Vec<*mut rd::rd_kafka_message_t>,
}

// SAFETY: a queue of librdkafka may be used by any thread; the messages are taken and given back by one call.
unsafe impl Send for Receiver {}

impl Receiver {
    /// Reads all partitions of a topic from their oldest record on.
    pub fn new(settings: &[(&str, String)], topic: &str, partitions: u32) -> anyhow::Result<Self> {
        let client = Native::new(rd::rd_kafka_type_t::RD_KAFKA_CONSUMER, settings, None)?;
        let name = CString::new(topic)?;
        // SAFETY: the list is made, filled, lent and destroyed here; the name is copied into it.
        let queue = unsafe {
            let list = rd::rd_kafka_topic_partition_list_new(i32::try_from(partitions)?);
            for partition in 0..i32::try_from(partitions)? {
                let added = rd::rd_kafka_topic_partition_list_add(list, name.as_ptr(), partition);
                (*added).offset = i64::from(rd::RD_KAFKA_OFFSET_BEGINNING);
            }
            rd::rd_kafka_poll_set_consumer(client.0);
            let assigned = rd::rd_kafka_assign(client.0, list);
            rd::rd_kafka_topic_partition_list_destroy(list);
            if assigned != rd::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
                bail!("librdkafka does not assign: {assigned:?}");
            }
            rd::rd_kafka_queue_get_consumer(client.0)
        };
        Ok(Self { queue, client, messages: vec![ptr::null_mut(); READ_RECORDS_MAX] })
    }

    /// Waits a moment for records and hands out their values; how many there were.
    pub fn next(&mut self, mut each: impl FnMut(&[u8])) -> anyhow::Result<u64> {
        let room = (self.messages.as_mut_ptr(), self.messages.len());
        // SAFETY: the queue lives, and the room is ours.
        let got =
            unsafe { rd::rd_kafka_consume_batch_queue(self.queue, POLL_MILLIS, room.0, room.1) };
        let got = usize::try_from(got).map_err(|_| anyhow!("librdkafka reads no more"))?;
        let (mut records, mut failed) = (0, None);
        for message in &self.messages[..got] {
            // SAFETY: handed out by the call above, and given back here once.
            unsafe {
                let record = &**message;
                match record.err {
                    rd::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR => {
                        records += 1;
                        if !record.payload.is_null() {
                            each(std::slice::from_raw_parts(record.payload.cast(), record.len));
                        }
                    }
                    // It asks for a coordinator of groups, which a broker without groups does not have.
                    rd::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION => {}
                    other => failed = Some(other),
                }
                rd::rd_kafka_message_destroy(*message);
            }
        }
        match failed {
            Some(error) => bail!("librdkafka reads no more: {error:?}"),
            None => Ok(records),
        }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        // SAFETY: made with the handle, which is dropped after this.
        unsafe { rd::rd_kafka_queue_destroy(self.queue) }
        let _client_goes_last = &self.client;
    }
}
