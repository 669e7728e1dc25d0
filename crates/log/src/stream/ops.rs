//! The operations of one stream on their way into the journal, and where they are there.
//!
//! Every operation has a number, counted per stream. A round takes some from the front of the queue;
//! they lie in it one after the other, so a *run* (first number, place of it) places all of them.
//! One round is in flight at a time, for the whole directory.

use std::collections::VecDeque;

use ottla_model::Offset;

use crate::format::{Cursor, Operation};
use crate::invariants;

/// An operation that no round has taken yet.
#[derive(Debug)]
struct Pending {
    number: u64,
    /// The log's end after it.
    end: Offset,
    operation: Operation,
}

/// Consecutive operations of one round.
#[derive(Clone, Copy, Debug)]
struct Run {
    first: u64,
    last: u64,
    place: Cursor,
}

/// What a round under way holds of this stream.
#[derive(Clone, Copy, Debug)]
struct InFlight {
    last: u64,
    end: Offset,
}

/// The operations of one stream.
#[derive(Debug, Default)]
pub(crate) struct Ops {
    next: u64,
    pending: VecDeque<Pending>,
    pending_bytes: u64,
    runs: VecDeque<Run>,
    in_flight: Option<InFlight>,
    /// Operations with smaller numbers are durable in the journal.
    durable: u64,
    /// Every operation that was placed lies before.
    placed_upto: Cursor,
    /// Whether the stream stands in the journal's queue.
    pub(crate) queued: bool,
}

impl Ops {
    /// No operations yet; all that are to come are placed at `from` or later.
    pub(crate) fn starting_at(from: Cursor) -> Self {
        Self { placed_upto: from, ..Self::default() }
    }

    /// Queues an operation, after which the log ends at `end`; answers its number.
    pub(crate) fn push(&mut self, operation: Operation, end: Offset) -> u64 {
        let number = self.take_number();
        self.pending_bytes += operation.entry_bytes() as u64;
        self.pending.push_back(Pending { number, end, operation });
        number
    }

    /// Notes an operation that was found in the journal at `place`; answers its number.
    pub(crate) fn replayed(&mut self, place: Cursor) -> u64 {
        let number = self.take_number();
        self.place(number, place);
        self.durable = self.next;
        number
    }

    fn take_number(&mut self) -> u64 {
        self.next += 1;
        self.next - 1
    }

    /// How many bytes wait for a round.
    pub(crate) fn pending_bytes(&self) -> u64 {
        self.pending_bytes
    }

    /// The operation that a round takes next.
    pub(crate) fn peek(&self) -> Option<&Operation> {
        self.pending.front().map(|pending| &pending.operation)
    }

    /// Takes the operation that was peeked at, into the round at `place`.
    pub(crate) fn take(&mut self, place: Cursor) -> Operation {
        let Pending { number, end, operation } =
            self.pending.pop_front().expect("it was peeked at");
        self.pending_bytes -= operation.entry_bytes() as u64;
        self.place(number, place);
        self.in_flight = Some(InFlight { last: number, end });
        operation
    }

    fn place(&mut self, number: u64, place: Cursor) {
        self.placed_upto = Cursor { entry: place.entry + 1, ..place };
        match self.runs.back_mut() {
            Some(run)
                if run.last + 1 == number
                    && run.place.sequence == place.sequence
                    && u64::from(place.entry - run.place.entry) == number - run.first =>
            {
                run.last = number;
            }
            _ => self.runs.push_back(Run { first: number, last: number, place }),
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

    /// The log was cut: nothing that is queued or in flight reaches beyond `to`.
    ///
    /// SUBTLE: what no round has taken yet and lies beyond is forgotten. A checkpoint tells the end as
    /// it is after the cut, with the cursor before whatever is still queued: an append from there on
    /// that lay beyond the cut would not fit when it is replayed. What is in flight lies before the
    /// cursor, or is unwritten and at it.
    pub(crate) fn cut(&mut self, to: Offset) {
        let Self { pending, pending_bytes, .. } = self;
        pending.retain_mut(|pending| {
            let is_bytes = matches!(
                pending.operation,
                Operation::Append { .. } | Operation::Carry { .. } | Operation::Roll { .. }
            );
            let beyond = is_bytes && pending.end > to;
            if beyond {
                *pending_bytes -= pending.operation.entry_bytes() as u64;
            }
            pending.end = pending.end.min(to);
            !beyond
        });
        if let Some(in_flight) = &mut self.in_flight {
            in_flight.end = in_flight.end.min(to);
        }
    }

    /// Where the operation of this number lies in the journal, once a round has taken it.
    pub(crate) fn place_of(&self, number: u64) -> Option<Cursor> {
        let at = self.runs.partition_point(|run| run.last < number);
        let run = self.runs.get(at).filter(|run| run.first <= number)?;
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

    /// Forgets all places.
    pub(crate) fn forget_places(&mut self) {
        self.runs.clear();
    }
}
