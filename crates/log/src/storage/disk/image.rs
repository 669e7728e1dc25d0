//! A tree of files and directories in memory. Copies share everything until one of them changes.
//!
//! Nodes (files and directories) have numbers that are never used twice, as inodes do, so that an
//! open handle outlives its file's name, and a name can be lost while the bytes are kept.
//!
//! Invariant: the tree reachable from [`ROOT`] has no cycle, and every entry's node exists.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use super::content::Content;
use crate::storage::path::{check_dir, check_path};
use crate::storage::{Entry, Operation, Result, StorageError, join, parent_of};

/// The number of a file or directory.
pub type NodeId = u64;

/// The directory at the top.
pub const ROOT: NodeId = 0;

/// A file system's whole content.
#[derive(Clone, Debug)]
pub struct Image {
    nodes: Arc<BTreeMap<NodeId, Node>>,
    next: NodeId,
}

#[derive(Clone, Debug)]
enum Node {
    File(Arc<Content>),
    Dir(Arc<BTreeMap<String, NodeId>>),
}

impl Default for Image {
    fn default() -> Self {
        let root = Node::Dir(Arc::default());
        Self { nodes: Arc::new(BTreeMap::from([(ROOT, root)])), next: ROOT + 1 }
    }
}

// By number: what an open handle, or an effect, works with.
impl Image {
    /// The number that the next new node takes.
    pub fn next_node(&self) -> NodeId {
        self.next
    }

    /// A new, nameless file or directory of this number, unless it is there already.
    pub fn ensure_node(&mut self, id: NodeId, is_dir: bool) {
        let node = if is_dir { Node::Dir(Arc::default()) } else { Node::File(Arc::default()) };
        Arc::make_mut(&mut self.nodes).entry(id).or_insert(node);
        self.next = self.next.max(id + 1);
    }

    /// The bytes of a file.
    ///
    /// # Panics
    /// When the number is no file's: numbers come from this image or one it was copied from.
    pub fn content(&self, id: NodeId) -> &Content {
        match &self.nodes[&id] {
            Node::File(content) => content,
            Node::Dir(_) => panic!("node {id} is a directory, and a handle leads to a file"),
        }
    }

    /// The bytes of a file, to be changed.
    ///
    /// # Panics
    /// When the number is no file's.
    pub fn content_mut(&mut self, id: NodeId) -> &mut Content {
        match Arc::make_mut(&mut self.nodes).get_mut(&id) {
            Some(Node::File(content)) => Arc::make_mut(content),
            other => panic!("node {id} is no file but {other:?}"),
        }
    }

    /// Whether there is such a node, and it is a directory.
    pub fn is_dir(&self, id: NodeId) -> bool {
        matches!(self.nodes.get(&id), Some(Node::Dir(_)))
    }

    /// Whether there is such a node, and it is a file.
    pub fn is_file(&self, id: NodeId) -> bool {
        matches!(self.nodes.get(&id), Some(Node::File(_)))
    }

    /// The names in a directory, sorted; none in what is no directory.
    pub fn names(&self, dir: NodeId) -> impl Iterator<Item = (&str, NodeId)> {
        let names = match self.nodes.get(&dir) {
            Some(Node::Dir(names)) => Some(names.iter()),
            Some(Node::File(_)) | None => None,
        };
        names.into_iter().flatten().map(|(name, id)| (name.as_str(), *id))
    }

    /// The node of this name in a directory.
    pub fn child(&self, dir: NodeId, name: &str) -> Option<NodeId> {
        match self.nodes.get(&dir)? {
            Node::Dir(names) => names.get(name).copied(),
            Node::File(_) => None,
        }
    }

    /// Gives a node a name; what had it before loses it.
    pub fn link(&mut self, dir: NodeId, name: &str, node: NodeId) {
        self.names_mut(dir).insert(name.to_owned(), node);
    }

    /// Takes a name away, if it is there.
    pub fn unlink(&mut self, dir: NodeId, name: &str) {
        self.names_mut(dir).remove(name);
    }

    fn names_mut(&mut self, dir: NodeId) -> &mut BTreeMap<String, NodeId> {
        match Arc::make_mut(&mut self.nodes).get_mut(&dir) {
            Some(Node::Dir(names)) => Arc::make_mut(names),
            other => panic!("node {dir} is no directory but {other:?}"),
        }
    }
}

// By path: what a caller works with.
impl Image {
    /// The node at `path`, `""` being the top, and whether it is a directory.
    ///
    /// # Errors
    /// `NotFound`, also where a part on the way is a file.
    pub fn lookup(&self, path: &str) -> Result<(NodeId, bool)> {
        check_dir(path)?;
        let mut at = ROOT;
        for part in path.split('/').filter(|part| !part.is_empty()) {
            let names = match &self.nodes[&at] {
                Node::Dir(names) => names,
                Node::File(_) => return Err(not_found(path)),
            };
            at = *names.get(part).ok_or_else(|| not_found(path))?;
        }
        Ok((at, matches!(self.nodes[&at], Node::Dir(_))))
    }

