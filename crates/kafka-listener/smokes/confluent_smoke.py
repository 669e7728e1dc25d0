"""librdkafka through confluent-kafka: every compression, idempotence, assigned partitions, administration."""

import os
import time
import uuid

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewPartitions, NewTopic

BOOTSTRAP = os.environ["BOOTSTRAP"]
TOPIC = f"smoke-confluent-{uuid.uuid4().hex[:8]}"
CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]
HEADERS = [("h", b"1"), ("h", b"2"), ("none", None)]


def wait(futures):
    for future in futures.values():
        future.result(timeout=20)


admin = AdminClient({"bootstrap.servers": BOOTSTRAP})
wait(admin.create_topics([NewTopic(TOPIC, 1, 1, config={"retention.ms": "3600000"})]))

delivered = []


def on_delivery(error, message):
    assert error is None, error
    delivered.append(message.offset())


expected = []
for codec in CODECS:
    producer = Producer(
        {"bootstrap.servers": BOOTSTRAP, "compression.type": codec, "enable.idempotence": True, "linger.ms": 5}
    )
    for i in range(200):
        key = None if i % 3 == 0 else f"{codec}-{i}".encode()
        value = None if i % 7 == 0 else (f"value {i} " * 20).encode()
        timestamp = 1_700_000_000_000 + i
        headers = HEADERS if i % 2 else []
        producer.produce(
            TOPIC, value, key, 0, on_delivery=on_delivery, timestamp=timestamp, headers=headers
        )
        expected.append((key, value, timestamp, headers or None))
    assert producer.flush(30) == 0
assert delivered == list(range(len(expected))), "offsets are dense, from 0"

consumer = Consumer(
    {"bootstrap.servers": BOOTSTRAP, "group.id": "none", "enable.auto.commit": False, "check.crcs": True}
)
low, high = consumer.get_watermark_offsets(TopicPartition(TOPIC, 0), timeout=20)
assert (low, high) == (0, len(expected)), (low, high)
consumer.assign([TopicPartition(TOPIC, 0, OFFSET_BEGINNING)])
seen, deadline = [], time.time() + 30
while len(seen) < len(expected):
    assert time.time() < deadline, len(seen)
    for message in consumer.consume(500, 1):
        error = message.error()
        if error is not None and error.code() == KafkaError.UNSUPPORTED_VERSION:
            continue  # There is no coordinator for its group, which it does not use.
        assert error is None, error
        seen.append(message)
for offset, (message, (key, value, timestamp, headers)) in enumerate(zip(seen, expected)):
    got = (message.offset(), message.key(), message.value(), message.timestamp()[1], message.headers())
    assert got == (offset, key, value, timestamp, headers), got
[found] = consumer.offsets_for_times([TopicPartition(TOPIC, 0, 1_700_000_000_150)], timeout=20)
assert found.offset == 150, found
consumer.close()

resource = ConfigResource(ConfigResource.Type.TOPIC, TOPIC)
config = admin.describe_configs([resource])[resource].result(timeout=20)
assert config["retention.ms"].value == "3600000" and len(config) >= 33, len(config)
wait(admin.create_partitions([NewPartitions(TOPIC, 3)]))
assert len(admin.list_topics(TOPIC, timeout=20).topics[TOPIC].partitions) == 3
deleted = admin.delete_records([TopicPartition(TOPIC, 0, 10)])
assert [future.result(timeout=20).low_watermark for future in deleted.values()] == [10]
wait(admin.delete_topics([TOPIC]))
print(f"confluent-kafka: {len(expected)} records with {len(CODECS)} codecs")
