//! Rounds: what is written reads back, and nothing else does.
