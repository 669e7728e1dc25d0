//! The operations of one stream on their way into the journal, and where they are there.
//!
//! Every operation has a number, counted per stream. A round takes some from the front of the queue;
//! they lie in it one after the other, so a *run* (first number, place of it) places all of them.
//! One round is in flight at a time, for the whole directory.
//!
//! Appends at the end of the queue can be *held*: they go straight into their segment, together, and
//! only then one operation that says so comes into their place, under all of their numbers. What is
//! behind them waits, since the operations of a stream are in one order. At most one lot is held.

use std::collections::VecDeque;

use ottla_model::Offset;

use crate::directory::Backlog;
use crate::format::{Cursor, Operation, Straight};
use crate::invariants;

/// What no round has taken yet.
#[derive(Debug)]
struct Pending {
    first: u64,
    last: u64,
    /// The log's end after it.
    end: Offset,
    /// `None`: the place of the appends that are held.
    operation: Option<Operation>,
}

/// Consecutive operations of one round.
#[derive(Clone, Copy, Debug)]
struct Run {
    first: u64,
    last: u64,
    place: Cursor,
    /// Whether all numbers are those of one entry.
    is_one: bool,
}

/// What a round under way holds of this stream.
#[derive(Clone, Copy, Debug)]
struct InFlight {
    last: u64,
    end: Offset,
}

/// The appends that are held, by number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Held {
    pub(crate) first: u64,
    pub(crate) last: u64,
    /// Operations with smaller numbers have to be durable before anything is written.
    after: u64,
    /// Whether they are being written: no append joins them any more.
    is_begun: bool,
    /// Whether the stream stands in the straight lane's queue for them.
    is_queued: bool,
}

/// The appends at the end of the queue, with nothing between them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct LastAppends {
    count: usize,
    bytes: u64,
}

/// The operations of one stream.
#[derive(Debug, Default)]
pub(crate) struct Ops {
    next: u64,
    pending: VecDeque<Pending>,
    last_appends: LastAppends,
    held: Option<Held>,
    /// Smaller numbers include every operation that has to be durable before files are written beyond
    /// what is known of them.
    barrier: u64,
    runs: VecDeque<Run>,
    in_flight: Option<InFlight>,
    /// Operations with smaller numbers are durable in the journal.
    durable: u64,
    /// Every operation that was placed lies before.
    placed_upto: Cursor,
    /// Whether the stream stands in the journal's queue.
    pub(crate) queued: bool,
    /// What was told last of this stream's share of the backlog.
    told_bytes: u64,
}

impl Ops {
    /// No operations yet; all that are to come are placed at `from` or later.
    pub(crate) fn starting_at(from: Cursor) -> Self {
        Self { placed_upto: from, ..Self::default() }
    }

    /// Queues an operation, after which the log ends at `end`; answers its number.
    pub(crate) fn push(&mut self, operation: Operation, end: Offset) -> u64 {
        let number = self.take_number();
        if is_barrier(&operation) {
            self.barrier = number + 1;
        }
        self.push_back(Pending { first: number, last: number, end, operation: Some(operation) });
        number
    }

    /// Queues an append: with those that are held, when these can still be joined. Where `straight_min`
    /// bytes or more of appends wait behind one another they are held from here on.
    pub(crate) fn push_append(
        &mut self,
        operation: Operation,
        end: Offset,
        straight_min: u64,
    ) -> u64 {
        if let Some(held) = self.held.as_mut().filter(|held| !held.is_begun)
            && let Some(place) = self.pending.back_mut().filter(|last| last.operation.is_none())
        {
            place.last = self.next;
            place.end = end;
            held.last = self.next;
            return self.take_number();
        }
        let number = self.push(operation, end);
        self.hold(straight_min);
        number
    }

    fn push_back(&mut self, pending: Pending) {
        match &pending.operation {
            Some(operation @ Operation::Append { .. }) => {
                self.last_appends.count += 1;
                self.last_appends.bytes += operation.entry_bytes() as u64;
            }
            _ => self.last_appends = LastAppends::default(),
        }
        self.pending.push_back(pending);
    }

    /// Notes an operation that was found in the journal at `place`; answers its number.
    pub(crate) fn replayed(&mut self, place: Cursor) -> u64 {
        let number = self.take_number();
        self.place(number, number, place);
        self.durable = self.next;
        number
    }

    /// Tells this stream's share of what waits for the journal.
    pub(crate) fn tell_backlog(&mut self, backlog: &Backlog) {
        let before = std::mem::replace(&mut self.told_bytes, self.last_appends.bytes);
        backlog.change(before, self.told_bytes);
    }

