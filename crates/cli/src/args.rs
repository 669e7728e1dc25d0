//! What can be typed.

use clap::parser::ValueSource;
use clap::{ArgMatches, Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::commands::{
    bench, cluster, completions, config, consume, doctor, produce, serve, top, topic,
};
use crate::output::Format;

/// Ottla: a durable, distributed event log in one binary.
#[derive(Parser, Debug)]
#[command(name = "ottla", version, propagate_version = true, max_term_width = 100)]
#[command(after_help = "Start with `ottla serve`; then, in another terminal:\n  \
    echo hello | ottla produce greetings --create\n  ottla consume greetings --from start")]
pub struct Arguments {
    #[command(flatten)]
    pub(crate) context: Context,
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Arguments {
    /// What was typed.
    pub(crate) fn typed() -> Self {
        let matches = Self::command().get_matches();
        let mut arguments = Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
        arguments.context.bootstrap_typed = is_typed(&matches, "bootstrap");
        arguments
    }
}

/// Whether an argument that all commands have stands on the command line.
fn is_typed(matches: &ArgMatches, name: &str) -> bool {
    matches.value_source(name) == Some(ValueSource::CommandLine)
}

/// What every command that talks to a broker needs.
#[derive(Args, Debug, Clone)]
pub struct Context {
    /// Brokers to connect to, as host:port, separated by commas
    #[arg(long, short = 'b', global = true, env = "OTTLA_BOOTSTRAP")]
    #[arg(default_value = "127.0.0.1:9095", value_name = "ADDRESS")]
    pub(crate) bootstrap: String,
    /// Whether the address was typed, rather than the default or the environment's.
    #[arg(skip)]
    pub(crate) bootstrap_typed: bool,
    /// How results are printed
    #[arg(long, short = 'o', global = true, env = "OTTLA_OUTPUT", default_value = "table")]
    pub(crate) output: Format,
}

/// The commands.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Run a broker: one durable node, data in ./ottla-data
    Serve(serve::Serve),
    /// Create, list, describe, change and delete topics
    #[command(subcommand)]
    Topic(topic::Topic),
    /// Write records from standard input or a file to a topic
    Produce(produce::Produce),
    /// Read records of a topic, following new ones like `tail -f`
    Consume(consume::Consume),
    /// Look at the cluster
    #[command(subcommand)]
    Cluster(cluster::Cluster),
    /// Print and check configuration
    #[command(subcommand)]
    Config(config::Config),
    /// Measure a broker under an open-loop load, beside the limits of the machine
    Bench(bench::Bench),
    /// Watch what a running broker does, redrawn every second
    Top(top::Top),
    /// Check a data directory offline, or with --bootstrap whether clients reach a cluster, and say what is wrong
    Doctor(doctor::Doctor),
    /// Print the completions of a shell
    Completions(completions::Completions),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn an_address_is_typed_where_it_stands_on_the_command_line() {
        for (line, typed) in [
            ("ottla doctor", false),
            ("ottla doctor --bootstrap 127.0.0.1:9095", true),
            ("ottla -b 127.0.0.1:9092 doctor", true),
        ] {
            let matches = super::Arguments::command().get_matches_from(line.split(' '));
            assert_eq!(super::is_typed(&matches, "bootstrap"), typed, "{line}");
        }
    }

    #[test]
    fn the_command_line_contradicts_itself_nowhere() {
        super::Arguments::command().debug_assert();
    }
}
