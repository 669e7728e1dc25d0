//! A broker's settings by Kafka's names, as far as programs look for them. All can only be read.

use ottla_kafka_codec::messages::describe_configs::DescribeConfigsResourceResult;
use ottla_metadata::TopicConfig;

use crate::call::Call;
use crate::configs::{Kind, SOURCE_BROKER, SOURCE_DEFAULT};

/// User interfaces find out by this what a broker can do; Kafka itself has it no more.
const PROTOCOL: &str = "4.1-IV0";

pub(super) fn entries(call: &Call, id: i32) -> Vec<DescribeConfigsResourceResult<'static>> {
    let topic = TopicConfig::default();
    let of_topic = |name: &str| {
        let mut entries = topic.entries();
        entries
            .find(|(setting, _)| setting.name == name)
            .map(|(_, value)| value)
            .unwrap_or_default()
    };
    let settings = &call.door.settings;
    let at = call.advertised();
    let listener = format!("PLAINTEXT://{}:{}", at.host, at.port);
    let set = |name, value: String, kind| entry(name, value, kind, SOURCE_BROKER);
    let default = |name, value: String, kind| entry(name, value, kind, SOURCE_DEFAULT);
    vec![
        set("advertised.listeners", listener, Kind::List),
        set("auto.create.topics.enable", settings.auto_create_topics.to_string(), Kind::Boolean),
        set("broker.id", id.to_string(), Kind::Int),
        default("compression.type", of_topic("compression.type"), Kind::String),
        default("connections.max.idle.ms", settings.idle_max.as_millis().to_string(), Kind::Long),
        default("default.replication.factor", "1".to_owned(), Kind::Int),
        default("delete.topic.enable", "true".to_owned(), Kind::Boolean),
        default("inter.broker.protocol.version", PROTOCOL.to_owned(), Kind::String),
        default("log.cleanup.policy", of_topic("cleanup.policy"), Kind::List),
        default("log.message.timestamp.type", of_topic("message.timestamp.type"), Kind::String),
        default("log.retention.bytes", of_topic("retention.bytes"), Kind::Long),
        default("log.retention.ms", of_topic("retention.ms"), Kind::Long),
        default("log.roll.ms", of_topic("segment.ms"), Kind::Long),
        default("log.segment.bytes", of_topic("segment.bytes"), Kind::Int),
        default("message.max.bytes", of_topic("max.message.bytes"), Kind::Int),
        default("min.insync.replicas", "1".to_owned(), Kind::Int),
        set("node.id", id.to_string(), Kind::Int),
        default("process.roles", "broker,controller".to_owned(), Kind::List),
        default("socket.request.max.bytes", settings.request_bytes_max.to_string(), Kind::Int),
        default("unclean.leader.election.enable", "false".to_owned(), Kind::Boolean),
    ]
}

fn entry(
    name: &'static str,
    value: String,
    kind: Kind,
    source: i8,
) -> DescribeConfigsResourceResult<'static> {
    DescribeConfigsResourceResult {
        name: name.into(),
        value: Some(value.into()),
        read_only: true,
        config_source: source,
        is_sensitive: false,
        synonyms: Vec::new(),
        config_type: kind as i8,
        documentation: None,
    }
}
