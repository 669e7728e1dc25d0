//! Records: read, with and without a session.

use super::*;

impl Script {
    pub(super) fn fetch(&mut self) {
        use fetch::*;
        let from = |topic: &'static str, offset| FetchRequest {
            replica_id: -1,
            topics: vec![FetchTopic {
                topic: topic.into(),
                partitions: vec![FetchPartition {
                    fetch_offset: offset,
                    partition_max_bytes: 1 << 20,
                    ..Default::default()
                }],
                ..Default::default()
            }],
            ..Default::default()
        };
        for version in [4, 5, 7, 9, 11, 12] {
            step!(self, "fetch", version, FetchResponse<'_>, from("c6", 2));
            let committed = FetchRequest { isolation_level: 1, ..from("c6", 2) };
            step!(self, "fetch committed", version, FetchResponse<'_>, committed);
        }
        step!(self, "fetch within a batch", 12, FetchResponse<'_>, from("c6", 7));
        step!(self, "fetch end", 12, FetchResponse<'_>, from("c6", 8));
        step!(self, "fetch beyond", 12, FetchResponse<'_>, from("c6", 9));
        step!(self, "fetch negative", 12, FetchResponse<'_>, from("c6", -1));
        step!(self, "fetch unknown topic", 12, FetchResponse<'_>, from("nowhere", 0));
        let mut request = from("c6", 0);
        request.topics[0].partitions[0].partition = 9;
        step!(self, "fetch unknown partition", 12, FetchResponse<'_>, request);
        let mut request = from("", 0);
        request.topics[0].topic_id = [9; 16];
        step!(self, "fetch unknown id", 13, FetchResponse<'_>, request);
        let mut request = from("c6", 0);
        request.topics[0].partitions[0].current_leader_epoch = 1_000;
        step!(self, "fetch newer epoch", 12, FetchResponse<'_>, request);
        let request = FetchRequest { session_id: 5, session_epoch: 1, ..from("c6", 0) };
        step!(self, "fetch unknown session", 12, FetchResponse<'_>, request);
        let mut request = from("c6", 0);
        request.max_bytes = 1;
        request.topics[0].partitions[0].partition_max_bytes = 1;
        step!(self, "fetch one byte", 12, FetchResponse<'_>, request);
    }

    pub(super) fn sessions(&mut self) {
        use fetch::*;
        let of = |name: &'static str, partitions: &[(i32, i64)]| FetchTopic {
            topic: name.into(),
            partitions: partitions
                .iter()
                .map(|(partition, fetch_offset)| FetchPartition {
                    partition: *partition,
                    fetch_offset: *fetch_offset,
                    partition_max_bytes: 1 << 20,
                    ..Default::default()
                })
                .collect(),
            ..Default::default()
        };
        let ask = |session_id, session_epoch, topics: Vec<FetchTopic<'static>>| FetchRequest {
            replica_id: -1,
            session_id,
            session_epoch,
            topics,
            ..Default::default()
        };
        let begin = ask(0, 0, vec![of("c6", &[(0, 8), (1, 0)])]);
        let body = self.client.ask(12, &begin).expect("answered");
        let id = body.read::<FetchResponse<'_>>().session_id;
        self.learned.push((format!("session_id: {id},"), "session_id: SESSION,".to_owned()));
        self.show("session begins", &body.read::<FetchResponse<'_>>());
        let forgetting = FetchRequest {
            forgotten_topics_data: vec![ForgottenTopic {
                topic: "c6".into(),
                partitions: vec![1, 7],
                ..Default::default()
            }],
            ..ask(id, 4, vec![of("c6", &[(0, 2)])])
        };
        let cases = [
            ("nothing new", ask(id, 1, vec![])),
            ("number twice", ask(id, 1, vec![])),
            ("number too high", ask(id, 9, vec![])),
            ("one more", ask(id, 2, vec![of("c5", &[(0, 0)])])),
            ("the same again", ask(id, 3, vec![])),
            ("another offset", forgetting),
            ("whose turn it is", ask(id, 5, vec![])),
            ("unknown topic", ask(id, 6, vec![of("nowhere", &[(0, 0)])])),
            ("unknown topic again", ask(id, 7, vec![])),
            ("twice in one", ask(id, 8, vec![of("c6", &[(0, 8), (0, 4)]), of("c6", &[(0, 7)])])),
            ("out of range", ask(id, 9, vec![of("c5", &[(0, 999)])])),
            ("ends", ask(id, -1, vec![of("c6", &[(0, 8)])])),
            ("after its end", ask(id, 10, vec![])),
            ("twice in a whole one", ask(0, -1, vec![of("c6", &[(0, 8), (1, 0), (0, 7)])])),
        ];
        for (name, request) in cases {
            step!(self, format!("session {name}"), 12, FetchResponse<'_>, request);
        }
        self.short_sessions();
    }

    /// Those that end as they begin.
    fn short_sessions(&mut self) {
        use fetch::*;
        let ask = |session_id, session_epoch| FetchRequest {
            replica_id: -1,
            session_id,
            session_epoch,
            ..Default::default()
        };
        let body = self.client.ask(12, &ask(0, 0)).expect("answered");
        let mut answer = body.read::<FetchResponse<'_>>();
        let id = answer.session_id;
        answer.session_id = i32::from(id != 0);
        self.show("session of nothing", &answer);
        if id != 0 {
            step!(self, "session of nothing goes on", 12, FetchResponse<'_>, ask(id, 1));
        }
        let partition = FetchPartition { partition_max_bytes: 1 << 20, ..Default::default() };
        let topic =
            FetchTopic { topic: "c7".into(), partitions: vec![partition], ..Default::default() };
        let begin = FetchRequest { topics: vec![topic], ..ask(0, 0) };
        let body = self.client.ask(12, &begin).expect("answered");
        let id = body.read::<FetchResponse<'_>>().session_id;
        step!(self, "session by name goes on by id", 13, FetchResponse<'_>, ask(id, 1));
        let forgotten =
            ForgottenTopic { topic: "c7".into(), partitions: vec![0], ..Default::default() };
        let request = FetchRequest { forgotten_topics_data: vec![forgotten], ..ask(id, 1) };
        step!(self, "session that forgets everything", 12, FetchResponse<'_>, request);
        step!(self, "session that forgot everything", 12, FetchResponse<'_>, ask(id, 2));
    }
}
