"""aiokafka: produces idempotently with gzip, reads by assigned partitions, looks up offsets."""

import asyncio
import os
import uuid

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

BOOTSTRAP = os.environ["BOOTSTRAP"]
TOPIC = f"smoke-aiokafka-{uuid.uuid4().hex[:8]}"
HEADERS = [("h", b"1"), ("h", b"2")]


async def main():
    expected = []
    for codec in [None, "gzip"]:
        async with AIOKafkaProducer(
            bootstrap_servers=BOOTSTRAP, compression_type=codec, enable_idempotence=True
        ) as producer:
            for i in range(100):
                key = None if i % 3 == 0 else f"{codec}-{i}".encode()
                value = None if key and i % 7 == 0 else (f"value {i} " * 20).encode()
                timestamp, headers = 1_700_000_000_000 + i, HEADERS if i % 2 else []
                sent = await producer.send_and_wait(TOPIC, value, key, 0, timestamp, headers)
                assert sent.offset == len(expected), sent
                expected.append((key, value, timestamp, tuple(headers)))
    consumer = AIOKafkaConsumer(bootstrap_servers=BOOTSTRAP, group_id=None, enable_auto_commit=False)
    await consumer.start()
    try:
        partition = TopicPartition(TOPIC, 0)
        consumer.assign([partition])
        await consumer.seek_to_beginning(partition)
        for offset, (key, value, timestamp, headers) in enumerate(expected):
            message = await asyncio.wait_for(consumer.getone(), 20)
            got = (message.offset, message.key, message.value, message.timestamp, tuple(message.headers))
            assert got == (offset, key, value, timestamp, headers), got
        assert (await consumer.end_offsets([partition]))[partition] == len(expected)
        found = await consumer.offsets_for_times({partition: 1_700_000_000_050})
        assert found[partition].offset == 50, found
    finally:
        await consumer.stop()
    print(f"aiokafka: {len(expected)} records")


asyncio.run(main())