    /// The directory that holds `path`; `path` itself need not exist.
    ///
    /// # Errors
    /// `BadPath`, or `NotFound` without that directory.
    pub fn lookup_parent(&self, path: &str) -> Result<NodeId> {
        check_path(path)?;
        match self.lookup(parent_of(path)) {
            Ok((dir, true)) => Ok(dir),
            Ok((_, false)) | Err(_) => Err(not_found(path)),
        }
    }

    /// The file at `path`.
    ///
    /// # Errors
    /// `NotFound`, or `Io` where it is a directory.
    pub fn lookup_file(&self, path: &str, operation: Operation) -> Result<NodeId> {
        match self.lookup(path)? {
            (id, false) => Ok(id),
            (_, true) => Err(refuse(operation, path, io::ErrorKind::IsADirectory)),
        }
    }

    /// The directory at `path`.
    ///
    /// # Errors
    /// `NotFound`, or `Io` where it is a file.
    pub fn lookup_dir(&self, path: &str, operation: Operation) -> Result<NodeId> {
        match self.lookup(path)? {
            (id, true) => Ok(id),
            (_, false) => Err(refuse(operation, path, io::ErrorKind::NotADirectory)),
        }
    }

    /// What a directory holds, sorted by name.
    ///
    /// # Errors
    /// `NotFound`, or `Io` where it is a file.
    pub fn list(&self, path: &str) -> Result<Vec<Entry>> {
        let dir = self.lookup_dir(path, Operation::List)?;
        let Node::Dir(names) = &self.nodes[&dir] else {
            unreachable!("it was just found to be one")
        };
        Ok(names.iter().map(|(name, id)| self.entry(name, *id)).collect())
    }

    fn entry(&self, name: &str, id: NodeId) -> Entry {
        let name = name.to_owned();
        match &self.nodes[&id] {
            Node::File(content) => Entry { name, is_dir: false, bytes: content.len() },
            Node::Dir(_) => Entry { name, is_dir: true, bytes: 0 },
        }
    }

    /// Whether a rename is allowed, as POSIX has it, and the node it moves.
    ///
    /// # Errors
    /// As `rename` of the storage.
    pub fn check_rename(&self, from: &str, to: &str) -> Result<NodeId> {
        check_path(from)?;
        let (moved, is_dir) = self.lookup(from)?;
        self.lookup_parent(to)?;
        if to.starts_with(&format!("{from}/")) {
            return Err(refuse(Operation::Rename, from, io::ErrorKind::InvalidInput));
        }
        match self.lookup(to) {
            Ok((_, false)) if is_dir => {
                Err(refuse(Operation::Rename, to, io::ErrorKind::NotADirectory))
            }
            Ok((_, true)) if !is_dir => {
                Err(refuse(Operation::Rename, to, io::ErrorKind::IsADirectory))
            }
            Ok((_, true)) if !self.list(to)?.is_empty() => {
                Err(refuse(Operation::Rename, to, io::ErrorKind::DirectoryNotEmpty))
            }
            Ok(_) | Err(_) => Ok(moved),
        }
    }

    /// Whether `path` is an empty directory, which may be removed.
    ///
    /// # Errors
    /// As `remove_dir` of the storage.
    pub fn check_remove_dir(&self, path: &str) -> Result<()> {
        check_path(path)?;
        self.lookup_dir(path, Operation::Remove)?;
        if self.list(path)?.is_empty() {
            Ok(())
        } else {
            Err(refuse(Operation::Remove, path, io::ErrorKind::DirectoryNotEmpty))
        }
    }

    /// Every file with its path, sorted by path.
    pub fn files(&self) -> Vec<(String, NodeId)> {
        let mut found = Vec::new();
        self.walk(ROOT, "", &mut found);
        found
    }

    fn walk(&self, dir: NodeId, path: &str, found: &mut Vec<(String, NodeId)>) {
        let Node::Dir(names) = &self.nodes[&dir] else { return };
        for (name, id) in names.iter() {
            let path = join(path, name);
            match &self.nodes[id] {
                Node::File(_) => found.push((path, *id)),
                Node::Dir(_) => self.walk(*id, &path, found),
            }
        }
    }
}

fn not_found(path: &str) -> StorageError {
    StorageError::NotFound { path: path.to_owned() }
}

fn refuse(operation: Operation, path: &str, kind: io::ErrorKind) -> StorageError {
    StorageError::Io { operation, path: path.to_owned(), source: Arc::new(kind.into()) }
}
