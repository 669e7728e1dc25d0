//! One open file of a real directory.
//!
//! `direct` is what the file is, `mode.access` what was asked for; the alignment rules follow what was
//! asked for, so that a defect does not hide on a file system without direct access.

use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use ottla_model::limits::BLOCK_BYTES;
use rustix::fs::OFlags;

use super::syncs_each_write;
use crate::storage::aligned::check_aligned;
use crate::storage::{Intent, OpenMode, Operation, Reserved, Result, StorageError, StorageFile};

/// Most parts of one vectored system call (`IOV_MAX`).
const PARTS_MAX: usize = 1024;

#[derive(Debug)]
pub(super) struct FileHandle {
    file: File,
    path: String,
    mode: OpenMode,
    direct: bool,
}

/// Opens the file; direct only when the storage found that it works.
pub(super) fn open(path: &Path, mode: OpenMode, direct: bool) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    match mode.intent {
        Intent::Read => {}
        Intent::ReadWrite => drop(options.write(true)),
        Intent::Create => drop(options.write(true).create(true)),
        Intent::CreateNew => drop(options.write(true).create_new(true)),
    }
    if direct {
        options.custom_flags(direct_flags(syncs_each_write(mode.access)));
    }
    let file = options.open(path)?;
    if file.metadata()?.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    Ok(file)
}

/// Opens a directory, and nothing else.
pub(super) fn open_dir(path: &Path) -> io::Result<File> {
    let flags = i32::try_from(OFlags::DIRECTORY.bits()).expect("open flags are small");
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}

