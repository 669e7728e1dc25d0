//! InitProducerId, as Kafka's schema has it.

use super::*;

message! {
    /// What a client asks.
    pub struct InitProducerIdRequest<'a>: key 22, versions 0..=6, flexible 2 {
        transactional_id: Option<Str<'a>> => 0..=6 = Some(Cow::Borrowed("")),
        transaction_timeout_ms: i32 => 0..=6,
        producer_id: i64 => 3..=6 = -1,
        producer_epoch: i16 => 3..=6 = -1,
        enable2_pc: bool => 6..=6,
        keep_prepared_txn: bool => 6..=6,
    }
}

message! {
    /// What it is answered.
    pub struct InitProducerIdResponse: key 22, versions 0..=6, flexible 2 {
        throttle_time_ms: i32 => 0..=6,
        error_code: i16 => 0..=6,
        producer_id: i64 => 0..=6 = -1,
        producer_epoch: i16 => 0..=6,
        ongoing_txn_producer_id: i64 => 6..=6 = -1,
        ongoing_txn_producer_epoch: i16 => 6..=6 = -1,
    }
}
