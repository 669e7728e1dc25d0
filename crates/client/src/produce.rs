//! The stream that carries batches to a broker.
