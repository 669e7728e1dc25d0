//! An address as clients take it: a name or a number with a port, looked up, and connected to.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use super::trouble::Trouble;

/// Longest wait for a name, a connection, or an answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// Most addresses of one name that are tried.
const TRIED_MAX: usize = 8;

/// A name or a number, and a port.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Address {
    pub(super) host: String,
    pub(super) port: u16,
}

/// Where an address led.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Found {
    /// What could be connected to, in the order of the name service. There is one at least.
    pub(super) reached: Vec<SocketAddr>,
    /// What could not, and why.
    pub(super) refused: Vec<(IpAddr, String)>,
}

impl Address {
    /// Looks the address up and tries to connect to all that it means.
    pub(super) async fn find(&self) -> Result<Found, Trouble> {
        let looked_up = timeout(PATIENCE, lookup_host((&*self.host, self.port))).await;
        let meant: Vec<SocketAddr> = match looked_up {
            Ok(Ok(addresses)) => addresses.take(TRIED_MAX).collect(),
            Ok(Err(error)) => return Err(Trouble::Unresolved { why: why(&error) }),
            Err(_) => return Err(Trouble::Unresolved { why: no_answer() }),
        };
        if meant.is_empty() {
            return Err(Trouble::Unresolved { why: "the name has no address".to_owned() });
        }
        if meant.iter().any(|address| address.ip().is_unspecified() || address.port() == 0) {
            return Err(Trouble::Nowhere);
        }
        connect(&meant).await
    }
}

async fn connect(meant: &[SocketAddr]) -> Result<Found, Trouble> {
    let (mut reached, mut refused) = (Vec::new(), Vec::new());
    for address in meant {
        match timeout(PATIENCE, TcpStream::connect(address)).await {
            Ok(Ok(_)) => reached.push(*address),
            Ok(Err(error)) => refused.push((address.ip(), why(&error))),
            Err(_) => refused.push((address.ip(), no_answer())),
        }
    }
    if reached.is_empty() {
        Err(Trouble::Unreachable { refused })
    } else {
        Ok(Found { reached, refused })
    }
}

/// The error without its number.
pub(super) fn why(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "nothing listens there".to_owned(),
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset => {
            "the connection was closed".to_owned()
        }
        _ => error.to_string(),
    }
}

/// That nothing came.
pub(super) fn no_answer() -> String {
    format!("no answer within {} s", PATIENCE.as_secs())
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no address; write host:port, such as 127.0.0.1:9092");
        let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        if bare.is_empty() || (bare.contains(':') && bare == host) {
            return Err(wrong());
        }
        Ok(Self { host: bare.to_owned(), port: port.parse().map_err(|_| wrong())? })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_a_port() {
        for (text, host) in [("a.example:9092", "a.example"), ("[::1]:9092", "::1")] {
            let address: Address = text.parse().expect("an address");
            assert_eq!((&*address.host, address.port), (host, 9092));
            assert_eq!(address.to_string(), text);
        }
        for text in ["", "a.example", ":9092", "::1:9092", "a.example:kafka", "a.example:99999"] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}
