//! Settings: changed in both ways, and described.

use super::*;

impl Script {
    pub(super) fn configs(&mut self) {
        {
            use incremental_alter_configs::*;
            let alter = |name: &'static str, operation, value: Option<&'static str>| {
                IncrementalAlterConfigsRequest {
                    resources: vec![AlterConfigsResource {
                        resource_type: 2,
                        resource_name: "c6".into(),
                        configs: vec![AlterableConfig {
                            name: name.into(),
                            config_operation: operation,
                            value: value.map(Into::into),
                        }],
                    }],
                    validate_only: false,
                }
            };
            let cases = [
                ("set", alter("retention.ms", 0, Some("60000"))),
                ("set without effect", alter("flush.messages", 0, Some("7"))),
                ("delete", alter("retention.ms", 1, None)),
                ("delete what is not set", alter("retention.bytes", 1, None)),
                ("append what is there", alter("cleanup.policy", 2, Some("delete"))),
                ("append to no list", alter("retention.ms", 2, Some("1"))),
                ("subtract from no list", alter("retention.ms", 3, Some("1"))),
                ("unknown", alter("no.such", 0, Some("1"))),
                ("bad", alter("retention.ms", 0, Some("soon"))),
                ("null", alter("retention.ms", 0, None)),
                ("operation", alter("retention.ms", 9, Some("1"))),
                (
                    "topic",
                    IncrementalAlterConfigsRequest {
                        resources: vec![AlterConfigsResource {
                            resource_type: 2,
                            resource_name: "nowhere".into(),
                            ..Default::default()
                        }],
                        ..Default::default()
                    },
                ),
            ];
            for (name, request) in cases {
                for version in 0..=1 {
                    let name = format!("incremental {name}");
                    step!(self, name, version, IncrementalAlterConfigsResponse<'_>, request);
                }
            }
        }
        {
            use alter_configs::*;
            let alter = |name: &'static str, value: Option<&'static str>| AlterConfigsRequest {
                resources: vec![AlterConfigsResource {
                    resource_type: 2,
                    resource_name: "c5".into(),
                    configs: vec![AlterableConfig {
                        name: name.into(),
                        value: value.map(Into::into),
                    }],
                }],
                validate_only: false,
            };
            for version in 0..=2 {
                step!(
                    self,
                    "alter",
                    version,
                    AlterConfigsResponse<'_>,
                    alter("segment.ms", Some("70000"))
                );
                step!(
                    self,
                    "alter unknown",
                    version,
                    AlterConfigsResponse<'_>,
                    alter("no.such", Some("1"))
                );
                step!(
                    self,
                    "alter null",
                    version,
                    AlterConfigsResponse<'_>,
                    alter("segment.ms", None)
                );
            }
        }
        use describe_configs::*;
        let describe =
            |kind, name: &'static str, keys: Option<&[&'static str]>| DescribeConfigsRequest {
                resources: vec![DescribeConfigsResource {
                    resource_type: kind,
                    resource_name: name.into(),
                    configuration_keys: keys
                        .map(|keys| keys.iter().map(|key| (*key).into()).collect()),
                }],
                include_synonyms: true,
                include_documentation: false,
            };
        const KAFKAS: [&str; 26] = [
            "cleanup.policy",
            "compression.gzip.level",
            "compression.lz4.level",
            "compression.type",
            "compression.zstd.level",
            "delete.retention.ms",
            "file.delete.delay.ms",
            "flush.messages",
            "flush.ms",
            "follower.replication.throttled.replicas",
            "index.interval.bytes",
            "leader.replication.throttled.replicas",
            "local.retention.bytes",
            "local.retention.ms",
            "max.compaction.lag.ms",
            "message.timestamp.type",
            "min.cleanable.dirty.ratio",
            "min.compaction.lag.ms",
            "preallocate",
            "remote.storage.enable",
            "retention.bytes",
            "retention.ms",
            "segment.bytes",
            "segment.ms",
            "segment.index.bytes",
            "unclean.leader.election.enable",
        ];
        for version in 1..=4 {
            for topic in ["c5", "c6"] {
                for key in KAFKAS {
                    let name = format!("describe {topic} {key}");
                    let request = describe(2, topic, Some(&[key]));
                    step!(self, name, version, DescribeConfigsResponse<'_>, request);
                }
            }
        }
        step!(
            self,
            "describe unknown topic",
            4,
            DescribeConfigsResponse<'_>,
            describe(2, "no", None)
        );
        step!(self, "describe bad topic", 4, DescribeConfigsResponse<'_>, describe(2, "a b", None));
        step!(
            self,
            "describe other broker",
            4,
            DescribeConfigsResponse<'_>,
            describe(4, "9", None)
        );
        step!(self, "describe no broker", 4, DescribeConfigsResponse<'_>, describe(4, "x", None));
        step!(
            self,
            "describe unknown kind",
            4,
            DescribeConfigsResponse<'_>,
            describe(99, "x", None)
        );
    }
}