/// Whether a block can be written and read back past the page cache in this place.
pub(super) fn probe_direct(path: &Path, block: &[u8]) -> io::Result<bool> {
    if !cfg!(target_os = "linux") {
        return Ok(false);
    }
    let opened = open(path, OpenMode::CREATE.direct_sync(), true);
    match opened.and_then(|file| file.write_all_at(block, 0)) {
        Ok(()) => Ok(true),
        Err(error) if is_refusal(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

fn is_refusal(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported)
}

#[cfg(target_os = "linux")]
fn direct_flags(each_write: bool) -> i32 {
    let flags = if each_write { OFlags::DIRECT | OFlags::DSYNC } else { OFlags::DIRECT };
    i32::try_from(flags.bits()).expect("open flags are small")
}

#[cfg(not(target_os = "linux"))]
fn direct_flags(_each_write: bool) -> i32 {
    0
}

impl FileHandle {
    pub(super) fn new(file: File, path: &str, mode: OpenMode, direct: bool) -> Self {
        Self { file, path: path.to_owned(), mode, direct }
    }

    fn wrap<T>(&self, operation: Operation, result: io::Result<T>) -> Result<T> {
        result.map_err(|error| StorageError::from_io(operation, &self.path, error))
    }

    fn check(&self, operation: Operation, position: u64, bytes: &[u8]) -> Result<()> {
        check_aligned(self.mode.access, operation, &self.path, position, bytes)
    }

    fn check_writable(&self, operation: Operation) -> Result<()> {
        match self.mode.intent {
            Intent::Read => Err(StorageError::ReadOnly { operation, path: self.path.clone() }),
            Intent::ReadWrite | Intent::Create | Intent::CreateNew => Ok(()),
        }
    }

    /// Keeps the promise of direct-and-durable where the file is an ordinary one.
    fn finish_write(&self) -> io::Result<()> {
        if syncs_each_write(self.mode.access) && !self.direct {
            self.file.sync_data()
        } else {
            Ok(())
        }
    }
}

impl StorageFile for FileHandle {
    fn read_at(&self, position: u64, buf: &mut [u8]) -> Result<usize> {
        self.check(Operation::Read, position, buf)?;
        self.wrap(Operation::Read, read_full(&self.file, position, buf, self.direct))
    }

    fn read_new(&self, position: u64, bytes: usize) -> Result<Vec<u8>> {
        if self.mode.access.is_direct() {
            let mut new = vec![0; bytes];
            let got = self.read_at(position, &mut new)?;
            new.truncate(got);
            return Ok(new);
        }
        self.wrap(Operation::Read, read_new(&self.file, position, bytes))
    }

    fn will_need(&self, position: u64, bytes: u64) {
        advise_reading(&self.file, position, bytes);
    }

    fn write_at(&self, position: u64, bytes: &[u8]) -> Result<()> {
        self.check_writable(Operation::Write)?;
        self.check(Operation::Write, position, bytes)?;
        let written = self.file.write_all_at(bytes, position).and_then(|()| self.finish_write());
        self.wrap(Operation::Write, written)
    }

    fn write_vectored_at(&self, position: u64, parts: &[&[u8]]) -> Result<()> {
        self.check_writable(Operation::Write)?;
        for part in parts {
            self.check(Operation::Write, position, part)?;
        }
        let written = write_parts(&self.file, position, parts).and_then(|()| self.finish_write());
        self.wrap(Operation::Write, written)
    }

    fn sync(&self) -> Result<()> {
        self.wrap(Operation::Sync, self.file.sync_data())
    }

    fn sync_with_metadata(&self) -> Result<()> {
        self.wrap(Operation::Sync, self.file.sync_all())
    }

    fn set_len(&self, bytes: u64) -> Result<()> {
        self.check_writable(Operation::SetLen)?;
        self.wrap(Operation::SetLen, self.file.set_len(bytes))
    }

    fn allocate(&self, bytes: u64) -> Result<Reserved> {
        self.check_writable(Operation::Allocate)?;
        self.wrap(Operation::Allocate, reserve(&self.file, bytes))
    }

    fn len(&self) -> Result<u64> {
        Ok(self.wrap(Operation::Inspect, self.file.metadata())?.len())
    }
}

/// Reads until the buffer is full or the file ends. A direct read that ends off a block boundary has
/// met the end; asking on from there would be refused.
fn read_full(file: &File, position: u64, buf: &mut [u8], direct: bool) -> io::Result<usize> {
    let mut got = 0;
    while got < buf.len() {
        match file.read_at(&mut buf[got..], position + got as u64) {
            Ok(0) => break,
            Ok(n) => got += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        if direct && !(got as u64).is_multiple_of(BLOCK_BYTES) {
            break;
        }
    }
    Ok(got)
}

/// Reads into memory that nobody wrote to before.
fn read_new(file: &File, position: u64, bytes: usize) -> io::Result<Vec<u8>> {
    let mut new = Vec::with_capacity(bytes);
    while new.len() < bytes {
        let at = position + new.len() as u64;
        match rustix::io::pread(file, rustix::buffer::spare_capacity(&mut new), at) {
            Ok(0) => break,
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    // There may have been room for more.
    new.truncate(bytes);
    Ok(new)
}

/// Starts reading into the page cache. Who cannot, reads later.
#[cfg(target_os = "linux")]
fn advise_reading(file: &File, position: u64, bytes: u64) {
    use rustix::fs::{Advice, fadvise};
    if let Some(bytes) = std::num::NonZeroU64::new(bytes) {
        let _ = fadvise(file, position, Some(bytes), Advice::WillNeed);
    }
}

#[cfg(not(target_os = "linux"))]
fn advise_reading(_file: &File, _position: u64, _bytes: u64) {}

fn write_parts(file: &File, mut position: u64, parts: &[&[u8]]) -> io::Result<()> {
    for group in parts.chunks(PARTS_MAX) {
        let mut slices: Vec<IoSlice<'_>> = group.iter().map(|part| IoSlice::new(part)).collect();
        let mut rest = &mut slices[..];
        IoSlice::advance_slices(&mut rest, 0);
        while !rest.is_empty() {
            let written = match rustix::io::pwritev(file, rest, position) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => written,
                Err(rustix::io::Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            };
            position += written as u64;
            IoSlice::advance_slices(&mut rest, written);
        }
    }
    Ok(())
}

#[cfg(target_os = "linux")]
fn reserve(file: &File, bytes: u64) -> io::Result<Reserved> {
    use rustix::fs::{FallocateFlags, fallocate};
    use rustix::io::Errno;
    if bytes == 0 {
        return Ok(Reserved::Yes);
    }
    loop {
        match fallocate(file, FallocateFlags::empty(), 0, bytes) {
            Ok(()) => return Ok(Reserved::Yes),
            Err(Errno::INTR) => {}
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => return lengthen(file, bytes),
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn reserve(file: &File, bytes: u64) -> io::Result<Reserved> {
    lengthen(file, bytes)
}

fn lengthen(file: &File, bytes: u64) -> io::Result<Reserved> {
    if file.metadata()?.len() < bytes {
        file.set_len(bytes)?;
    }
    Ok(Reserved::No)
}
