//! `ottla top`: what a running broker does, redrawn every second.

mod screen;
mod view;

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use crate::args::Context;
use crate::failure::Failure;
use crate::output::{self, Format};
use crate::scrape::{Scrape, get};

use self::view::View;

/// The arguments of `ottla top`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    ottla top                        redrawn every second, until Ctrl-C\n  \
    ottla top --once -o json         rates over one second, for programs\n  \
    ottla top -o json                a line of JSON every second")]
pub struct Top {
    /// The HTTP address of the broker, where its metrics are
    #[arg(long, default_value = "127.0.0.1:9096", value_name = "ADDRESS")]
    http: String,
    /// How often to look
    #[arg(long, default_value = "1s", value_parser = humantime::parse_duration)]
    every: Duration,
    /// How many partitions to show
    #[arg(long, default_value_t = 10)]
    partitions: usize,
    /// Look once and end
    #[arg(long)]
    once: bool,
}

/// Least time between two looks: the broker shares an answer between looks that are closer.
const EVERY_MIN: Duration = Duration::from_millis(500);

/// Shows the broker until it is told to stop.
pub async fn run(top: Top, context: Context) -> Result<ExitCode, Failure> {
    let every = top.every.max(EVERY_MIN);
    let screen = context.output == Format::Table && !top.once && is_terminal();
    let mut before = look(&top).await?.0;
    loop {
        tokio::select! {
            () = tokio::time::sleep(every) => {}
            _ = tokio::signal::ctrl_c() => return Ok(ExitCode::SUCCESS),
        }
        let (now, busiest) = look(&top).await?;
        let view = View::between(&before, &now, &busiest, top.partitions);
        match context.output {
            Format::Json => output::line(&view.json(top.once)?)?,
            Format::Table => output::line(&screen::draw(&view, &top.http, screen))?,
        }
        if top.once {
            return Ok(ExitCode::SUCCESS);
        }
        before = now;
    }
}

async fn look(top: &Top) -> Result<(Scrape, String), Failure> {
    let scrape = Scrape::take(&top.http).await?;
    Ok((scrape, get(&top.http, "/partitions/busiest").await?))
}

fn is_terminal() -> bool {
    use std::io::IsTerminal as _;
    std::io::stdout().is_terminal()
}
