//! The consumer: assignment, seeking, prefetch and a stream of records.
