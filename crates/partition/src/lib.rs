//! One replica of one partition: a pure machine that knows no socket, file or clock.
