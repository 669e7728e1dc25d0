//! How fast batches move over loopback, without a broker: tonic's framing against ours, on either end.
//!
//! `cargo bench -p ottla-wire` prints GB/s and CPU seconds per GB (both ends together); `cargo test` runs
//! it tiny. Client and server have one thread each.

use std::net::SocketAddr;
use std::time::Instant;

use bytes::Bytes;
use http::Request;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use ottla_wire::frames::client::{FETCH, PRODUCE, call};
use ottla_wire::frames::{Message, Messages, response};
use ottla_wire::v1::consumer_service_client::ConsumerServiceClient;
use ottla_wire::v1::producer_service_client::ProducerServiceClient;
use ottla_wire::{transport, v1};
use tokio::net::{TcpListener, TcpStream};
use tokio_stream::{Stream, StreamExt as _};
use tonic::body::Body;
use tonic::transport::Channel;
use tonic::{Response, Status, Streaming};
use v1::producer_service_server::{ProducerService, ProducerServiceServer};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const TOPIC: &str = "flights";

fn main() {
    let measure = std::env::args().any(|argument| argument == "--bench");
    let bytes = if measure { 6 << 30 } else { 1 << 20 };
    for batch_bytes in [16 * 1024, 256 * 1024, 1024 * 1024] {
        for server in [Framing::Tonic, Framing::Ours] {
            for client in [Framing::Tonic, Framing::Ours] {
                let name = format!("produce {:>4} KiB", batch_bytes / 1024);
                report(&name, server, client, bytes, |channel| {
                    produce(channel, client, batch_bytes, bytes)
                });
            }
        }
        for client in [Framing::Tonic, Framing::Ours] {
            let name = format!("fetch   {:>4} KiB", batch_bytes / 1024);
            report(&name, Framing::Ours, client, bytes, |channel| {
                fetch(channel, client, batch_bytes, bytes)
            });
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Framing {
    Tonic,
    Ours,
}

fn report<F>(
    name: &str,
    server: Framing,
    client: Framing,
    bytes: usize,
    run: impl FnOnce(Channel) -> F,
) where
    F: Future<Output = ()>,
{
    let (ready, address) = std::sync::mpsc::channel();
    // Left behind: the process ends soon, and the server with it.
    std::thread::spawn(move || runtime().block_on(serve(server, ready)));
    let address: SocketAddr = address.recv().expect("the server starts");
    let (elapsed, cpu) = runtime().block_on(async {
        let endpoint = transport::endpoint(&address.to_string()).expect("an address");
        let channel = endpoint.connect().await.expect("the server listens");
        let (began, cpu) = (Instant::now(), cpu_seconds());
        run(channel).await;
        (began.elapsed(), cpu_seconds() - cpu)
    });
    let gb = bytes as f64 / 1e9;
    println!(
        "{name}, server {server:?}, client {client:?}: {:.2} GB/s, {:.2} cpu-s/GB",
        gb / elapsed.as_secs_f64(),
        cpu / gb
    );
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// User and system time of this process; Linux counts it in hundredths.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(") ").next().unwrap_or_default();
    let ticks = after_name.split(' ').skip(11).take(2).filter_map(|n| n.parse::<f64>().ok());
    ticks.sum::<f64>() / 100.0
}

async fn produce(mut channel: Channel, client: Framing, batch_bytes: usize, bytes: usize) {
    let count = bytes / batch_bytes;
    let batch = Bytes::from(vec![7; batch_bytes]);
    let request = move |correlation| v1::ProduceRequest {
        correlation,
        topic: Some(v1::produce_request::Topic::TopicName(TOPIC.to_owned())),
        batch: batch.clone(),
        ..Default::default()
    };
    let requests = tokio_stream::iter(0..count as u64).map(request);
    match client {
        Framing::Tonic => {
            let mut client = ProducerServiceClient::new(channel);
            let answers = client.produce(requests).await.expect("it answers").into_inner();
            assert_eq!(counted(answers).await, count);
        }
        Framing::Ours => {
            let messages = requests.map(Message::of_produce);
            let answers = call(&mut channel, PRODUCE, messages, 1 << 20).await.expect("it answers");
            assert_eq!(counted::<v1::ProduceResponse>(answers).await, count);
        }
    }
}

async fn counted<T>(mut answers: impl Stream<Item = Result<T, Status>> + Unpin) -> usize {
    let mut count = 0;
    while let Some(answer) = answers.next().await {
        answer.expect("nothing fails");
        count += 1;
    }
    count
}

async fn fetch(mut channel: Channel, client: Framing, batch_bytes: usize, bytes: usize) {
    let assign = v1::fetch_request::Assign {
        fetch_id: (bytes / batch_bytes) as u64,
        bytes_max: batch_bytes as u32,
        ..Default::default()
    };
    let request = Some(v1::fetch_request::Request::Assign(assign));
    let request = tokio_stream::once(v1::FetchRequest { request });
    let limit = transport::RESPONSE_BYTES_MAX;
    match client {
        Framing::Tonic => {
            let mut client = ConsumerServiceClient::new(channel).max_decoding_message_size(limit);
            let answers = client.fetch(request).await.expect("it answers").into_inner();
            assert_eq!(counted(answers).await, bytes / batch_bytes);
        }
        Framing::Ours => {
            let messages = request.map(|request| Message::of(&request));
            let answers = call(&mut channel, FETCH, messages, limit).await.expect("it answers");
            assert_eq!(counted::<v1::FetchResponse>(answers).await, bytes / batch_bytes);
        }
    }
}

async fn serve(framing: Framing, ready: std::sync::mpsc::Sender<SocketAddr>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    ready.send(listener.local_addr().expect("it is bound")).expect("the client waits");
    loop {
        let (stream, _) = listener.accept().await.expect("it listens");
        stream.set_nodelay(true).expect("a TCP socket");
        tokio::spawn(connection(stream, framing));
    }
}

async fn connection(stream: TcpStream, framing: Framing) {
    let service = hyper::service::service_fn(move |request: Request<hyper::body::Incoming>| {
        let request = request.map(Body::new);
        async move {
            Ok::<_, std::convert::Infallible>(match (framing, request.uri().path()) {
                (_, FETCH) => ours_fetch(request.into_body()),
                (Framing::Ours, _) => ours_produce(request.into_body()),
                (Framing::Tonic, _) => tonic_produce(request).await,
            })
        }
    });
    let mut http2 = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
    http2
        .timer(TokioTimer::new())
        .initial_stream_window_size(transport::STREAM_WINDOW_BYTES)
        .initial_connection_window_size(transport::CONNECTION_WINDOW_BYTES)
        .max_frame_size(transport::FRAME_BYTES_MAX)
        .max_send_buf_size(transport::SEND_BUFFER_BYTES_MAX);
    // The client closes the connection when it has measured.
    let _ = http2.serve_connection(TokioIo::new(stream), service).await;
}

fn ack(request: &v1::ProduceRequest) -> v1::ProduceResponse {
    let ack = v1::ProduceAck { base_offset: request.batch.len() as i64, ..Default::default() };
    let result = Some(v1::produce_response::Result::Ack(ack));
    v1::ProduceResponse { correlation: request.correlation, result }
}

fn ours_produce(body: Body) -> http::Response<Body> {
    let requests = Messages::<v1::ProduceRequest>::of_request(body, 64 << 20);
    response(requests.map(|request| Ok(Message::of(&ack(&request?)))))
}

/// As many messages as the number of the fetch says, of two chunks each, as the log hands them out.
fn ours_fetch(body: Body) -> http::Response<Body> {
    let requests = Messages::<v1::FetchRequest>::of_request(body, 1 << 20);
    let (head, rest) = (Bytes::from(vec![1; 16]), Bytes::from(vec![7; 1024 * 1024]));
    let answers = requests.take(1).map(move |request| {
        let Some(v1::fetch_request::Request::Assign(assign)) = request.expect("one").request else {
            panic!("the client assigns");
        };
        let chunks = vec![head.clone(), rest.slice(..assign.bytes_max as usize - head.len())];
        (assign.fetch_id, chunks)
    });
    response(Box::pin(answers).repeated())
}

async fn tonic_produce(request: Request<Body>) -> http::Response<Body> {
    use tower::ServiceExt as _;
    let service = ProducerServiceServer::new(Fake).max_decoding_message_size(64 << 20);
    service.oneshot(request).await.expect("it cannot fail")
}

struct Fake;

#[tonic::async_trait]
impl ProducerService for Fake {
    async fn publish(
        &self,
        _: tonic::Request<v1::PublishRequest>,
    ) -> Result<Response<v1::PublishResponse>, Status> {
        Err(Status::unimplemented("not measured"))
    }

    type ProduceStream =
        std::pin::Pin<Box<dyn Stream<Item = Result<v1::ProduceResponse, Status>> + Send + 'static>>;

    async fn produce(
        &self,
        request: tonic::Request<Streaming<v1::ProduceRequest>>,
    ) -> Result<Response<Self::ProduceStream>, Status> {
        let answers = request.into_inner().map(|request| Ok(ack(&request?)));
        Ok(Response::new(Box::pin(answers)))
    }

    async fn allocate_producer_id(
        &self,
        _: tonic::Request<v1::AllocateProducerIdRequest>,
    ) -> Result<Response<v1::AllocateProducerIdResponse>, Status> {
        Err(Status::unimplemented("not measured"))
    }
}

/// Repeats what one request asked for.
struct Repeated<S> {
    asked: S,
    left: u64,
    chunks: Vec<Bytes>,
}

trait Repeat: Sized {
    fn repeated(self) -> Repeated<Self>;
}

impl<S: Stream<Item = (u64, Vec<Bytes>)>> Repeat for S {
    fn repeated(self) -> Repeated<Self> {
        Repeated { asked: self, left: 0, chunks: Vec::new() }
    }
}

impl<S: Stream<Item = (u64, Vec<Bytes>)> + Unpin> Stream for Repeated<S> {
    type Item = Result<Message, Status>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        if self.left == 0 {
            match std::pin::Pin::new(&mut self.asked).poll_next(context) {
                std::task::Poll::Pending => return std::task::Poll::Pending,
                std::task::Poll::Ready(None) => return std::task::Poll::Ready(None),
                std::task::Poll::Ready(Some((count, chunks))) => {
                    self.left = count;
                    self.chunks = chunks;
                }
            }
        }
        self.left -= 1;
        let header = v1::fetch_response::Batches::default();
        std::task::Poll::Ready(Some(Ok(Message::of_batches(header, self.chunks.clone()))))
    }
}
