//! Configuration, roles composed, start-up and drain; embeddable.
