//! Cluster facts: records, the immutable image, deltas, and snapshots with stable identifiers.
