//! A broker asked as a Kafka client asks it: which versions it speaks, and who else is there.

use std::future::Future;
use std::net::SocketAddr;

use bytes::Bytes;
use ottla_kafka_codec::messages::api_versions::{
    ApiVersion, ApiVersionsRequest, ApiVersionsResponse,
};
use ottla_kafka_codec::messages::describe_configs::{
    DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResponse,
};
use ottla_kafka_codec::messages::metadata::{
    MetadataRequest, MetadataResponse, MetadataResponseBroker,
};
use ottla_kafka_codec::schema::encode;
use ottla_kafka_codec::{Api, ErrorCode, Message, RequestHead, ResponseHead};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::address::{Address, PATIENCE, no_answer, why};
use super::{Answer, Broker, Door};

/// Largest answer that is read: what brokers say of themselves is far below it.
const ANSWER_BYTES_MAX: u32 = 4 << 20;

/// The kind of a broker among what has settings.
const BROKER: i8 = 4;

/// What the listener there tells a client that begins with it; or why it is none.
pub(super) async fn ask(at: SocketAddr) -> Result<Answer, String> {
    within(async {
        let mut connection = Connection::open(at).await?;
        let api = connection.choose::<MetadataRequest<'_>>()?;
        let nothing = MetadataRequest { topics: Some(Vec::new()), ..Default::default() };
        let frame = connection.request(api, &nothing).await?;
        let metadata: MetadataResponse<'_> = frame.read()?;
        let brokers = metadata.brokers.iter().map(broker).collect::<Result<_, _>>()?;
        let cluster = metadata.cluster_id.map(|id| id.to_string()).unwrap_or_default();
        Ok(Answer { door: Door::Kafka, cluster, brokers })
    })
    .await
}

/// Whether the broker there is the one of this number. Only a broker itself describes its settings; one that may not
/// be asked for them is believed.
pub(super) async fn is_broker(at: SocketAddr, id: i32) -> Result<bool, String> {
    within(async {
        let mut connection = Connection::open(at).await?;
        let api = connection.choose::<DescribeConfigsRequest<'_>>()?;
        let resource = DescribeConfigsResource {
            resource_type: BROKER,
            resource_name: id.to_string().into(),
            configuration_keys: Some(vec!["broker.id".into()]),
        };
        let request = DescribeConfigsRequest { resources: vec![resource], ..Default::default() };
        let frame = connection.request(api, &request).await?;
        let described: DescribeConfigsResponse<'_> = frame.read()?;
        let refused = |code| code == ErrorCode::INVALID_REQUEST.0;
        Ok(!described.results.iter().any(|result| refused(result.error_code)))
    })
    .await
}

async fn within<T>(work: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    timeout(PATIENCE, work).await.unwrap_or_else(|_| Err(no_answer()))
}

fn broker(told: &MetadataResponseBroker<'_>) -> Result<Broker, String> {
    let wrong = |_| format!("it says that broker {} is at port {}", told.node_id, told.port);
    let address =
        Address { host: told.host.to_string(), port: told.port.try_into().map_err(wrong)? };
    Ok(Broker { id: told.node_id, address })
}

/// A connection, and what is understood at its other end.
struct Connection {
    socket: TcpStream,
    spoken: Vec<ApiVersion>,
}

/// An API in the version that both sides speak.
#[derive(Clone, Copy)]
struct Chosen {
    api: &'static Api,
    version: i16,
}

/// An answer, and where its body begins.
struct Frame {
    bytes: Bytes,
    body_at: usize,
    version: i16,
}

impl Connection {
    async fn open(at: SocketAddr) -> Result<Self, String> {
        let socket = TcpStream::connect(at).await.map_err(|error| why(&error))?;
        let mut connection = Self { socket, spoken: Vec::new() };
        // Version 0 is understood by every broker there ever was.
        let api = Chosen { api: api_of::<ApiVersionsRequest<'_>>(), version: 0 };
        let frame = connection.request(api, &ApiVersionsRequest::default()).await?;
        let answer: ApiVersionsResponse<'_> = frame.read()?;
        if answer.error_code != 0 {
            return Err(format!("it answers ApiVersions with error {}", answer.error_code));
        }
        connection.spoken = answer.api_keys;
        Ok(connection)
    }

    /// The greatest version that both sides know.
    fn choose<'a, M: Message<'a>>(&self) -> Result<Chosen, String> {
        let api = api_of::<M>();
        let spoken = self.spoken.iter().find(|spoken| spoken.api_key == M::KEY);
        let common = spoken.and_then(|spoken| {
            let version = spoken.max_version.min(api.max);
            (version >= spoken.min_version.max(api.min)).then_some(version)
        });
        match common {
            Some(version) => Ok(Chosen { api, version }),
            None => Err(format!("it speaks {:?} in no version that is known here", api.key)),
        }
    }

    async fn request<'a>(
        &mut self,
        chosen: Chosen,
        body: &impl Message<'a>,
    ) -> Result<Frame, String> {
        let Chosen { api, version } = chosen;
        let head = RequestHead { key: api.key as i16, version, correlation: 1 };
        let mut writer = head.write(Some("ottla-doctor"), api.is_flexible(version));
        encode(body, &mut writer);
        let request = writer.finish().concat();
        self.socket.write_all(&request).await.map_err(|error| why(&error))?;
        let length = self.socket.read_u32().await.map_err(|error| why(&error))?;
        if length > ANSWER_BYTES_MAX {
            return Err("what it answers is not of Kafka's protocol".to_owned());
        }
        let mut bytes = vec![0; length as usize];
        self.socket.read_exact(&mut bytes).await.map_err(|error| why(&error))?;
        let bytes = Bytes::from(bytes);
        let head = ResponseHead::of(api, version, 1);
        let body_at = head.parse(&bytes).map_err(not_kafkas)?;
        Ok(Frame { bytes, body_at, version })
    }
}

impl Frame {
    fn read<'a, M: Message<'a>>(&'a self) -> Result<M, String> {
        M::decode(&self.bytes, self.body_at, self.version).map_err(not_kafkas)
    }
}

fn not_kafkas(error: impl std::fmt::Display) -> String {
    format!("what it answers is not of Kafka's protocol: {error}")
}

fn api_of<'a, M: Message<'a>>() -> &'static Api {
    Api::numbered(M::KEY).expect("what the doctor asks for is served here too")
}
