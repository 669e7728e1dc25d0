//! A disk in user space that loses what was not flushed, as a disk does when the power goes.
//!
//! ```text
//!   FilesStorage ── system calls ──> kernel ── FUSE ──> PowerFilesystem ──> FaultyStorage (the model)
//! ```
//!
//! The model decides what survives, exactly as it does for tests in one process; here it stands
//! behind the kernel, so that the real code with its flags and its fallback is what is tried: whether
//! `O_DIRECT | O_DSYNC`, `fdatasync`, `fsync` of a directory do arrive as what the log takes them for.
//!
//! Needs Linux, `/dev/fuse` and the right to mount; [`PowerDisk::is_available`] says whether it is so.
#![cfg(target_os = "linux")]
#![forbid(unsafe_code)]

mod filesystem;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use ottla_log::storage::FaultyStorage;
use ottla_log::storage::disk::Image;
use ottla_log::storage::faulty::FaultyDisk;
use ottla_model::Rng;
use rustix::io::Errno;
use rustix::mount::{UnmountFlags, unmount};

use self::filesystem::PowerFilesystem;

/// How often unmounting tries again while the disk is busy, a millisecond apart.
const BUSY_TRIES_MAX: u32 = 5_000;

/// A mounted disk. Dropping it unmounts.
#[derive(Debug)]
pub struct PowerDisk {
    power: Power,
    point: PathBuf,
    session: Option<fuser::BackgroundSession>,
}

/// The model, and whether it has power. Clones are handles to the same one.
#[derive(Clone, Debug)]
pub(crate) struct Power {
    storage: FaultyStorage,
    off: Arc<AtomicBool>,
}

impl Power {
    /// The disk, unless the power is off.
    ///
    /// SUBTLE: the switch is thrown and read under the disk's lock, so that every answer given before
    /// the cut was true of the image that the cut leaves.
    pub(crate) fn disk<T>(&self, work: impl FnOnce(&mut FaultyDisk) -> T) -> Option<T> {
        self.storage.with_disk(|disk| {
            if self.off.load(Ordering::Relaxed) { None } else { Some(work(disk)) }
        })
    }
}

impl PowerDisk {
    /// Whether disks can be mounted here.
    pub fn is_available() -> bool {
        let Ok(directory) = fresh_directory() else { return false };
        let mounted = Self::mount(&directory, Image::default(), Rng::from_number(0)).is_ok();
        let _ = std::fs::remove_dir(&directory);
        mounted
    }

    /// Mounts a disk with this content, all of it durable, at an empty directory.
    ///
    /// # Errors
    /// What the system says, where there is no FUSE first of all.
    pub fn mount(at: &Path, image: Image, rng: Rng) -> io::Result<Self> {
        let storage = FaultyStorage::on(image, rng);
        let power = Power { storage, off: Arc::default() };
        let mut config = fuser::Config::default();
        config.mount_options = vec![fuser::MountOption::FSName("ottla-power-cut".to_owned())];
        config.n_threads = Some(2);
        let session = fuser::spawn_mount(PowerFilesystem::new(power.clone()), at, &config)?;
        Ok(Self { power, point: at.to_owned(), session: Some(session) })
    }

    /// The model behind, for its odds, its capacity and its rot.
    pub fn faults(&self) -> &FaultyStorage {
        &self.power.storage
    }

    /// Cuts the power: what the disk holds when it comes back. Every call from now on fails, those
    /// that are under way included.
    pub fn cut(&self) -> Image {
        self.power.storage.with_disk(|disk| {
            self.power.off.store(true, Ordering::Relaxed);
            disk.power_cut()
        })
    }

    /// Unmounts. Files that are still open keep the mount point busy, which is waited for, within reason.
    ///
    /// # Errors
    /// What the system says.
    pub fn unmount(mut self) -> io::Result<()> {
        let Some(session) = self.session.take() else { return Ok(()) };
        match unmount_when_idle(&self.point) {
            Ok(()) => session.join(),
            // Who may not unmount leaves it to the session, which has a helper program for that.
            Err(_) => session.umount_and_join(),
        }
    }
}

/// Unmounts, and waits while the disk is busy.
///
/// A process that another thread starts holds copies of all open files until it runs its program, so that a
/// disk of which everything is closed may be busy for a moment.
fn unmount_when_idle(point: &Path) -> Result<(), Errno> {
    let mut done = unmount(point, UnmountFlags::empty());
    for _ in 0..BUSY_TRIES_MAX {
        if done != Err(Errno::BUSY) {
            break;
        }
        std::thread::sleep(Duration::from_millis(1));
        done = unmount(point, UnmountFlags::empty());
    }
    done
}

/// A directory of its own for every attempt, since tests try at the same time.
fn fresh_directory() -> io::Result<PathBuf> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("ottla-power-cut-{}-{count}", std::process::id());
    let path = std::env::temp_dir().join(name);
    std::fs::create_dir(&path)?;
    Ok(path)
}
