"""Publishes plain records with grpcio alone: publish.py [--broker HOST:PORT] TOPIC VALUE..."""

import argparse

import grpc
import status_pb2
from ottla.v1 import common_pb2, errors_pb2, produce_pb2, produce_pb2_grpc, topics_pb2, topics_pb2_grpc


def explain(failed: grpc.RpcError) -> str:
    """What Ottla put into the status: what went wrong, whether it happened, and what to do about it."""
    for key, value in failed.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            for detail in status_pb2.Status.FromString(value).details:
                if detail.type_url.endswith("ottla.v1.Error"):
                    error = errors_pb2.Error.FromString(detail.value)
                    outcome = errors_pb2.Outcome.Name(error.outcome)
                    return f"{error.reason}: {error.message} ({outcome}; {error.advice or 'no advice'})"
    return failed.details()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--broker", default="127.0.0.1:9095")
    parser.add_argument("topic")
    parser.add_argument("values", nargs="+")
    arguments = parser.parse_args()

    with grpc.insecure_channel(arguments.broker) as channel:
        topics = topics_pb2_grpc.TopicServiceStub(channel)
        try:
            topics.CreateTopic(topics_pb2.CreateTopicRequest(name=arguments.topic, partitions=2))
        except grpc.RpcError as failed:
            print(f"going on: {explain(failed)}")

        producer = produce_pb2_grpc.ProducerServiceStub(channel)
        records = [common_pb2.Record(key=b"python", value=value.encode()) for value in arguments.values]
        try:
            answer = producer.Publish(produce_pb2.PublishRequest(topic=arguments.topic, records=records))
        except grpc.RpcError as failed:
            raise SystemExit(explain(failed))
        for batch in answer.batches:
            safe = common_pb2.Durability.Name(batch.durability)
            print(f"partition {batch.partition} from offset {batch.base_offset}: "
                  f"{len(batch.record_indexes)} records, {safe}")


if __name__ == "__main__":
    main()
