//! Where Ottla answers otherwise, and why. The list is in docs/internals/kafka-compat.md in words.

/// The name of a step, and the reason.
pub(crate) const DIFFERENCES: &[(&str, &str)] =
    &[("incremental operation v0", MISTAKES), ("incremental operation v1", MISTAKES)];

/// Kafka answers UNKNOWN_SERVER_ERROR to a mistake of the client's.
const MISTAKES: &str = "a request that cannot be is INVALID_REQUEST";
