"""kafka-python: produces with every codec that it has without extras, reads, looks up offsets, administers."""

import os
import uuid

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition

BOOTSTRAP = os.environ["BOOTSTRAP"]
TOPIC = f"smoke-kafka-python-{uuid.uuid4().hex[:8]}"
HEADERS = [("h", b"1"), ("h", b"2")]

expected = []
for codec in [None, "gzip"]:
    producer = KafkaProducer(bootstrap_servers=BOOTSTRAP, compression_type=codec, acks="all", linger_ms=5)
    futures = []
    for i in range(200):
        key = None if i % 3 == 0 else f"{codec}-{i}".encode()
        value = None if key and i % 7 == 0 else (f"value {i} " * 20).encode()
        timestamp = 1_700_000_000_000 + i
        headers = HEADERS if i % 2 else []
        futures.append(producer.send(TOPIC, value, key, headers, 0, timestamp))
        expected.append((key, value, timestamp, headers))
    producer.flush(30)
    offsets = [future.get(20).offset for future in futures]
    assert offsets == list(range(len(expected) - 200, len(expected))), offsets
    producer.close()

consumer = KafkaConsumer(
    bootstrap_servers=BOOTSTRAP, group_id=None, enable_auto_commit=False, consumer_timeout_ms=20_000
)
partition = TopicPartition(TOPIC, 0)
consumer.assign([partition])
consumer.seek_to_beginning(partition)
for offset, (key, value, timestamp, headers) in enumerate(expected):
    message = next(consumer)
    got = (message.offset, message.key, message.value, message.timestamp, list(message.headers))
    assert got == (offset, key, value, timestamp, headers), got
assert consumer.beginning_offsets([partition]) == {partition: 0}
assert consumer.end_offsets([partition]) == {partition: len(expected)}
assert consumer.offsets_for_times({partition: 1_700_000_000_150})[partition].offset == 150
consumer.close()

admin = KafkaAdminClient(bootstrap_servers=BOOTSTRAP)
assert TOPIC in admin.list_topics()
admin.delete_topics([TOPIC])
assert TOPIC not in admin.list_topics()
admin.close()
print(f"kafka-python: {len(expected)} records")
