//! What the machine can do at best, measured in the same run: raw TCP over loopback, and the raw disk.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use rustix::fs::OFlags;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::failure::Failure;

const BLOCK: usize = 4096;
const CHUNK: usize = 1024 * 1024;
const MESSAGE: usize = 256 * 1024;
const FILE_BYTES: u64 = 256 * 1024 * 1024;
const HOW_LONG: Duration = Duration::from_secs(2);

/// The machine's limits.
pub(super) struct Limits {
    /// Bytes a second through a TCP connection on loopback.
    pub(super) tcp: f64,
    /// Bytes a second written to the disk in chunks of 1 MiB, each on stable storage.
    pub(super) disk: f64,
    /// How a write of 4 KiB to stable storage takes, in microseconds: p50, p99.
    pub(super) flush: (u64, u64),
    /// Whether the disk was written past the page cache.
    pub(super) direct: bool,
}

/// Measures both, for a few seconds.
pub(super) async fn measure(directory: &Path) -> Result<Limits, Failure> {
    eprintln!("raw TCP and raw disk in {} ...", directory.display());
    let tcp = tcp().await.map_err(|e| Failure::new(format!("cannot measure TCP: {e}")))?;
    let path = directory.join(format!("ottla-bench-{}.tmp", std::process::id()));
    let measured = disk(&path);
    let removed = std::fs::remove_file(&path);
    let cannot =
        |e| Failure::new(format!("cannot measure the disk of {}: {e}", directory.display()));
    let (disk, flush, direct) = measured.map_err(cannot)?;
    removed.map_err(cannot)?;
    Ok(Limits { tcp, disk, flush, direct })
}

async fn tcp() -> std::io::Result<f64> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let sink = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await?;
        let mut buffer = vec![0; MESSAGE];
        let mut total = 0_u64;
        loop {
            match socket.read(&mut buffer).await? {
                0 => return std::io::Result::Ok(total),
                read => total += read as u64,
            }
        }
    });
    let mut socket = TcpStream::connect(address).await?;
    let message = vec![7; MESSAGE];
    let begun = Instant::now();
    while begun.elapsed() < HOW_LONG {
        socket.write_all(&message).await?;
    }
    drop(socket);
    let total = sink.await.map_err(std::io::Error::other)??;
    Ok(total as f64 / begun.elapsed().as_secs_f64())
}

fn disk(path: &Path) -> std::io::Result<(f64, (u64, u64), bool)> {
    let (file, direct) = prepared(path)?;
    let padded = vec![7; CHUNK + BLOCK];
    let start = padded.as_ptr().align_offset(BLOCK);
    let chunk = &padded[start..start + CHUNK];
    let (bytes, seconds, _) = write_for(&file, chunk)?;
    let (_, _, small) = write_for(&file, &chunk[..BLOCK])?;
    let flush = (small.value_at_quantile(0.5), small.value_at_quantile(0.99));
    Ok((bytes as f64 / seconds, flush, direct))
}

/// A file that was written before, so that no write has to allocate; past the page cache where that can be.
fn prepared(path: &Path) -> std::io::Result<(File, bool)> {
    let file = File::create(path)?;
    let zeros = vec![0; CHUNK];
    for position in (0..FILE_BYTES).step_by(CHUNK) {
        file.write_all_at(&zeros, position)?;
    }
    file.sync_all()?;
    let open = |flags: OFlags| {
        let flags = i32::try_from(flags.bits()).unwrap_or_default();
        OpenOptions::new().write(true).custom_flags(flags).open(path)
    };
    match open(OFlags::DIRECT | OFlags::DSYNC) {
        Ok(file) => Ok((file, true)),
        Err(_) => Ok((open(OFlags::DSYNC)?, false)),
    }
}

fn write_for(file: &File, bytes: &[u8]) -> std::io::Result<(u64, f64, Histogram<u64>)> {
    let mut latency = Histogram::new(3).map_err(std::io::Error::other)?;
    let mut position = 0;
    let mut total = 0;
    let begun = Instant::now();
    while begun.elapsed() < HOW_LONG {
        let before = Instant::now();
        file.write_all_at(bytes, position)?;
        latency.saturating_record(u64::try_from(before.elapsed().as_micros()).unwrap_or(u64::MAX));
        position = (position + bytes.len() as u64) % FILE_BYTES;
        total += bytes.len() as u64;
    }
    Ok((total, begun.elapsed().as_secs_f64(), latency))
}
