//! What the machine can do at best, measured between the contestants of the same run.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use rustix::fs::OFlags;

use crate::job::{Latency, histogram};
use crate::machine::own_cpu;

const BLOCK: usize = 4096;
const CHUNK: usize = 1024 * 1024;
const MESSAGE: usize = 256 * 1024;
const FILE_BYTES: u64 = 256 * 1024 * 1024;
const SEGMENTS: usize = 16;
const SEGMENT_BYTES: u64 = 64 * 1024 * 1024;

/// One limit: what it is, how fast it went, what it cost.
#[derive(Clone, Debug)]
pub struct Limit {
    pub name: &'static str,
    pub bytes_per_second: f64,
    pub cpu_per_gb: f64,
    /// Of one write to stable storage.
    pub latency: Option<Latency>,
}

pub const TCP: &str = "TCP over loopback, 256 KiB messages";
pub const TCP_APPEND: &str = "TCP, received bytes appended through the page cache";
pub const DISK: &str = "disk, 1 MiB writes, each on stable storage";
pub const FLUSH: &str = "disk, 4 KiB writes, each on stable storage";
pub const JOURNAL: &str = "journal of 256 KiB rounds and 16 segments, every byte written to both";

/// Measures all of them, each for `seconds`, with files in `directory`.
pub fn measure(directory: &Path, seconds: f64) -> anyhow::Result<Vec<Limit>> {
    let scratch = tempfile::tempdir_in(directory)?;
    let wanted = Duration::from_secs_f64(seconds);
    let journal = prepared(&scratch.path().join("journal"), FILE_BYTES)?;
    Ok(vec![
        tcp(wanted, None)?,
        tcp(wanted, Some(&prepared_buffered(&scratch.path().join("append"))?))?,
        writes(DISK, &journal, CHUNK, wanted)?,
        writes(FLUSH, &journal, BLOCK, wanted)?,
        journal_and_segments(&journal, scratch.path(), wanted)?,
    ])
}

fn limit(name: &'static str, bytes: u64, begun: Instant, cpu: f64) -> Limit {
    let cpu_per_gb = (own_cpu() - cpu) / (bytes as f64 / 1e9).max(1e-9);
    let bytes_per_second = bytes as f64 / begun.elapsed().as_secs_f64();
    Limit { name, bytes_per_second, cpu_per_gb, latency: None }
}

fn tcp(wanted: Duration, append: Option<&File>) -> anyhow::Result<Limit> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let (begun, cpu) = (Instant::now(), own_cpu());
    std::thread::scope(|threads| {
        let sending = threads.spawn(move || -> std::io::Result<()> {
            let mut socket = TcpStream::connect(address)?;
            let message = vec![7; MESSAGE];
            while begun.elapsed() < wanted {
                socket.write_all(&message)?;
            }
            Ok(())
        });
        let (mut socket, _) = listener.accept()?;
        let mut buffer = vec![0; MESSAGE];
        let mut total = 0_u64;
        loop {
            let read = socket.read(&mut buffer)?;
            if read == 0 {
                break;
            }
            if let Some(file) = append {
                file.write_all_at(&buffer[..read], total % (FILE_BYTES - MESSAGE as u64))?;
            }
            total += read as u64;
        }
        sending.join().expect("it does not panic")?;
        let name = if append.is_some() { TCP_APPEND } else { TCP };
        Ok(limit(name, total, begun, cpu))
    })
}

fn writes(name: &'static str, file: &File, size: usize, wanted: Duration) -> anyhow::Result<Limit> {
    let memory = Aligned::new(size);
    let mut latency = histogram();
    let (begun, cpu) = (Instant::now(), own_cpu());
    let mut total = 0;
    while begun.elapsed() < wanted {
        write_timed(file, memory.bytes(), total % FILE_BYTES, &mut latency)?;
        total += size as u64;
    }
    Ok(Limit { latency: Latency::of(&latency), ..limit(name, total, begun, cpu) })
}

