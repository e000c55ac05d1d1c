"""`python -m bench.peer.boto3_threads`: the same path on boto3, a thread a shard.

One client a service, as boto3's clients may be shared by threads, with a pool as large as its use; batches of the
services' sizes, the daemon's cache time, compiled templates, metric children bound once, no validation of
parameters. Each thread waits for its own answers while the others work.
"""

from __future__ import annotations

import argparse
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any, Protocol

from boto3.session import Session
from botocore.config import Config

from bench.peer.command import configure_logs, options_of
from bench.peer.mail import Mails, accepted_of, bulk_request
from bench.peer.notice import Notice
from bench.peer.people import Known
from bench.peer.record import BATCH, Recorder, count_read
from bench.peer.sources import PAGE_RECORDS_MAX, Arrived, Read, kinesis_page, stream_page

# Kinesis' limit of a shard: five reads a second.
POLL_S = 0.2
_CONNECTIONS = 100


class Source(Protocol):
    def shard_ids(self) -> list[str]: ...
    def iterator(self, shard_id: str) -> str: ...
    def read(self, shard_id: str, iterator: str) -> Read: ...


class Kinesis:
    def __init__(self, client: Any, stream: str) -> None:
        self._client = client
        self._stream = stream

    def shard_ids(self) -> list[str]:
        return [shard["ShardId"] for shard in self._client.list_shards(StreamName=self._stream)["Shards"]]

    def iterator(self, shard_id: str) -> str:
        answer = self._client.get_shard_iterator(
            StreamName=self._stream, ShardId=shard_id, ShardIteratorType="TRIM_HORIZON"
        )
        return str(answer["ShardIterator"])

    def read(self, shard_id: str, iterator: str) -> Read:
        answer = self._client.get_records(ShardIterator=iterator, Limit=PAGE_RECORDS_MAX)
        return kinesis_page(answer, f"{self._stream}/{shard_id}")


class DynamodbStreams:
    def __init__(self, client: Any, stream_arn: str) -> None:
        self._client = client
        self._stream_arn = stream_arn

    def shard_ids(self) -> list[str]:
        answer = self._client.describe_stream(StreamArn=self._stream_arn)
        return [shard["ShardId"] for shard in answer["StreamDescription"]["Shards"]]

    def iterator(self, shard_id: str) -> str:
        answer = self._client.get_shard_iterator(
            StreamArn=self._stream_arn, ShardId=shard_id, ShardIteratorType="TRIM_HORIZON"
        )
        return str(answer["ShardIterator"])

    def read(self, shard_id: str, iterator: str) -> Read:
        answer = self._client.get_records(ShardIterator=iterator, Limit=PAGE_RECORDS_MAX)
        return stream_page(answer, f"{self._stream_arn}/{shard_id}")


class Peer:
    def __init__(self, source: Source, dynamodb: Any, ses: Any, prefix: str) -> None:
        self._source = source
        self._dynamodb = dynamodb
        self._ses = ses
        self._mails = Mails()
        self._known = Known(prefix, time.perf_counter)
        self._recorder = Recorder(self._mails.channel, self._mails.provider, prefix)
        self._stop = Event()

    def run(self) -> None:
        signal.signal(signal.SIGTERM, lambda *_: self._stop.set())
        shard_ids = self._source.shard_ids()
        with ThreadPoolExecutor(len(shard_ids)) as threads:
            running = [threads.submit(self._read_shard, shard_id) for shard_id in shard_ids]
            self._stop.wait()
        for shard in running:
            shard.result()

    def _read_shard(self, shard_id: str) -> None:
        try:
            iterator = self._source.iterator(shard_id)
            while not self._stop.is_set():
                page = self._source.read(shard_id, iterator)
                next_read_s = time.perf_counter() + POLL_S
                count_read(len(page.events))
                for start in range(0, len(page.events), BATCH):
                    self._notify(page.events[start : start + BATCH])
                if page.events:
                    self._dynamodb.put_item(**self._recorder.checkpoint(shard_id, page.last_sequence))
                self._stop.wait(max(0.0, next_read_s - time.perf_counter()))
                iterator = page.next_iterator
        finally:
            # What ends one ends all: the run is told by its exit code.
            self._stop.set()

    def _notify(self, events: list[Arrived]) -> None:
        self._look_up({event.envelope["detail"]["user_id"] for event in events})
        notices: list[Notice] = []
        for event in events:
            person = self._known[event.envelope["detail"]["user_id"]]
            if person.wants("payments"):
                notices += self._mails.notices(event, person.contact)
        accepted = accepted_of(notices, self._ses.send_bulk_email(**bulk_request(notices)))
        now_s = time.time_ns() / 1e9
        self._recorder.count(accepted, now_s)
        for write in self._recorder.log_writes(accepted, now_s):
            self._dynamodb.batch_write_item(**write)

    def _look_up(self, user_ids: set[str]) -> None:
        for part in self._known.parts_to_read(user_ids):
            self._known.learn(part, self._dynamodb.batch_get_item(**self._known.request(part)))


def run(options: argparse.Namespace) -> None:
    session = Session()
    reads = Config(max_pool_connections=_CONNECTIONS, parameter_validation=False)
    sends = reads.merge(Config(retries={"total_max_attempts": 1}))
    dynamodb = session.client("dynamodb", config=reads)
    source: Source
    if options.source == "kinesis":
        source = Kinesis(session.client("kinesis", config=reads), options.name)
    else:
        stream_arn = dynamodb.describe_table(TableName=options.name)["Table"]["LatestStreamArn"]
        source = DynamodbStreams(session.client("dynamodbstreams", config=reads), stream_arn)
    Peer(source, dynamodb, session.client("sesv2", config=sends), options.prefix).run()


def main() -> None:
    options = options_of(__doc__, sources=["kinesis", "dynamodb"], providers=["ses"])
    configure_logs()
    run(options)


if __name__ == "__main__":
    main()
