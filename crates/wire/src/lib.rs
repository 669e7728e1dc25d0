//! The gRPC wire: code generated from `proto/`, conversions, and the typed channel.
