//! One connection: frames in, answers out.
//!
//! Invariants:
//! - Answers leave in the order of their requests.
//! - A request takes effect when all before it have; Produce requests follow each other sooner: they
//!   are appended in order, and their acknowledgements are awaited together, within a window.
//! - At most one answer with records is in memory, and nothing is read while it is written.
//! - What requests and answers take beyond a little is held in budgets of all connections first.

mod frames;
mod send;

use std::net::{SocketAddr, TcpStream as StdTcpStream};
use std::pin::Pin;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::FuturesOrdered;
use ottla_kafka_codec::{Api, ApiKey, CodecError, RequestHead, Str};
use ottla_model::limits::KAFKA_BUDGET_WAIT_MAX;
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;

use self::frames::{FrameError, Frames};
use crate::apis;
use crate::call::{Answer, Call};
use crate::door::Door;
use crate::shared::Share;

/// How much of a client's name is kept for the log.
const CLIENT_BYTES_MAX: usize = 255;

/// A Produce request on its way to its acknowledgements, and how large it was.
type Acknowledging = Pin<Box<dyn Future<Output = (Option<Answer>, usize)> + Send>>;

/// Why a connection is closed from here.
#[derive(Debug)]
enum Ended {
    /// By the client, or between two requests of it.
    Gone,
    /// The broker takes nothing new.
    Drained,
    /// No request for too long.
    Idle,
    /// What the client sent cannot be answered.
    Broken(String),
    /// The client cannot be written to.
    Unreachable(std::io::Error),
}

struct Connection {
    door: Door,
    peer: SocketAddr,
    local: SocketAddr,
    frames: Frames,
    out: OwnedWriteHalf,
    acknowledging: FuturesOrdered<Acknowledging>,
    /// Of the requests that wait for their acknowledgements.
    acknowledging_bytes: usize,
    /// Of the request that is worked on, and of its answer.
    working: Share,
    /// What the client says it is, for the log.
    software: Option<String>,
    /// What it calls itself, as its last request had it.
    client: Option<String>,
}

/// Serves the connection until it ends, or until it has drained after being asked to.
pub(crate) async fn serve(stream: StdTcpStream, peer: SocketAddr, door: Door) {
    let Ok(stream) = TcpStream::from_std(stream) else {
        return;
    };
    let (Ok(local), Ok(())) = (stream.local_addr(), stream.set_nodelay(true)) else {
        return;
    };
    let (read, out) = stream.into_split();
    let mut connection = Box::new(Connection {
        frames: Frames::new(read, &door),
        working: Share::of(&door.shared.answers),
        door,
        peer,
        local,
        out,
        acknowledging: FuturesOrdered::new(),
        acknowledging_bytes: 0,
        software: None,
        client: None,
    });
    let ended = match connection.run().await {
        Err(ended) => ended,
        Ok(never) => match never {},
    };
    connection.said(&ended);
}

enum Never {}

impl Connection {
    async fn run(&mut self) -> Result<Never, Ended> {
        loop {
            let may_read = self.may_read();
            let drain = self.door.drain.clone();
            tokio::select! {
                biased;
                Some(acknowledged) = self.acknowledging.next(), if !self.acknowledging.is_empty() => {
                    self.acknowledged(acknowledged).await?;
                }
                () = drain.requested() => {
                    self.settle().await?;
                    return Err(Ended::Drained);
                }
                frame = self.frames.next(), if may_read => match frame {
                    Ok(frame) => self.take(frame).await?,
                    Err(error) => return self.cannot_read(error).await,
                },
            }
        }
    }

    fn may_read(&self) -> bool {
        let settings = &self.door.settings;
        self.acknowledging.len() < settings.produce_requests_max
            && self.acknowledging_bytes < settings.produce_bytes_max
    }

    /// What was taken is answered before the connection ends.
    async fn cannot_read(&mut self, error: FrameError) -> Result<Never, Ended> {
        self.settle().await?;
        Err(match error {
            FrameError::End => Ended::Gone,
            FrameError::Idle => Ended::Idle,
            FrameError::Io(error) => Ended::Unreachable(error),
            FrameError::Size(size) => Ended::Broken(format!("a request of {size} bytes")),
            FrameError::Slow { size } => {
                Ended::Broken(format!("a request of {size} bytes took too long to arrive"))
            }
            FrameError::Crowded { size } => {
                Ended::Broken(format!("no memory was left for a request of {size} bytes"))
            }
        })
    }

    async fn take(&mut self, frame: Bytes) -> Result<(), Ended> {
        let size = frame.len();
        let head = RequestHead::parse(&frame).map_err(|error| broken(None, &error))?;
        self.remember_client(head.client(&frame));
        let Some(api) = Api::numbered(head.key) else {
            return Err(Ended::Broken(format!(
                "a request of API {} in version {}, which is not served",
                head.key, head.version
            )));
        };
        self.door.shared.metrics.request(api, head.version);
        if !api.serves(head.version) {
            return self.refuse_version(api, &head, size).await;
        }
        let call = Call::new(self.door.clone(), self.local, api, head, frame)
            .map_err(|error| broken(Some(api), &error))?;
        match api.key {
            ApiKey::Produce => self.produce(call).await,
            _ => self.answer(call).await,
        }
    }

