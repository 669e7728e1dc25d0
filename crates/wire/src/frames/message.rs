//! One message to be sent: its prefix and its bytes, in any number of parts.

use bytes::{BufMut, Bytes, BytesMut};
use prost::encoding::{encode_varint, encoded_len_varint};

use super::PREFIX_BYTES;
use crate::v1;

/// The key of `FetchResponse.batches`: field 1, length-delimited.
const BATCHES_KEY: u8 = 1 << 3 | 2;

/// The key of `FetchResponse.Batches.batches`: field 6, length-delimited.
const BYTES_KEY: u8 = 6 << 3 | 2;

/// The key of `ProduceRequest.batch`: field 6, length-delimited.
const BATCH_KEY: u8 = 6 << 3 | 2;

/// A message ready to be sent.
#[derive(Clone, Debug)]
pub struct Message {
    /// The prefix and everything up to the first chunk.
    pub(super) head: Bytes,
    /// What follows, as it is.
    pub(super) chunks: Vec<Bytes>,
}

impl Message {
    /// Any message.
    pub fn of(message: &impl prost::Message) -> Self {
        let length = message.encoded_len();
        let mut head = BytesMut::with_capacity(PREFIX_BYTES + length);
        put_prefix(&mut head, length);
        message.encode(&mut head).expect("the buffer has room for what was measured");
        Self { head: head.freeze(), chunks: Vec::new() }
    }

    /// A `FetchResponse` of batches whose bytes are `chunks`, one after the other. What `header` has in
    /// its own `batches` is ignored.
    pub fn of_batches(header: v1::fetch_response::Batches, chunks: Vec<Bytes>) -> Self {
        let header = v1::fetch_response::Batches { batches: Bytes::new(), ..header };
        let bytes = chunks.iter().map(Bytes::len).sum::<usize>();
        let fields = prost::Message::encoded_len(&header);
        let inner = fields + 1 + encoded_len_varint(bytes as u64) + bytes;
        let outer = 1 + encoded_len_varint(inner as u64) + inner;
        let mut head = BytesMut::with_capacity(PREFIX_BYTES + outer - bytes);
        put_prefix(&mut head, outer);
        head.put_u8(BATCHES_KEY);
        encode_varint(inner as u64, &mut head);
        prost::Message::encode(&header, &mut head).expect("a BytesMut grows");
        head.put_u8(BYTES_KEY);
        encode_varint(bytes as u64, &mut head);
        Self { head: head.freeze(), chunks }
    }

    /// A `ProduceRequest` whose batch goes out as it is.
    pub fn of_produce(request: v1::ProduceRequest) -> Self {
        let batch = request.batch.clone();
        let request = v1::ProduceRequest { batch: Bytes::new(), ..request };
        let fields = prost::Message::encoded_len(&request);
        let own = fields + 1 + encoded_len_varint(batch.len() as u64);
        let mut head = BytesMut::with_capacity(PREFIX_BYTES + own);
        put_prefix(&mut head, own + batch.len());
        prost::Message::encode(&request, &mut head).expect("a BytesMut grows");
        head.put_u8(BATCH_KEY);
        encode_varint(batch.len() as u64, &mut head);
        Self { head: head.freeze(), chunks: vec![batch] }
    }

    /// All of it, with its prefix.
    pub fn bytes(&self) -> usize {
        self.head.len() + self.chunks.iter().map(Bytes::len).sum::<usize>()
    }
}

/// Not compressed, and so long.
fn put_prefix(head: &mut BytesMut, length: usize) {
    head.put_u8(0);
    head.put_u32(u32::try_from(length).expect("limits keep a message far below 4 GiB"));
}
