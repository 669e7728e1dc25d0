//! The kernel's requests as effects on the model. A node's number is the model's plus one, since the
//! kernel counts from one.

use std::ffi::OsStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use fuser::{
    BsdFileFlags, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation,
    INodeNo, LockOwner, OpenFlags, RenameFlags, ReplyAttr, ReplyCreate, ReplyData, ReplyDirectory,
    ReplyEmpty, ReplyEntry, ReplyStatfs, ReplyWrite, Request, TimeOrNow, WriteFlags,
};
use ottla_log::storage::StorageError;
use ottla_log::storage::disk::{Disk, Effect, Image, NodeId};
use ottla_log::storage::faulty::FaultyDisk;

use crate::Power;

/// How long the kernel may remember names and attributes: every change goes through it.
const TTL: Duration = Duration::from_secs(1);

const BLOCK: u32 = 4096;

type Answer<T> = Result<T, Errno>;

#[derive(Debug)]
pub(crate) struct PowerFilesystem {
    power: Power,
}

impl PowerFilesystem {
    pub(crate) fn new(power: Power) -> Self {
        Self { power }
    }

    /// Work on the disk; without power nothing answers.
    fn disk<T>(&self, work: impl FnOnce(&mut FaultyDisk) -> Answer<T>) -> Answer<T> {
        self.power.disk(work).unwrap_or(Err(Errno::EIO))
    }

    fn apply(&self, effect: Effect) -> Answer<()> {
        self.disk(|disk| apply(disk, effect))
    }

    fn create_node(&self, parent: INodeNo, name: &OsStr, is_dir: bool) -> Answer<FileAttr> {
        let name = utf8(name)?;
        self.disk(|disk| {
            let (dir, node) = (node(parent), disk.image().next_node());
            apply(disk, Effect::Create { dir, name: name.to_owned(), node, is_dir })?;
            attributes(disk.image(), node)
        })
    }

    fn remove(&self, parent: INodeNo, name: &OsStr, is_dir: bool) -> Answer<()> {
        let name = utf8(name)?;
        self.disk(|disk| {
            let dir = node(parent);
            let child = disk.image().child(dir, name).ok_or(Errno::ENOENT)?;
            if is_dir && disk.image().names(child).next().is_some() {
                return Err(Errno::ENOTEMPTY);
            }
            apply(disk, Effect::Remove { dir, name: name.to_owned() })
        })
    }

    fn move_name(&self, from: (INodeNo, &OsStr), to: (INodeNo, &OsStr)) -> Answer<()> {
        let (from_dir, from) = (node(from.0), utf8(from.1)?);
        let (to_dir, to) = (node(to.0), utf8(to.1)?);
        self.disk(|disk| {
            let moved = disk.image().child(from_dir, from).ok_or(Errno::ENOENT)?;
            let replaced = disk.image().child(to_dir, to);
            if replaced.is_some_and(|child| disk.image().names(child).next().is_some()) {
                return Err(Errno::ENOTEMPTY);
            }
            let (from, to) = (from.to_owned(), to.to_owned());
            apply(disk, Effect::Rename { from_dir, from, to_dir, to, node: moved })
        })
    }

    fn read_bytes(&self, ino: INodeNo, offset: u64, size: u32) -> Answer<Vec<u8>> {
        self.disk(|disk| {
            let mut buf = vec![0; size as usize];
            let got = disk.read("", node(ino), offset, &mut buf).map_err(|e| errno(&e))?;
            buf.truncate(got);
            Ok(buf)
        })
    }
}

fn apply(disk: &mut FaultyDisk, effect: Effect) -> Answer<()> {
    disk.apply("", effect).map_err(|error| errno(&error))
}

fn node(ino: INodeNo) -> NodeId {
    ino.0 - 1
}

fn utf8(name: &OsStr) -> Answer<&str> {
    name.to_str().ok_or(Errno::EINVAL)
}

