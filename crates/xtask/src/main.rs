//! `cargo run -p ottla-xtask -- <command>`: what is done to the repository rather than by the product.

use anyhow::{Result, bail};

fn main() -> Result<()> {
    let command = std::env::args().nth(1);
    match command.as_deref() {
        Some("generate") => ottla_xtask::generate::run(&ottla_xtask::root()),
        _ => bail!("usage: cargo run -p ottla-xtask -- generate"),
    }
}