    fn take_number(&mut self) -> u64 {
        self.next += 1;
        self.next - 1
    }

    /// Whether all operations so far are durable.
    pub(crate) fn is_settled(&self) -> bool {
        self.pending.is_empty() && self.in_flight.is_none()
    }

    /// Whether there is something that a round can take.
    pub(crate) fn is_ready(&self) -> bool {
        self.peek().is_some()
    }

    /// The operation that a round takes next.
    pub(crate) fn peek(&self) -> Option<&Operation> {
        self.pending.front().and_then(|pending| pending.operation.as_ref())
    }

    /// Takes the operation that was peeked at, into the round at `place`.
    pub(crate) fn take(&mut self, place: Cursor) -> Operation {
        let Pending { first, last, end, operation } =
            self.pending.pop_front().expect("it was peeked at");
        let operation = operation.expect("it was peeked at");
        if self.pending.len() < self.last_appends.count {
            self.last_appends.count -= 1;
            self.last_appends.bytes -= operation.entry_bytes() as u64;
        }
        self.place(first, last, place);
        self.in_flight = Some(InFlight { last, end });
        operation
    }

    fn place(&mut self, first: u64, last: u64, place: Cursor) {
        self.placed_upto = Cursor { entry: place.entry + 1, ..place };
        match self.runs.back_mut() {
            Some(run)
                if !run.is_one
                    && first == last
                    && run.last + 1 == first
                    && run.place.sequence == place.sequence
                    && u64::from(place.entry - run.place.entry) == first - run.first =>
            {
                run.last = last;
            }
            _ => self.runs.push_back(Run { first, last, place, is_one: first < last }),
        }
    }

    /// The round in flight is durable. Answers the log's end as of its last operation here.
    pub(crate) fn complete(&mut self) -> Option<Offset> {
        let InFlight { last, end } = self.in_flight.take()?;
        self.durable = last + 1;
        Some(end)
    }

    /// Whether the operation of this number is durable in the journal.
    pub(crate) fn is_durable(&self, number: u64) -> bool {
        invariants::may_be_filled(number, self.durable)
    }

    /// The log was cut: nothing that is queued or in flight reaches beyond `to`, and of the batches
    /// that are left the last one has the number `last_left`.
    ///
    /// SUBTLE: what no round has taken yet and lies beyond is forgotten. A checkpoint tells the end as
    /// it is after the cut, with the cursor before whatever is still queued: an append from there on
    /// that lay beyond the cut would not fit when it is replayed. What is in flight lies before the
    /// cursor, or is unwritten and at it.
    pub(crate) fn cut(&mut self, to: Offset, last_left: Option<u64>) {
        self.cut_held(last_left);
        let Self { pending, .. } = self;
        pending.retain_mut(|pending| {
            let is_bytes = matches!(
                pending.operation,
                Some(Operation::Append { .. } | Operation::Carry { .. } | Operation::Roll { .. })
            );
            let beyond = is_bytes && pending.end > to;
            pending.end = pending.end.min(to);
            !beyond
        });
        if let Some(in_flight) = &mut self.in_flight {
            in_flight.end = in_flight.end.min(to);
        }
        self.recount_last_appends();
    }

    fn cut_held(&mut self, last_left: Option<u64>) {
        let Some(held) = &mut self.held else { return };
        match last_left.filter(|last| *last >= held.first) {
            Some(last) => {
                held.last = held.last.min(last);
                let last = held.last;
                self.place_of_held().last = last;
            }
            None => self.forget_held(),
        }
    }

    fn recount_last_appends(&mut self) {
        let operations = self.pending.iter().rev().map(|pending| pending.operation.as_ref());
        let appends = operations.map_while(|operation| match operation {
            Some(append @ Operation::Append { .. }) => Some(append.entry_bytes() as u64),
            _ => None,
        });
        self.last_appends = appends.fold(LastAppends::default(), |sum, bytes| LastAppends {
            count: sum.count + 1,
            bytes: sum.bytes + bytes,
        });
    }

    /// Where the operation of this number lies in the journal, once a round has taken it.
    pub(crate) fn place_of(&self, number: u64) -> Option<Cursor> {
        let at = self.runs.partition_point(|run| run.last < number);
        let run = self.runs.get(at).filter(|run| run.first <= number)?;
        if run.is_one {
            return Some(run.place);
        }
        let entry =
            run.place.entry + u32::try_from(number - run.first).expect("entries are 32 bits");
        Some(Cursor { entry, ..run.place })
    }