fn errno(error: &StorageError) -> Errno {
    if error.is_full() { Errno::ENOSPC } else { Errno::EIO }
}

fn attributes(image: &Image, node: NodeId) -> Answer<FileAttr> {
    let is_dir = image.is_dir(node);
    if !is_dir && !image.is_file(node) {
        return Err(Errno::ENOENT);
    }
    let size = if is_dir { 0 } else { image.content(node).len() };
    Ok(FileAttr {
        ino: INodeNo(node + 1),
        size,
        blocks: size.div_ceil(512),
        atime: UNIX_EPOCH,
        mtime: UNIX_EPOCH,
        ctime: UNIX_EPOCH,
        crtime: UNIX_EPOCH,
        kind: if is_dir { FileType::Directory } else { FileType::RegularFile },
        perm: 0o755,
        nlink: 1,
        uid: 0,
        gid: 0,
        rdev: 0,
        blksize: BLOCK,
        flags: 0,
    })
}

fn answer_empty(reply: ReplyEmpty, answer: Answer<()>) {
    match answer {
        Ok(()) => reply.ok(),
        Err(error) => reply.error(error),
    }
}

fn answer_entry(reply: ReplyEntry, answer: Answer<FileAttr>) {
    match answer {
        Ok(attributes) => reply.entry(&TTL, &attributes, Generation(0)),
        Err(error) => reply.error(error),
    }
}

fn answer_attributes(reply: ReplyAttr, answer: Answer<FileAttr>) {
    match answer {
        Ok(attributes) => reply.attr(&TTL, &attributes),
        Err(error) => reply.error(error),
    }
}

impl Filesystem for PowerFilesystem {
    fn lookup(&self, _req: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let answer = utf8(name).and_then(|name| {
            self.disk(|disk| {
                let child = disk.image().child(node(parent), name).ok_or(Errno::ENOENT)?;
                attributes(disk.image(), child)
            })
        });
        answer_entry(reply, answer);
    }

    fn getattr(&self, _req: &Request, ino: INodeNo, _fh: Option<FileHandle>, reply: ReplyAttr) {
        answer_attributes(reply, self.disk(|disk| attributes(disk.image(), node(ino))));
    }

    fn setattr(
        &self,
        _req: &Request,
        ino: INodeNo,
        _mode: Option<u32>,
        _uid: Option<u32>,
        _gid: Option<u32>,
        size: Option<u64>,
        _atime: Option<TimeOrNow>,
        _mtime: Option<TimeOrNow>,
        _ctime: Option<SystemTime>,
        _fh: Option<FileHandle>,
        _crtime: Option<SystemTime>,
        _chgtime: Option<SystemTime>,
        _bkuptime: Option<SystemTime>,
        _flags: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let answer = self.disk(|disk| {
            if let Some(len) = size {
                apply(disk, Effect::SetLen { node: node(ino), len })?;
            }
            attributes(disk.image(), node(ino))
        });
        answer_attributes(reply, answer);
    }

    fn mkdir(
        &self,
        _req: &Request,
        parent: INodeNo,
        name: &OsStr,
        _mode: u32,
        _umask: u32,
        reply: ReplyEntry,
    ) {
        answer_entry(reply, self.create_node(parent, name, true));
    }

    fn create(
        &self,
        _req: &Request,
        parent: INodeNo,
        name: &OsStr,
        _mode: u32,
        _umask: u32,
        _flags: i32,
        reply: ReplyCreate,
    ) {
        match self.create_node(parent, name, false) {
            Ok(attributes) => {
                reply.created(&TTL, &attributes, Generation(0), FileHandle(0), FopenFlags::empty())
            }
            Err(error) => reply.error(error),
        }
    }

    fn unlink(&self, _req: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        answer_empty(reply, self.remove(parent, name, false));
    }

    fn rmdir(&self, _req: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        answer_empty(reply, self.remove(parent, name, true));
    }

