//! `ottla doctor`: a data directory looked at offline ([`data`]), or a cluster looked at as its clients see it
//! ([`reach`]).

mod data;
mod reach;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::args::Context;
use crate::failure::Failure;

/// The arguments of `ottla doctor`.
#[derive(Args, Debug)]
#[command(
    after_help = "With --bootstrap ADDRESS it looks at a running cluster instead, as a client does, by the Kafka \
protocol or gRPC, whichever is spoken there: what the brokers tell clients to connect to, and whether that can be \
reached from here.\n\n\
Exit code: 0 when every acknowledged record is there, or every broker can be reached; 3 when something is damaged, 1 \
when an address cannot be reached."
)]
pub struct Doctor {
    /// The data directory; its broker must not be running [default: ./ottla-data]
    data_dir: Option<PathBuf>,
    /// Where the journal is, if on another disk than the data
    #[arg(long, value_name = "DIR")]
    journal_dir: Option<PathBuf>,
    /// Offer what can be repaired, one by one; nothing is done without an answer
    #[arg(long)]
    repair: bool,
}

/// Looks, and says what it found.
pub fn run(doctor: Doctor, context: Context) -> Result<ExitCode, Failure> {
    if !context.bootstrap_typed {
        return data::run(&doctor, context);
    }
    if doctor.data_dir.is_some() || doctor.journal_dir.is_some() || doctor.repair {
        return Err(Failure::usage(
            "either a data directory or a running cluster: leave out --bootstrap, or all else",
        ));
    }
    crate::on_runtime(reach::run(context))
}
