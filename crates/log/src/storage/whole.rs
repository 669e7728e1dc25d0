//! Files taken as a whole, and trees: what every user of a storage would otherwise write again.

use super::{OpenMode, Result, Storage, StorageError, join, parent_of};

/// All bytes of a file, or nothing when it is longer than `bytes_max`: a damaged directory must not
/// make its reader allocate without bound.
///
/// # Errors
/// What the disk says.
pub fn read_whole(storage: &dyn Storage, path: &str, bytes_max: u64) -> Result<Option<Vec<u8>>> {
    let file = storage.open(path, OpenMode::READ)?;
    let len = file.len()?;
    if len > bytes_max {
        return Ok(None);
    }
    let mut bytes = vec![0; usize::try_from(len).expect("a file below the bound fits in memory")];
    let got = file.read_at(0, &mut bytes)?;
    bytes.truncate(got);
    Ok(Some(bytes))
}

/// Replaces a file's content so that after any crash it holds all of the old or all of the new
/// (invariant L10): a temporary file beside it, synced, renamed over it, the directory synced. With
/// `keep`, the former content stays under that name in the same directory.
///
/// # Errors
/// What the disk says. The old content is still there unless the last step, the directory's sync,
/// is what failed.
pub fn replace_whole(
    storage: &dyn Storage,
    path: &str,
    bytes: &[u8],
    keep: Option<&str>,
) -> Result<()> {
    let temporary = format!("{path}.tmp");
    let file = storage.open(&temporary, OpenMode::CREATE)?;
    file.set_len(0)?;
    file.write_at(0, bytes)?;
    file.sync_with_metadata()?;
    if let Some(keep) = keep {
        keep_former(storage, path, &join(parent_of(path), keep))?;
    }
    storage.rename(&temporary, path)?;
    storage.sync_dir(parent_of(path))
}

/// SUBTLE: renaming the former content aside leaves a moment in which `path` does not exist, so a
/// reader looks under the other name too; that is why it is kept there at all.
fn keep_former(storage: &dyn Storage, path: &str, keep: &str) -> Result<()> {
    match storage.rename(path, keep) {
        Ok(()) | Err(StorageError::NotFound { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Makes `dir` and every directory above it that is missing, each name durable.
///
/// # Errors
/// What the disk says.
pub fn make_dirs(storage: &dyn Storage, dir: &str) -> Result<()> {
    if dir.is_empty() {
        return Ok(());
    }
    make_dirs(storage, parent_of(dir))?;
    match storage.create_dir(dir) {
        Ok(()) => storage.sync_dir(parent_of(dir)),
        Err(StorageError::Exists { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Removes `dir` and everything in it; no error when it is not there. The removal is durable after
/// a sync of the directory above.
///
/// # Errors
/// What the disk says.
pub fn remove_tree(storage: &dyn Storage, dir: &str) -> Result<()> {
    let entries = match storage.list(dir) {
        Err(StorageError::NotFound { .. }) => return Ok(()),
        other => other?,
    };
    for entry in entries {
        let path = join(dir, &entry.name);
        if entry.is_dir {
            remove_tree(storage, &path)?;
        } else {
            storage.remove_file(&path)?;
        }
    }
    storage.remove_dir(dir)
}
