"""Both doors at once: librdkafka and a plain gRPC stub write the same records, and each reads what the other wrote."""

import os
import uuid

import grpc
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Producer, TopicPartition
from ottla.v1 import common_pb2, fetch_pb2, fetch_pb2_grpc, produce_pb2, produce_pb2_grpc, topics_pb2, topics_pb2_grpc

BOOTSTRAP, GRPC = os.environ["BOOTSTRAP"], os.environ["GRPC"]
TOPIC = f"smoke-doors-{uuid.uuid4().hex[:8]}"
CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]
# Keys and values there and not, empty and not, binary; headers of the same key, without a value, with an empty one, none.
RECORDS = [
    (1_700_000_000_000, b"k", b"v", [("h", b"1"), ("h", b"2"), ("none", None)]),
    (1_600_000_000_000, None, b"\x00\xff", []),
    (1_700_000_000_001, b"", b"", [("empty", b"")]),
    (1_700_000_000_002, b"gone", None, [("h", b"2"), ("other", b"\xff\x00"), ("h", b"1")]),
    (1_700_000_000_003, None, None, []),
    (1_700_000_000_004, b"large", b"0123456789" * 5_000, []),
]


def by_kafka():
    """Writes the records once with each codec."""
    for codec in CODECS:
        producer = Producer({"bootstrap.servers": BOOTSTRAP, "compression.type": codec, "linger.ms": 20})
        for timestamp, key, value, headers in RECORDS:
            producer.produce(TOPIC, value, key, 0, timestamp=timestamp, headers=headers)
        assert producer.flush(30) == 0


def by_grpc(channel):
    """Writes the records once with each codec, one batch a codec."""
    stub = produce_pb2_grpc.ProducerServiceStub(channel)
    for codec in CODECS:
        records = [
            common_pb2.Record(
                key=key, value=value, timestamp_ms=timestamp,
                headers=[common_pb2.Header(key=name, value=held) for name, held in headers],
            )
            for timestamp, key, value, headers in RECORDS
        ]
        compression = common_pb2.Compression.Value(f"COMPRESSION_{codec.upper()}")
        request = produce_pb2.PublishRequest(topic=TOPIC, partition=0, records=records, compression=compression)
        [batch] = stub.Publish(request, timeout=20).batches
        assert batch.durability == common_pb2.DURABILITY_FSYNC, batch


def optional(message, field):
    return getattr(message, field) if message.HasField(field) else None


def read_by_grpc(channel, count):
    stub, seen = fetch_pb2_grpc.ConsumerServiceStub(channel), []
    while len(seen) < count:
        request = fetch_pb2.FetchOnceRequest(
            topic=TOPIC, partition=0, start=fetch_pb2.FetchStart(offset=len(seen)), records_max=7, wait_ms=5_000
        )
        answer = stub.FetchOnce(request, timeout=20)
        assert answer.records, f"nothing at offset {len(seen)}"
        for record in answer.records:
            headers = [(header.key, optional(header, "value")) for header in record.headers]
            key, value = optional(record, "key"), optional(record, "value")
            seen.append((record.offset, record.timestamp_ms, key, value, headers))
    return seen


def read_by_kafka(count):
    consumer = Consumer(
        {"bootstrap.servers": BOOTSTRAP, "group.id": "none", "enable.auto.commit": False, "check.crcs": True}
    )
    consumer.assign([TopicPartition(TOPIC, 0, OFFSET_BEGINNING)])
    seen = []
    while len(seen) < count:
        messages = consumer.consume(count - len(seen), 20)
        assert messages, f"nothing at offset {len(seen)}"
        for message in messages:
            error = message.error()
            if error is not None and error.code() == KafkaError.UNSUPPORTED_VERSION:
                continue  # There is no coordinator for its group, which it does not use.
            assert error is None, error
            headers = message.headers() or []
            seen.append((message.offset(), message.timestamp()[1], message.key(), message.value(), headers))
    consumer.close()
    return seen


with grpc.insecure_channel(GRPC) as channel:
    topics_pb2_grpc.TopicServiceStub(channel).CreateTopic(topics_pb2.CreateTopicRequest(name=TOPIC, partitions=1))
    by_kafka()
    by_grpc(channel)
    expected = [(offset, *record) for offset, record in enumerate(RECORDS * len(CODECS) * 2)]
    for name, seen in [("gRPC", read_by_grpc(channel, len(expected))), ("Kafka", read_by_kafka(len(expected)))]:
        for got, wanted in zip(seen, expected, strict=True):
            assert got == wanted, f"read by {name}: {got}, not {wanted}"
print(f"{len(expected)} records by either door with {len(CODECS)} codecs, the same at both")
