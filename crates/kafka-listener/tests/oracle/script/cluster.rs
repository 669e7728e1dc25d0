//! The cluster: its brokers, features, quorum and directories.

use super::*;

impl Script {
    pub(super) fn cluster(&mut self) {
        {
            use describe_cluster::*;
            let ask = |kind| DescribeClusterRequest {
                include_cluster_authorized_operations: true,
                endpoint_type: kind,
                ..Default::default()
            };
            let cluster = self.client.ask(2, &ask(1)).expect("answered");
            let cluster = cluster.read::<DescribeClusterResponse<'_>>().cluster_id.into_owned();
            self.learn(&cluster, "CLUSTER");
            for version in 0..=2 {
                step!(self, "cluster", version, DescribeClusterResponse<'_>, ask(1));
            }
            step!(self, "cluster of controllers", 2, DescribeClusterResponse<'_>, ask(2));
            step!(self, "cluster of nobody", 2, DescribeClusterResponse<'_>, ask(3));
        }
        {
            use update_features::*;
            let update = |feature: &'static str, level, kind| UpdateFeaturesRequest {
                feature_updates: vec![FeatureUpdateKey {
                    feature: feature.into(),
                    max_version_level: level,
                    upgrade_type: kind,
                    ..Default::default()
                }],
                validate_only: true,
                ..Default::default()
            };
            for version in 1..=2 {
                type Answer<'a> = UpdateFeaturesResponse<'a>;
                step!(
                    self,
                    "feature as it is",
                    version,
                    Answer<'_>,
                    update("metadata.version", 30, 1)
                );
                step!(
                    self,
                    "feature too high",
                    version,
                    Answer<'_>,
                    update("metadata.version", 99, 1)
                );
                step!(self, "feature unknown", version, Answer<'_>, update("no.such", 1, 1));
            }
        }
        {
            use describe_quorum::*;
            let of = |name: &'static str| DescribeQuorumRequest {
                topics: vec![TopicData {
                    topic_name: name.into(),
                    partitions: vec![PartitionData { partition_index: 0 }],
                }],
            };
            for version in 0..=2 {
                step!(self, "quorum of another", version, DescribeQuorumResponse<'_>, of("c7"));
            }
        }
        use describe_log_dirs::*;
        let of = |name: &'static str| DescribeLogDirsRequest {
            topics: Some(vec![DescribableLogDirTopic { topic: name.into(), partitions: vec![0] }]),
        };
        // An empty partition: sizes of files are our own.
        for version in 1..=5 {
            let body = self.client.ask(version, &of("c7")).expect("answered");
            let mut answer = body.read::<DescribeLogDirsResponse<'_>>();
            for result in &mut answer.results {
                (result.total_bytes, result.usable_bytes) = (-1, -1);
            }
            self.show(&format!("log dirs v{version}"), &answer);
        }
    }
}
