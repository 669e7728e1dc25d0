//! The stream that carries batches from a broker.
