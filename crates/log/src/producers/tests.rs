//! The table against what it promises.
