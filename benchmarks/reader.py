# SPDX-License-Identifier: Apache-2.0
"""Reads a topic as it fills and remembers when each record came: a process of its own.

Started as ``python -m benchmarks.reader CONFIGURATION``; SIGTERM makes it write what it has seen
and end.
"""

import gc
import signal
import sys
import time
from pathlib import Path

import msgspec
from confluent_kafka import Consumer, Message, TopicPartition

__all__ = ["ReaderSettings", "Seen", "main"]


class ReaderSettings(msgspec.Struct):
    """What the reader is told.

    Attributes:
        bootstrap_servers: the broker.
        topic: what to read, from the beginning.
        partitions: how many it has.
        result: the file to write, msgpack of a list of `Seen`.
    """

    bootstrap_servers: str
    topic: str
    partitions: int
    result: str


class Seen(msgspec.Struct, gc=False, array_like=True):
    """A record and its times, in epoch milliseconds.

    Attributes:
        received_at: when the reader had it.
        appended_at: when the broker wrote it.
        key: its key.
        value: its value.
    """

    received_at: float
    appended_at: int
    key: bytes
    value: bytes


def main() -> None:
    """Read until SIGTERM."""
    settings = msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=ReaderSettings)
    gc.disable()
    stopped = False

    def stop(*_: object) -> None:
        nonlocal stopped
        stopped = True

    signal.signal(signal.SIGTERM, stop)
    consumer = Consumer(
        {
            "bootstrap.servers": settings.bootstrap_servers,
            "group.id": "not-used",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "fetch.queue.backoff.ms": 5,
        }
    )
    topic = settings.topic
    consumer.assign([TopicPartition(topic, p, 0) for p in range(settings.partitions)])
    seen: list[tuple[float, list[Message]]] = []
    while not stopped:
        messages = consumer.consume(1, 0.1)
        if messages:
            messages += consumer.consume(1_000, 0)
            seen.append((time.time() * 1000, messages))
    consumer.close()
    records = [
        Seen(received_at, each.timestamp()[1], each.key() or b"", each.value() or b"")
        for received_at, messages in seen
        for each in messages
        if each.error() is None
    ]
    Path(settings.result).write_bytes(msgspec.msgpack.encode(records))


if __name__ == "__main__":
    main()