fn write_timed(
    file: &File,
    bytes: &[u8],
    at: u64,
    latency: &mut Histogram<u64>,
) -> std::io::Result<()> {
    let before = Instant::now();
    file.write_all_at(bytes, at)?;
    latency.saturating_record(before.elapsed().as_micros() as u64);
    Ok(())
}

/// What a durable log does at least: one thread writes rounds to a journal, another one moves the same bytes into segments,
/// both past the page cache, and never runs behind by more than a few chunks.
fn journal_and_segments(journal: &File, scratch: &Path, wanted: Duration) -> anyhow::Result<Limit> {
    let segments: Vec<File> = (0..SEGMENTS)
        .map(|n| prepared(&scratch.join(format!("segment-{n}")), SEGMENT_BYTES))
        .collect::<anyhow::Result<_>>()?;
    let (memory, done, over) = (Aligned::new(CHUNK), AtomicU64::new(0), AtomicBool::new(false));
    let mut latency = histogram();
    let (begun, cpu) = (Instant::now(), own_cpu());
    std::thread::scope(|threads| {
        let filling = threads.spawn(|| fill(&segments, memory.bytes(), &done, &over));
        let mut total = 0;
        while begun.elapsed() < wanted {
            write_timed(journal, &memory.bytes()[..MESSAGE], total % FILE_BYTES, &mut latency)?;
            total = done.fetch_add(MESSAGE as u64, Ordering::Release) + MESSAGE as u64;
        }
        over.store(true, Ordering::Release);
        filling.join().expect("it does not panic")?;
        Ok(Limit { latency: Latency::of(&latency), ..limit(JOURNAL, total, begun, cpu) })
    })
}

fn fill(
    segments: &[File],
    chunk: &[u8],
    done: &AtomicU64,
    over: &AtomicBool,
) -> std::io::Result<()> {
    let mut filled = 0_u64;
    loop {
        // Looked at first: what was done before it was over is seen then.
        let last = over.load(Ordering::Acquire);
        while filled + CHUNK as u64 <= done.load(Ordering::Acquire) {
            let turn = filled / CHUNK as u64;
            let file = &segments[turn as usize % segments.len()];
            let position = turn / segments.len() as u64 * CHUNK as u64 % SEGMENT_BYTES;
            file.write_all_at(chunk, position)?;
            filled += CHUNK as u64;
        }
        if last {
            return Ok(());
        }
        std::thread::sleep(Duration::from_micros(50));
    }
}

/// A file that was written before, so that no write has to allocate; past the page cache where that can be.
fn prepared(path: &Path, bytes: u64) -> anyhow::Result<File> {
    let file = File::create(path)?;
    let zeros = vec![0; CHUNK];
    for position in (0..bytes).step_by(CHUNK) {
        file.write_all_at(&zeros, position)?;
    }
    file.sync_all()?;
    let open = |flags: OFlags| {
        let flags = i32::try_from(flags.bits()).unwrap_or_default();
        OpenOptions::new().write(true).custom_flags(flags).open(path)
    };
    Ok(open(OFlags::DIRECT | OFlags::DSYNC).or_else(|_| open(OFlags::DSYNC))?)
}

fn prepared_buffered(path: &Path) -> anyhow::Result<File> {
    drop(prepared(path, FILE_BYTES)?);
    Ok(OpenOptions::new().write(true).open(path)?)
}

/// Memory at an address that a write past the page cache takes.
struct Aligned {
    padded: Vec<u8>,
    start: usize,
    length: usize,
}

impl Aligned {
    fn new(length: usize) -> Self {
        let padded = vec![7; length + BLOCK];
        let start = padded.as_ptr().align_offset(BLOCK);
        Self { padded, start, length }
    }

    fn bytes(&self) -> &[u8] {
        &self.padded[self.start..self.start + self.length]
    }
}