    fn rename(
        &self,
        _req: &Request,
        parent: INodeNo,
        name: &OsStr,
        newparent: INodeNo,
        newname: &OsStr,
        flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        if !flags.is_empty() {
            return reply.error(Errno::EINVAL);
        }
        answer_empty(reply, self.move_name((parent, name), (newparent, newname)));
    }

    fn read(
        &self,
        _req: &Request,
        ino: INodeNo,
        _fh: FileHandle,
        offset: u64,
        size: u32,
        _flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        reply: ReplyData,
    ) {
        match self.read_bytes(ino, offset, size) {
            Ok(bytes) => reply.data(&bytes),
            Err(error) => reply.error(error),
        }
    }

    fn write(
        &self,
        _req: &Request,
        ino: INodeNo,
        _fh: FileHandle,
        offset: u64,
        data: &[u8],
        _write_flags: WriteFlags,
        _flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        let (node, bytes) = (node(ino), Bytes::copy_from_slice(data));
        // The kernel follows a write with a sync where the file was opened with `O_DSYNC`.
        let written = self.apply(Effect::Write { node, position: offset, bytes, through: false });
        match written {
            Ok(()) => reply.written(u32::try_from(data.len()).expect("a request is small")),
            Err(error) => reply.error(error),
        }
    }

    fn flush(
        &self,
        _req: &Request,
        _ino: INodeNo,
        _fh: FileHandle,
        _lock_owner: LockOwner,
        reply: ReplyEmpty,
    ) {
        reply.ok();
    }

    fn fsync(
        &self,
        _req: &Request,
        ino: INodeNo,
        _fh: FileHandle,
        datasync: bool,
        reply: ReplyEmpty,
    ) {
        let node = node(ino);
        let effect = if datasync { Effect::Sync { node } } else { Effect::SyncMetadata { node } };
        answer_empty(reply, self.apply(effect));
    }

    fn fsyncdir(
        &self,
        _req: &Request,
        ino: INodeNo,
        _fh: FileHandle,
        _datasync: bool,
        reply: ReplyEmpty,
    ) {
        answer_empty(reply, self.apply(Effect::SyncDir { dir: node(ino) }));
    }

    fn readdir(
        &self,
        _req: &Request,
        ino: INodeNo,
        _fh: FileHandle,
        offset: u64,
        mut reply: ReplyDirectory,
    ) {
        let listed = self.disk(|disk| {
            let image = disk.image();
            let kind = |id| {
                if image.is_dir(id) { FileType::Directory } else { FileType::RegularFile }
            };
            let names = image.names(node(ino));
            Ok(names.map(|(name, id)| (name.to_owned(), id, kind(id))).collect::<Vec<_>>())
        });
        let listed = match listed {
            Ok(listed) => listed,
            Err(error) => return reply.error(error),
        };
        for (index, (name, id, kind)) in (1_u64..).zip(listed) {
            if index > offset && reply.add(INodeNo(id + 1), index, kind, name) {
                break;
            }
        }
        reply.ok();
    }

    fn statfs(&self, _req: &Request, _ino: INodeNo, reply: ReplyStatfs) {
        match self.disk(|disk| Ok(disk.free_bytes() / u64::from(BLOCK))) {
            Ok(free) => reply.statfs(1 << 30, free, free, 1 << 20, 1 << 20, BLOCK, 255, BLOCK),
            Err(error) => reply.error(error),
        }
    }

    fn fallocate(
        &self,
        _req: &Request,
        ino: INodeNo,
        _fh: FileHandle,
        offset: u64,
        length: u64,
        mode: i32,
        reply: ReplyEmpty,
    ) {
        if mode != 0 {
            return reply.error(Errno::EOPNOTSUPP);
        }
        let effect = Effect::Allocate { node: node(ino), len: offset + length };
        answer_empty(reply, self.apply(effect));
    }
}
