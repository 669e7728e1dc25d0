//! What is to be removed from the disk, and when that is allowed.
//!
//! L13, L10: recovery begins with a checkpoint, so whatever the last durable checkpoint names must
//! be there. An item waits until a checkpoint that was begun after it became garbage is durable.

use std::sync::Arc;

use ottla_model::StreamId;

use super::SegmentName;
use crate::stream::Stream;

/// Something to remove.
#[derive(Clone, Debug)]
pub(crate) enum Item {
    /// A segment's files.
    Segment(SegmentName),
    /// A dropped stream's directory, with all that is in it.
    Stream(Arc<Stream>),
}

/// How far an item is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    /// The last durable checkpoint may name it.
    Named,
    /// The checkpoint that is being written does not name it.
    BeingForgotten,
    /// No checkpoint names it.
    Free,
}

/// What is to be removed.
#[derive(Debug, Default)]
pub(crate) struct Garbage {
    items: Vec<(Stage, Item)>,
    /// What is being removed just now.
    removing: Option<Item>,
}

impl Garbage {
    /// Adds what no state names any more.
    pub(crate) fn add(&mut self, item: Item) {
        self.items.push((Stage::Named, item));
    }

    /// Whether anything waits for a checkpoint.
    pub(crate) fn waits(&self) -> bool {
        self.items.iter().any(|(stage, _)| *stage == Stage::Named)
    }

    /// A checkpoint begins: it will name none of what is here.
    pub(crate) fn checkpoint_begins(&mut self) {
        self.restage(Stage::Named, Stage::BeingForgotten);
    }

    /// The checkpoint is durable, or it failed.
    pub(crate) fn checkpoint_ends(&mut self, durable: bool) {
        let next = if durable { Stage::Free } else { Stage::Named };
        self.restage(Stage::BeingForgotten, next);
    }

    fn restage(&mut self, from: Stage, to: Stage) {
        for (stage, _) in self.items.iter_mut().filter(|(stage, _)| *stage == from) {
            *stage = to;
        }
    }

    /// Takes an item that may be removed now. It counts as being removed until that has ended.
    pub(crate) fn take(&mut self) -> Option<Item> {
        let at = self.items.iter().position(|(stage, item)| {
            *stage == Stage::Free
                && match item {
                    Item::Segment(_) => true,
                    // A fill under way would make the directory again.
                    Item::Stream(stream) => !stream.may_be_filling(),
                }
        })?;
        self.removing = Some(self.items.swap_remove(at).1);
        self.removing.clone()
    }

    /// What was taken is removed, or could not be: then it is to be taken again.
    pub(crate) fn removal_ended(&mut self, removed: bool) {
        let item = self.removing.take().filter(|_| !removed);
        self.items.extend(item.map(|item| (Stage::Free, item)));
    }

    /// Whether files of this name are being removed just now.
    pub(crate) fn is_removing(&self, name: SegmentName) -> bool {
        self.removing.as_ref().is_some_and(|item| match item {
            Item::Segment(other) => *other == name,
            Item::Stream(stream) => stream.id() == name.stream,
        })
    }

    /// A segment of this name is made anew: it is garbage no longer.
    pub(crate) fn call_off(&mut self, name: SegmentName) {
        self.items.retain(|(_, item)| !matches!(item, Item::Segment(other) if *other == name));
    }

    /// The dropped stream of this id whose directory is yet to be removed.
    pub(crate) fn stream(&self, id: StreamId) -> Option<Arc<Stream>> {
        let mut items = self.items.iter().map(|(_, item)| item).chain(&self.removing);
        items.find_map(|item| match item {
            Item::Stream(stream) if stream.id() == id => Some(Arc::clone(stream)),
            Item::Stream(_) | Item::Segment(_) => None,
        })
    }
}
