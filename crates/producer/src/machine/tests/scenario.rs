//! Scenarios, with the full trace of what the machine wants done.
