//! The producer: accumulator, partitioner, idempotence, delivery.
