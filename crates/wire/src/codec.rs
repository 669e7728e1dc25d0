//! Protobuf over gRPC, with buffers that suit batches.

use std::marker::PhantomData;

use prost::Message;
use tonic::codec::BufferSettings;
use tonic_prost::{ProstDecoder, ProstEncoder};

/// First size of a call's buffers: most calls are small.
const BUFFER_BYTES: usize = 8 * 1024;

/// How much is gathered before it is handed to HTTP/2. At the default of 32 KiB, batches of 16 KiB move
/// at three quarters of the speed.
const YIELD_BYTES: usize = 256 * 1024;

/// The codec of every generated client and server.
#[derive(Clone, Debug)]
pub struct Codec<T, U>(PhantomData<(T, U)>);

/// The buffers of every call.
pub(crate) fn buffers() -> BufferSettings {
    BufferSettings::new(BUFFER_BYTES, YIELD_BYTES)
}

impl<T, U> Default for Codec<T, U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T, U> tonic::codec::Codec for Codec<T, U>
where
    T: Message + Send + 'static,
    U: Message + Default + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = ProstEncoder<T>;
    type Decoder = ProstDecoder<U>;

    fn encoder(&mut self) -> Self::Encoder {
        ProstEncoder::new(buffers())
    }

    fn decoder(&mut self) -> Self::Decoder {
        ProstDecoder::new(buffers())
    }
}