    /// A place that is after all operations placed so far, and not after any to come.
    pub(crate) fn placed_upto(&self) -> Cursor {
        self.placed_upto
    }

    /// The journal ends at `end`: places beyond it were of a round that never was.
    pub(crate) fn clamp_placed(&mut self, end: Cursor) {
        self.placed_upto = self.placed_upto.min(end);
    }

    /// Forgets the places of operations before this one.
    pub(crate) fn forget_before(&mut self, number: u64) {
        while self.runs.front().is_some_and(|run| run.last < number) {
            self.runs.pop_front();
        }
    }

    /// Lets go of room that nothing is in: thousands of streams that were written to once add up.
    pub(crate) fn give_room_back(&mut self) {
        if self.pending.is_empty() {
            self.pending = VecDeque::new();
        }
        if self.runs.is_empty() {
            self.runs = VecDeque::new();
        }
    }

    /// Forgets all places.
    pub(crate) fn forget_places(&mut self) {
        self.runs.clear();
    }
}

/// Appends that go past the journal.
impl Ops {
    /// Holds the appends at the end of the queue, when they have `min` bytes or more.
    pub(crate) fn hold(&mut self, min: u64) {
        if self.held.is_some() || self.last_appends.bytes < min || self.last_appends.count == 0 {
            return;
        }
        let appends = self.pending.split_off(self.pending.len() - self.last_appends.count);
        let (first, end) = (appends[0].first, appends[appends.len() - 1].end);
        let last = appends[appends.len() - 1].last;
        let after = self.barrier;
        self.held = Some(Held { first, last, after, is_begun: false, is_queued: false });
        self.push_back(Pending { first, last, end, operation: None });
    }

    /// The appends that are held.
    pub(crate) fn held(&self) -> Option<Held> {
        self.held
    }

    /// Whether appends are held that can be written now, and are not being written.
    pub(crate) fn held_may_begin(&self, waits_for_barrier: bool) -> bool {
        let is_clear = |held: &Held| held.after <= self.durable || !waits_for_barrier;
        self.held.is_some_and(|held| !held.is_begun && is_clear(&held))
    }

    /// Notes whether the stream stands in the straight lane's queue; answers whether it did.
    pub(crate) fn queue_held(&mut self, is_queued: bool) -> bool {
        let held = self.held.as_mut();
        held.is_some_and(|held| std::mem::replace(&mut held.is_queued, is_queued))
    }

    /// The appends that are held are being written from here on.
    pub(crate) fn begin_held(&mut self) {
        self.held.as_mut().expect("appends are held").is_begun = true;
    }

    /// What was held is in its segment, and this says so.
    pub(crate) fn land_held(&mut self, straight: Straight) {
        self.place_of_held().operation = Some(Operation::Straight(straight));
        self.held = None;
    }

    /// What was held goes into the journal after all: these operations, each with the log's end after.
    pub(crate) fn give_up_held(&mut self, appends: Vec<(Operation, Offset)>) {
        let Some(held) = self.held.take() else { return };
        let at = self.index_of_held();
        let behind = self.pending.split_off(at + 1);
        self.pending.pop_back();
        for (number, (operation, end)) in (held.first..).zip(appends) {
            let operation = Some(operation);
            self.pending.push_back(Pending { first: number, last: number, end, operation });
        }
        self.pending.extend(behind);
        self.recount_last_appends();
    }

    /// What was held is void.
    pub(crate) fn forget_held(&mut self) {
        self.give_up_held(Vec::new());
    }

    fn place_of_held(&mut self) -> &mut Pending {
        let at = self.index_of_held();
        &mut self.pending[at]
    }

    fn index_of_held(&self) -> usize {
        let place = self.pending.iter().position(|pending| pending.operation.is_none());
        place.expect("what is held has its place in the queue")
    }
}

/// Whether bytes that come after this operation may only be written into files once it is durable:
/// it says that a file's bytes are not the log's any more, or saves them.
fn is_barrier(operation: &Operation) -> bool {
    match operation {
        Operation::Create { .. }
        | Operation::Truncate { .. }
        | Operation::Carry { .. }
        | Operation::Roll { .. }
        | Operation::Drop => true,
        Operation::Append { .. }
        | Operation::Straight(_)
        | Operation::MoveStart { .. }
        | Operation::Alter { .. }
        | Operation::HardState { .. }
        | Operation::Filled { .. } => false,
    }
}