    /// Who asks, for the log.
    fn remember_client(&mut self, name: Option<Str<'_>>) {
        let name = name.as_deref().map(|name| &name[..name.floor_char_boundary(CLIENT_BYTES_MAX)]);
        if self.client.as_deref() != name {
            self.client = name.map(str::to_owned);
        }
    }

    /// Clients find the versions of everything by asking in a version that may be too new: that is
    /// answered in a way that every client understands. Anything else is a mistake.
    async fn refuse_version(
        &mut self,
        api: &'static Api,
        head: &RequestHead,
        size: usize,
    ) -> Result<(), Ended> {
        if api.key != ApiKey::ApiVersions {
            return Err(Ended::Broken(format!(
                "a request of API {} ({:?}) in version {}, which is not served",
                head.key, api.key, head.version
            )));
        }
        self.settle().await?;
        self.send(apis::api_versions::refuse_version(head)).await?;
        self.frames.returned(size);
        Ok(())
    }

    async fn produce(&mut self, call: Call) -> Result<(), Ended> {
        let (api, size) = (call.api, call.size());
        let begun = apis::produce::begin(call).await.map_err(|error| broken(Some(api), &error))?;
        self.frames.weighs_more(begun.weight());
        let size = size + begun.weight();
        self.acknowledging_bytes += size;
        self.acknowledging.push_back(Box::pin(async move { (begun.answered().await, size) }));
        Ok(())
    }

    async fn acknowledged(&mut self, (answer, size): (Option<Answer>, usize)) -> Result<(), Ended> {
        self.acknowledging_bytes -= size;
        self.frames.returned(size);
        match answer {
            Some(Answer::Message(message)) => self.send(message).await,
            Some(Answer::Close(why)) => Err(Ended::Broken(why)),
            None => Ok(()),
        }
    }

    /// Waits until everything taken is answered.
    async fn settle(&mut self) -> Result<(), Ended> {
        while let Some(acknowledged) = self.acknowledging.next().await {
            self.acknowledged(acknowledged).await?;
        }
        Ok(())
    }

    async fn answer(&mut self, call: Call) -> Result<(), Ended> {
        self.settle().await?;
        if let Some(software) = apis::api_versions::software(&call) {
            self.software = Some(software);
        }
        let message = self.work(&call).await?;
        let size = call.size();
        drop(call);
        self.frames.returned(size);
        self.send(message).await?;
        self.working.release();
        Ok(())
    }

    /// Makes the answer of a request, within the budget.
    async fn work(&mut self, call: &Call) -> Result<Vec<Bytes>, Ended> {
        let hold = self.working.hold(call.weight());
        if tokio::time::timeout(KAFKA_BUDGET_WAIT_MAX, hold).await.is_err() {
            return Err(Ended::Broken("no memory was left to work on a request".to_owned()));
        }
        let answered = self.answered(call).await;
        let no_room = || Ended::Broken("no memory was left for an answer".to_owned());
        let answer =
            answered.map_err(|error| broken(Some(call.api), &error))?.ok_or_else(no_room)?;
        // What it took to make it is not needed while it is sent.
        let size = answer.iter().map(Bytes::len).sum::<usize>();
        if size < call.weight() {
            self.working.try_hold(size);
        }
        Ok(answer)
    }

    async fn answered(&mut self, call: &Call) -> Result<Option<Vec<Bytes>>, CodecError> {
        let mut answering = Box::pin(apis::answer(call, &mut self.working));
        match call.api.key {
            // The one that may take long. Who closes its side may still read, and is answered at once.
            ApiKey::Fetch => tokio::select! {
                biased;
                answered = &mut answering => answered,
                () = self.frames.closed() => call.hurried(answering).await,
                () = self.door.drain.requested() => call.hurried(answering).await,
            },
            _ => answering.await,
        }
    }

    async fn send(&mut self, message: Vec<Bytes>) -> Result<(), Ended> {
        let size: usize = message.iter().map(Bytes::len).sum();
        let patience = send::patience(size).min(self.door.settings.idle_max);
        let sending = send::all(&mut self.out, message);
        match tokio::time::timeout(patience, sending).await {
            Ok(sent) => sent.map_err(Ended::Unreachable),
            Err(_) => Err(Ended::Idle),
        }
    }

    /// A client that goes is nothing; one that sends what cannot be answered wants looking at.
    fn said(&self, ended: &Ended) {
        let (peer, software) = (self.peer, self.software.as_deref().unwrap_or("unknown"));
        let client = self.client.as_deref().unwrap_or("unknown");
        match ended {
            Ended::Gone | Ended::Drained => {}
            Ended::Idle => {
                tracing::debug!(%peer, client, software, "a Kafka connection was idle too long")
            }
            Ended::Unreachable(error) => {
                tracing::debug!(%peer, client, software, %error, "a Kafka connection broke");
            }
            Ended::Broken(why) => {
                self.door.shared.metrics.broken_connections.inc();
                tracing::warn!(%peer, client, software, why, "a Kafka connection was closed");
            }
        }
    }
}

fn broken(api: Option<&Api>, error: &CodecError) -> Ended {
    Ended::Broken(match api {
        Some(api) => format!("{:?} that cannot be read: {error}", api.key),
        None => format!("a request that cannot be read: {error}"),
    })
}
