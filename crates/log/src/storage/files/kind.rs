//! What lies under a directory: which file system, how much room.

use std::fs::File;
use std::io;

use ottla_model::limits::BLOCK_BYTES;

use crate::storage::StorageKind;

/// How much the probe for direct access writes.
pub(super) const PROBE_BYTES: usize = BLOCK_BYTES as usize;

/// Bytes that an ordinary user can still write.
pub(super) fn free_bytes(dir: &File) -> io::Result<u64> {
    let room = rustix::fs::fstatvfs(dir)?;
    Ok(room.f_bavail.saturating_mul(room.f_frsize))
}

/// Bytes that the file system has in all.
pub(super) fn total_bytes(dir: &File) -> io::Result<u64> {
    let room = rustix::fs::fstatvfs(dir)?;
    Ok(room.f_blocks.saturating_mul(room.f_frsize))
}

/// Whether `syncfs` flushes to stable storage here. FUSE does not pass it on to the process behind,
/// and macOS has none.
pub(super) fn flushes_whole(kind: &StorageKind) -> bool {
    cfg!(target_os = "linux") && !kind.network && kind.what != "fuse"
}

#[cfg(target_os = "linux")]
pub(super) fn of(dir: &File) -> io::Result<StorageKind> {
    // The type's width differs between architectures; its 32 bits are the same.
    let magic = rustix::fs::fstatfs(dir)?.f_type as u32;
    let (what, nature) = KNOWN.iter().find(|(number, ..)| *number == magic).map_or_else(
        || (format!("type {magic:#x}"), Nature::Disk),
        |(_, w, n)| ((*w).to_owned(), *n),
    );
    Ok(StorageKind {
        durable: nature != Nature::Memory,
        direct: false,
        network: nature == Nature::Network,
        what,
    })
}

#[cfg(not(target_os = "linux"))]
pub(super) fn of(dir: &File) -> io::Result<StorageKind> {
    rustix::fs::fstatvfs(dir)?;
    let what = std::env::consts::OS.to_owned();
    Ok(StorageKind { durable: true, direct: false, network: false, what })
}

#[cfg(target_os = "linux")]
#[derive(Clone, Copy, PartialEq, Eq)]
enum Nature {
    Disk,
    Memory,
    Network,
}

/// The numbers of `statfs(2)`.
#[cfg(target_os = "linux")]
const KNOWN: [(u32, &str, Nature); 14] = [
    (0x0000_ef53, "ext4", Nature::Disk),
    (0x5846_5342, "xfs", Nature::Disk),
    (0x9123_683e, "btrfs", Nature::Disk),
    (0x2fc1_2fc1, "zfs", Nature::Disk),
    (0xf2f5_2010, "f2fs", Nature::Disk),
    (0xca45_1a4e, "bcachefs", Nature::Disk),
    (0x794c_7630, "overlayfs", Nature::Disk),
    (0x6573_5546, "fuse", Nature::Disk),
    (0x0102_1994, "tmpfs", Nature::Memory),
    (0x8584_58f6, "ramfs", Nature::Memory),
    (0x0000_6969, "nfs", Nature::Network),
    (0xff53_4d42, "cifs", Nature::Network),
    (0xfe53_4d42, "smb2", Nature::Network),
    (0x0102_1997, "9p", Nature::Network),
];
