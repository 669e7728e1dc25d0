//! A running cluster as its clients see it: what they are told to connect to, and whether that leads anywhere.
//!
//! A client asks the address that it was given who the brokers are, and from then on uses only what it is told. So
//! that is looked at: every advertised address is looked up, connected to, and asked who it is.
//!
//! Read in this order: [`address`] (find it), [`kafka`] and [`grpc`] (ask it), [`trouble`] (what may be wrong),
//! [`told`] (sentences).

mod address;
mod grpc;
mod kafka;
#[cfg(test)]
mod tests;
mod told;
mod trouble;

use std::net::{IpAddr, SocketAddr};
use std::process::ExitCode;

use self::address::{Address, Found};
use self::trouble::Trouble;
use crate::args::Context;
use crate::failure::{FAILED, Failure};

/// Looks at the cluster that the typed addresses lead to, and says what it found.
pub(super) async fn run(context: Context) -> Result<ExitCode, Failure> {
    let typed = context.bootstrap.split(',').map(str::trim).filter(|text| !text.is_empty());
    let typed: Result<Vec<Address>, String> = typed.map(str::parse).collect();
    let report = examine(typed.map_err(Failure::usage)?).await;
    told::print(&report, context.output)?;
    Ok(if report.is_well() { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

/// Which protocol is spoken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Door {
    Kafka,
    Grpc,
}

/// What a listener tells a client that begins with it.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Answer {
    door: Door,
    cluster: String,
    brokers: Vec<Broker>,
}

/// A broker, as it is advertised.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Broker {
    id: i32,
    address: Address,
}

/// An address, and what came of it.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Look {
    address: Address,
    /// Which broker is said to be there; `None` for what was typed.
    broker: Option<i32>,
    /// What the name means that does not lead there, while something else does.
    refused: Vec<(IpAddr, String)>,
    /// Whether it leads to this machine and no other.
    loopback: bool,
    outcome: Result<Answer, Trouble>,
}

/// Everything that was looked at.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Report {
    typed: Vec<Look>,
    /// What the first that answered says.
    answer: Option<Answer>,
    brokers: Vec<Look>,
}

impl Report {
    /// Whether clients that begin here come everywhere.
    fn is_well(&self) -> bool {
        self.answer.is_some()
            && self.typed.iter().all(|look| look.outcome.is_ok())
            && !self.brokers.iter().any(|look| self.is_lost(look))
    }

    /// Whether clients that are sent to this address do not come to its broker.
    fn is_lost(&self, look: &Look) -> bool {
        !self.is_passed_over(look) && (look.outcome.is_err() || self.leads_home(look))
    }

    /// Whether clients come from another machine as far as can be seen, and are sent to their own.
    fn leads_home(&self, look: &Look) -> bool {
        look.loopback && !self.typed.iter().any(|typed| typed.loopback)
    }

    /// Whether clients do without this address: ours stay where the only broker answered them.
    fn is_passed_over(&self, look: &Look) -> bool {
        let door = self.answer.as_ref().map(|answer| answer.door);
        look.broker.is_some() && door == Some(Door::Grpc) && self.brokers.len() == 1
    }
}

async fn examine(addresses: Vec<Address>) -> Report {
    let mut typed = Vec::new();
    for address in addresses {
        typed.push(look(address, None, ask_either).await);
    }
    let answer = typed.iter().find_map(|look| look.outcome.as_ref().ok()).cloned();
    let Some(answer) = answer else { return Report { typed, answer, brokers: Vec::new() } };
    for look in &mut typed {
        must_be_of(&answer, look);
    }
    let mut brokers = Vec::new();
    for broker in &answer.brokers {
        let ask = async |at| ask_again(answer.door, at, broker.id).await;
        let mut look = look(broker.address.clone(), Some(broker.id), ask).await;
        must_be_of(&answer, &mut look);
        brokers.push(look);
    }
    Report { typed, answer: Some(answer), brokers }
}

/// Finds an address and asks what is there.
async fn look(
    address: Address,
    broker: Option<i32>,
    ask: impl AsyncFn(SocketAddr) -> Result<Answer, Trouble>,
) -> Look {
    let (refused, loopback, outcome) = match address.find().await {
        Ok(Found { reached, refused }) => {
            let loopback = reached.iter().all(|address| address.ip().is_loopback());
            (refused, loopback, ask(reached[0]).await)
        }
        Err(trouble) => (Vec::new(), false, Err(trouble)),
    };
    Look { address, broker, refused, loopback, outcome }
}

async fn ask_either(at: SocketAddr) -> Result<Answer, Trouble> {
    match kafka::ask(at).await {
        Ok(answer) => Ok(answer),
        Err(kafka) => grpc::ask(at).await.map_err(|grpc| Trouble::Stranger { kafka, grpc }),
    }
}

/// Asks what is advertised, by the protocol in which it was.
async fn ask_again(door: Door, at: SocketAddr, id: i32) -> Result<Answer, Trouble> {
    let answer = match door {
        Door::Kafka => kafka::ask(at).await,
        Door::Grpc => grpc::ask(at).await,
    };
    let answer = answer.map_err(|why| Trouble::Silent { why })?;
    let same = match door {
        Door::Kafka => kafka::is_broker(at, id).await,
        Door::Grpc => Ok(answer.brokers.iter().any(|broker| broker.id == id)),
    };
    match same {
        Ok(true) => Ok(answer),
        Ok(false) => Err(Trouble::OtherBroker { id }),
        Err(why) => Err(Trouble::Silent { why }),
    }
}

/// An address that answers, but for another cluster, is of no use.
fn must_be_of(answer: &Answer, look: &mut Look) {
    let other = look.outcome.as_ref().ok().filter(|it| it.cluster != answer.cluster);
    if let Some(other) = other {
        look.outcome = Err(Trouble::OtherCluster { cluster: other.cluster.clone() });
    }
}
