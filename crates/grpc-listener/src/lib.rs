//! The gRPC door: translation between `ottla.v1` and the broker, one file a service.
