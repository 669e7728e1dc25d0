//! Tasks, the real clock, shutdown, and the metrics registry: the only home of `tokio::spawn`.
