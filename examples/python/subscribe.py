"""Reads a topic with grpcio alone: subscribe.py [--broker HOST:PORT] [--follow] TOPIC"""

import argparse
import queue

import grpc
from ottla.v1 import common_pb2, fetch_pb2, fetch_pb2_grpc, topics_pb2, topics_pb2_grpc

CREDIT_BYTES = 1 << 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--broker", default="127.0.0.1:9095")
    parser.add_argument("--follow", action="store_true", help="go on with what comes")
    parser.add_argument("topic")
    arguments = parser.parse_args()

    with grpc.insecure_channel(arguments.broker) as channel:
        topic = common_pb2.TopicRef(name=arguments.topic)
        topics = topics_pb2_grpc.TopicServiceStub(channel)
        description = topics.DescribeTopic(topics_pb2.DescribeTopicRequest(topic=topic))

        # What we say goes through a queue; the stream lives until the call is cancelled.
        requests = queue.SimpleQueue()
        requests.put(fetch_pb2.FetchRequest(credit={"bytes": CREDIT_BYTES}))
        for partition in description.partitions:
            start = fetch_pb2.FetchStart(earliest={})
            requests.put(fetch_pb2.FetchRequest(assign=fetch_pb2.FetchRequest.Assign(
                fetch_id=partition.partition, topic=topic, partition=partition.partition, start=start)))
        stream = fetch_pb2_grpc.ConsumerServiceStub(channel).Fetch(iter(requests.get, None))

        behind = {partition.partition for partition in description.partitions}
        for response in stream:
            arm = response.WhichOneof("response")
            body = getattr(response, arm)
            if arm == "ended":
                raise SystemExit(f"partition {body.fetch_id}: {body.error.message}")
            if arm == "records":
                for record in body.records:
                    print(f"{body.fetch_id}-{record.offset} {record.key.decode()}: {record.value.decode()}")
                # What was taken may be sent again.
                requests.put(fetch_pb2.FetchRequest(credit={"bytes": body.bytes}))
            reached = body.offset if arm == "assigned" else body.next_offset
            if reached >= body.high_watermark:
                behind.discard(body.fetch_id)
            if not behind and not arguments.follow:
                stream.cancel()
                break
        requests.put(None)


if __name__ == "__main__":
    main()
