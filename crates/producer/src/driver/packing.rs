//! Compression beside the driver: batches are compressed on other threads, a few at a time, and handed
//! to the machine in the order in which they were gathered.
//!
//! While batches of a line are being compressed, the machine does not hear that more is gathered, lest
//! it takes the line for idle and sends every record in a batch of its own.

use std::collections::VecDeque;

use bytes::Bytes;
use ottla_record::Compression;

use super::outside::Event;
use super::{Driver, Line};
use crate::error::ProducerError;
use crate::machine::{BatchId, LineId};
use crate::payload;

/// Smaller batches are compressed in less time than it takes to wake another thread.
const APART_BYTES_MIN: u64 = 4096;

/// Batches that wait for a thread, and how many have one.
#[derive(Debug, Default)]
pub(super) struct Packing {
    waiting: VecDeque<(LineId, BatchId)>,
    running: usize,
}

/// One batch of a line on its way to the machine.
#[derive(Debug)]
pub(super) struct Packet {
    pub(super) id: BatchId,
    pub(super) ready: bool,
}

impl Driver {
    /// Whether the batch goes by way of compression: because it is large, or behind one that does.
    pub(super) fn packs(&self, line: LineId, bytes: u64) -> bool {
        self.shared.config.compression != Compression::None
            && (bytes >= APART_BYTES_MIN || !self.line(line).packets.is_empty())
    }

    pub(super) fn pack(&mut self, line: LineId, id: BatchId) {
        self.lines[line.0 as usize].packets.push_back(Packet { id, ready: false });
        self.packing.waiting.push_back((line, id));
        self.pack_more();
    }

    fn pack_more(&mut self) {
        while self.packing.running < self.threads {
            let Some((line, id)) = self.packing.waiting.pop_front() else { return };
            let Some(builder) = self.payloads.get_mut(&id).and_then(|p| p.unpacked()) else {
                continue;
            };
            self.packing.running += 1;
            let (shared, reports) = (self.shared.clone(), self.reports.clone());
            self.shared.client.tasks().spawn_here("producer packing", async move {
                let (tasks, of_work) = (shared.client.tasks().clone(), shared.clone());
                let work = move || payload::compressed(builder, &of_work);
                let packed = tasks.aside("producer compression", work).await;
                // The driver may have ended meanwhile.
                let _ = reports.send(Event::Packed(line, id, packed));
            });
        }
    }

    pub(super) fn packed(&mut self, line: LineId, id: BatchId, packed: Option<Bytes>) {
        self.packing.running -= 1;
        self.pack_more();
        let packets = &mut self.lines[line.0 as usize].packets;
        // The topic may be gone, and with it what was under way.
        let Some(place) = packets.iter().position(|packet| packet.id == id) else { return };
        match (packed, self.payloads.get_mut(&id)) {
            (Some(bytes), Some(payload)) => {
                payload.packed(bytes, &self.shared);
                packets[place].ready = true;
            }
            (None, Some(_)) => {
                packets.remove(place);
                self.settle(id, Err(ProducerError::Aborted));
            }
            (_, None) => unreachable!("a batch lives until it is settled"),
        }
        self.release(line);
    }

    /// Hands over what is ready, in order; then the machine may hear again of what is gathered.
    fn release(&mut self, line: LineId) {
        while let Some(packet) = self.lines[line.0 as usize].packets.pop_front_if(|p| p.ready) {
            self.add_batch(line, packet.id);
        }
        if self.line(line).packets.is_empty() {
            self.look_at(line);
        }
    }

    /// Nothing of the line can be sent any more.
    pub(super) fn drop_packets(&mut self, line: LineId, why: &ProducerError) {
        for packet in std::mem::take(&mut self.lines[line.0 as usize].packets) {
            self.settle(packet.id, Err(why.clone()));
        }
    }

    fn line(&self, line: LineId) -> &Line {
        &self.lines[line.0 as usize]
    }
}
