//! Producer ids are given away in blocks (I7).

mod common;

use common::check;
use expect_test::expect;

#[test]
fn blocks_follow_each_other() {
    check(
        "
        ids 1 0
        ids 1 0
        ",
        expect![[r#"
            ids 1 0
              + {"kind":"producer_ids","version":1,"body":{"broker":1,"broker_epoch":0,"next":1000}}
              = ProducerIds(ProducerIdBlock { first: 0, count: 1000 })
            ids 1 0
              + {"kind":"producer_ids","version":1,"body":{"broker":1,"broker_epoch":0,"next":2000}}
              = ProducerIds(ProducerIdBlock { first: 1000, count: 1000 })
        "#]],
    );
}

/// A broker that was started again asks under its new epoch; a request of its former life is fenced.
#[test]
fn only_the_newest_life_gets_any() {
    check(
        "
        register 1 dir=1
        ids 1 0
        ids 1 1
        ids 7 1
        ",
        expect![[r#"
            register 1 dir=1
              + {"kind":"broker","version":1,"body":{"broker":1,"epoch":1,"directory":"01010101-0101-0101-0101-010101010101","boot":"boot","endpoints":[],"registered_at":2}}
              = BrokerRegistered(BrokerRegistered { epoch: 1 })
            ids 1 0
              ! broker 1 in epoch 0 is not known; it must register again
            ids 1 1
              + {"kind":"producer_ids","version":1,"body":{"broker":1,"broker_epoch":1,"next":1000}}
              = ProducerIds(ProducerIdBlock { first: 0, count: 1000 })
            ids 7 1
              ! broker 7 in epoch 1 is not known; it must register again
        "#]],
    );
}
