//! A batch on its way: first as a builder, then, from its first sending on, as bytes. One that is to be
//! compressed is made to bytes before it gets its numbers, and not here.

use std::sync::Arc;

use bytes::Bytes;
use ottla_model::Moment;
use ottla_record::{BatchBuilder, BatchOptions, Compression, renumber};

use crate::delivery::Fate;
use crate::error::ProducerError;
use crate::gather::Gathered;
use crate::machine::{Ack, Stamp};
use crate::shared::Shared;

/// What is sent, until it is settled. Its bytes are never written again while they may be on their
/// way: another number makes another copy (P6).
#[derive(Debug)]
pub(crate) struct Payload {
    form: Form,
    fate: Arc<Fate>,
    records: u32,
    born: Moment,
    reserved: u64,
}

#[derive(Debug)]
enum Form {
    Gathered(Box<BatchBuilder>),
    /// Somebody is compressing it, or has lost it.
    Away,
    Encoded(Bytes, Stamp),
}

impl Payload {
    pub(crate) fn new(gathered: Gathered) -> Self {
        let Gathered { builder, fate, born, reserved } = gathered;
        let records = u32::try_from(builder.count()).expect("a count is not negative");
        Self { form: Form::Gathered(builder), fate, records, born, reserved }
    }

    pub(crate) fn records(&self) -> u32 {
        self.records
    }

    pub(crate) fn born(&self) -> Moment {
        self.born
    }

    /// Its size: before the first sending without compression, then as it is sent.
    pub(crate) fn bytes(&self) -> u64 {
        match &self.form {
            Form::Gathered(builder) => builder.size() as u64,
            Form::Away => self.reserved,
            Form::Encoded(bytes, _) => bytes.len() as u64,
        }
    }

    /// Lends the records to whoever compresses them, until [`Payload::packed`].
    pub(crate) fn unpacked(&mut self) -> Option<Box<BatchBuilder>> {
        match std::mem::replace(&mut self.form, Form::Away) {
            Form::Gathered(builder) => Some(builder),
            form @ (Form::Away | Form::Encoded(..)) => {
                self.form = form;
                None
            }
        }
    }

    /// The records came back as a batch without numbers.
    pub(crate) fn packed(&mut self, bytes: Bytes, shared: &Shared) {
        self.keep(bytes, Stamp::NONE, shared);
    }

    /// The batch with these numbers. What compression saved is given back to the budget.
    pub(crate) fn encoded(&mut self, stamp: Stamp, shared: &Shared) -> Bytes {
        let bytes = match &mut self.form {
            Form::Encoded(bytes, old) if *old == stamp => return bytes.clone(),
            Form::Encoded(bytes, _) => {
                let copy = renumber(bytes, stamp.producer, stamp.epoch, stamp.sequence);
                copy.expect("a batch that was built here is one")
            }
            Form::Away => unreachable!("a batch is sent when its records have come back"),
            Form::Gathered(builder) => {
                let mut builder = std::mem::take(builder);
                let bytes = finished(&mut builder, stamp, shared);
                shared.keep_builder(builder);
                bytes
            }
        };
        self.keep(bytes.clone(), stamp, shared);
        bytes
    }

    fn keep(&mut self, bytes: Bytes, stamp: Stamp, shared: &Shared) {
        let saved = self.reserved.saturating_sub(bytes.len() as u64);
        self.reserved -= saved;
        shared.budget.give_back(saved);
        self.form = Form::Encoded(bytes, stamp);
    }

    /// Tells all who wait, and gives the room back.
    pub(crate) fn decide(self, result: Result<Ack, ProducerError>, shared: &Shared) {
        shared.budget.give_back(self.reserved);
        self.fate.decide(result);
    }
}

/// The batch, compressed, with no numbers yet. Takes its time.
pub(crate) fn compressed(mut builder: Box<BatchBuilder>, shared: &Shared) -> Bytes {
    let bytes = builder.finish(&options(Stamp::NONE, shared));
    shared.keep_builder(builder);
    bytes
}

/// The batch without a copy, unless it would keep a buffer that is mostly empty.
fn finished(builder: &mut BatchBuilder, stamp: Stamp, shared: &Shared) -> Bytes {
    let options = options(stamp, shared);
    let fills_its_buffer = 2 * builder.size() >= builder.room();
    match options.compression {
        Compression::None if fills_its_buffer => {
            shared.buffers.lend(builder.finish_uncopied(&options))
        }
        _ => builder.finish(&options),
    }
}

fn options(stamp: Stamp, shared: &Shared) -> BatchOptions {
    BatchOptions {
        compression: shared.config.compression,
        producer_id: stamp.producer,
        producer_epoch: stamp.epoch,
        base_sequence: stamp.sequence,
        ..BatchOptions::default()
    }
}
