//! A side door for the fuzzer to what reads input of users. Not an interface: it changes without notice.

use std::ffi::OsString;

use clap::Parser as _;

use crate::args::{Arguments, Command};
use crate::commands::{consume, produce, serve, topic};

pub use crate::commands::produce::{Cut, Cutting};

/// Everything that is read of a command line before a broker is asked or a file is opened; the error is
/// the sentence that is shown.
pub fn arguments(words: impl IntoIterator<Item = OsString>) -> Result<(), String> {
    let arguments = Arguments::try_parse_from(words).map_err(|error| error.to_string())?;
    let read = match &arguments.command {
        Command::Consume(consume) => consume::check(consume),
        Command::Produce(produce) => produce::check(produce),
        Command::Topic(topic) => topic::check(topic),
        Command::Serve(serve) => serve::check(serve),
        Command::Cluster(_)
        | Command::Config(_)
        | Command::Bench(_)
        | Command::Top(_)
        | Command::Doctor(_)
        | Command::Completions(_) => Ok(()),
    };
    read.map_err(|failure| failure.to_string())
}

/// The records of an input, as `ottla produce` reads it from a pipe.
pub fn records(bytes: Vec<u8>, cutting: Cutting) -> Result<Vec<Cut>, String> {
    produce::cut(bytes, cutting).map_err(|failure| failure.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(line: &str) -> Result<(), String> {
        arguments(line.split(' ').map(OsString::from))
    }

    #[test]
    fn what_is_typed_is_read_to_its_end() {
        typed("ottla consume t --from -9223372036854775808 --format %o").expect("all of them");
        typed("ottla consume t --from 2h --format %o").expect_err("two hours of what");
        typed("ottla consume t --format %z").expect_err("no such field");
        typed("ottla produce t --header x").expect_err("a header has a value");
        typed("ottla topic offsets t --at never").expect_err("no time");
        typed("ottla serve --set broker_id=x").expect_err("no number");
    }

    #[test]
    fn records_are_cut_as_asked() {
        let cut = |cutting| records(b"{\"k\":1}\n".to_vec(), cutting);
        let value = b"{\"k\":1}".to_vec();
        assert_eq!(cut(Cutting::Whole), Ok(vec![(None, value.clone())]));
        assert_eq!(cut(Cutting::Field("k".to_owned())), Ok(vec![(Some(b"1".to_vec()), value)]));
        assert_eq!(
            cut(Cutting::Separator(":".to_owned())),
            Ok(vec![(Some(b"{\"k\"".to_vec()), b"1}".to_vec())])
        );
    }
}
