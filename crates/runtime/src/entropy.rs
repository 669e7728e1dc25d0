//! Randomness of the operating system: seeds for the generators that are handed to pure code.

use std::fs::File;
use std::io::{self, Read};

use ottla_model::Rng;

/// A generator seeded by the operating system.
///
/// # Errors
/// When `/dev/urandom` cannot be read, as in a container without `/dev`.
pub fn rng() -> io::Result<Rng> {
    let mut seed = [0; 32];
    File::open("/dev/urandom")?.read_exact(&mut seed)?;
    Ok(Rng::from_seed(seed))
}

#[cfg(test)]
mod tests {
    #[test]
    fn two_generators_differ() {
        let mut one = super::rng().expect("this machine has /dev/urandom");
        let mut other = super::rng().expect("this machine has /dev/urandom");
        assert_ne!(one.id_bytes(), other.id_bytes());
    }
}
