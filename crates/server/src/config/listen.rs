//! Where a listener listens.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// An address, or not at all.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ListenAddress {
    /// Not at all.
    Off,
    /// At this address; port 0 takes a free one.
    At(SocketAddr),
}

impl ListenAddress {
    /// Whether other machines can reach it.
    pub const fn is_beyond_loopback(self) -> bool {
        match self {
            Self::Off => false,
            Self::At(address) => !address.ip().is_loopback(),
        }
    }

    /// Reads `off`, `127.0.0.1:9095`, `[::1]:9095`, `localhost:9095`, or a port alone for loopback.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text == "off" {
            return Ok(Self::Off);
        }
        if let Ok(address) = text.parse() {
            return Ok(Self::At(address));
        }
        let port = text.strip_prefix("localhost:").unwrap_or(text);
        match port.parse() {
            Ok(port) => Ok(Self::At(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port))),
            Err(_) => {
                Err("write an address and a port such as 127.0.0.1:9095, or `off`".to_owned())
            }
        }
    }
}

/// Where Kafka clients connect: any number of addresses, each with what clients are told to connect to.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct KafkaAddresses(pub Vec<KafkaAddress>);

/// One address of the Kafka door.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KafkaAddress {
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The host and port that clients are told; `None` is where the client that asks is connected to.
    pub advertised: Option<(String, u16)>,
}

impl KafkaAddresses {
    /// Reads `off`, or addresses with commas between them, each with or without `=host:port`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text == "off" {
            return Ok(Self::default());
        }
        text.split(',')
            .map(|one| KafkaAddress::parse(one.trim()))
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl KafkaAddress {
    fn parse(text: &str) -> Result<Self, String> {
        let (listen, advertised) = match text.split_once('=') {
            None => (text, None),
            Some((listen, advertised)) => (listen, Some(host_and_port(advertised)?)),
        };
        match ListenAddress::parse(listen)? {
            ListenAddress::At(listen) => Ok(Self { listen, advertised }),
            ListenAddress::Off => Err("write `off` alone, or addresses".to_owned()),
        }
    }
}

fn host_and_port(text: &str) -> Result<(String, u16), String> {
    let parsed = text.rsplit_once(':').and_then(|(host, port)| {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let port = port.parse().ok().filter(|port| *port != 0)?;
        (!host.is_empty()).then(|| (host.to_owned(), port))
    });
    parsed.ok_or_else(|| {
        format!(
            "`{text}` cannot be connected to; write a host and a port such as broker.example:9092"
        )
    })
}

impl fmt::Display for KafkaAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.listen.fmt(f)?;
        match &self.advertised {
            Some((host, port)) => write!(f, "={host}:{port}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::At(address) => address.fmt(f),
        }
    }
}
