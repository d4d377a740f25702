# SPDX-License-Identifier: Apache-2.0
"""What a shop sends while the program is tormented: a scenario's rounds, into the topics."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final, Literal

from confluent_kafka import (
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)

from tests.torture.scenario import Produce, Round
from tests.torture.site import Site

__all__ = ["Feed", "FeedError"]

_ROOM_SECONDS: Final = 0.05
_LOOK_SECONDS: Final = 0.03
_ANSWER_SECONDS: Final = 2.0
_DELIVERY_SECONDS: Final = 120.0


class FeedError(Exception):
    """The records of the shop did not get into the topics: the run says nothing."""


class Feed:
    """Sends rounds in the background, at a steady rate, while the block of `running` lasts.

    Args:
        site: the topics.
        rounds: what to send, without end.
        rate: records a second; rounds that must be consumed first may make it less.
    """

    def __init__(self, site: Site, rounds: Iterator[Round], rate: float) -> None:
        self._rounds = rounds
        self._rate = rate
        self._names: dict[Literal["inventory", "subscriptions"], str] = {
            "inventory": site.topics.inventory,
            "subscriptions": site.topics.subscriptions,
        }
        self._producer = Producer(
            {
                "bootstrap.servers": site.bootstrap_servers,
                "enable.idempotence": True,
                "linger.ms": 2,
                "log_level": 0,
                "message.timeout.ms": int(_DELIVERY_SECONDS * 1000),
                "partitioner": "murmur2_random",
                "reconnect.backoff.max.ms": 500,
            }
        )
        self._group = Consumer(
            {
                "bootstrap.servers": site.bootstrap_servers,
                "group.id": site.name,
                "log_level": 0,
                "reconnect.backoff.max.ms": 500,
            }
        )
        self._ends: dict[tuple[str, int], int] = {}
        self._turn = threading.Lock()
        self._asking = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="feed", daemon=True)
        self._failure: str | None = None
        self.sent = 0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Send while the block lasts.

        Raises:
            FeedError: see `check`; at the end of a block that went well.
        """
        self._thread.start()
        try:
            yield
        finally:
            self.stop()
            self._group.close()
        self.check()

    def stop(self) -> None:
        """Send no further rounds; a second call does nothing."""
        self._over.set()
        self._thread.join()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Send nothing of the rounds while the block lasts."""
        with self._turn:
            yield

    def check(self) -> None:
        """Make sure that all is well.

        Raises:
            FeedError: a record was not accepted.
        """
        if self._failure is not None:
            raise FeedError(self._failure)

    def send(self, records: Sequence[Produce]) -> None:
        """Send records, and wait until the brokers have them.

        Raises:
            FeedError: a record was not accepted.
        """
        for record in records:
            self._produce(record)
        if self._producer.flush(_DELIVERY_SECONDS + 5):
            self._failure = f"records were not accepted within {_DELIVERY_SECONDS:g} s"
        self.sent += len(records)
        self.check()

    def settled(self) -> bool:
        """Whether the program has durably consumed everything that was sent."""
        return all(self.committed().get(place, 0) >= end for place, end in self._ends.items())

    def committed(self) -> dict[tuple[str, int], int]:
        """The offsets of the program's group; empty when the brokers do not answer."""
        places = [TopicPartition(*place) for place in list(self._ends)]
        with self._asking:
            try:
                found = self._group.committed(places, timeout=_ANSWER_SECONDS)
            except KafkaException:
                return {}
        return {(place.topic, place.partition): place.offset for place in found if place.offset > 0}

    def _run(self) -> None:
        try:
            while not self._over.is_set():
                # A scenario is asked by one thread at a time, and sent in the order it was made.
                with self._turn:
                    one = next(self._rounds)
                    self.send(one.records)
                while one.settle and not self._over.is_set() and not self.settled():
                    time.sleep(_LOOK_SECONDS)
                self._over.wait(len(one.records) / self._rate)
        except FeedError:
            return  # `check` tells
        except Exception as error:  # noqa: BLE001 - the thread's end must not go unnoticed
            self._failure = f"{type(error).__name__}: {error}"

    def _produce(self, record: Produce) -> None:
        while True:
            try:
                self._producer.produce(
                    self._names[record.topic], record.value, record.key, on_delivery=self._on_report
                )
            except BufferError:
                self._producer.poll(_ROOM_SECONDS)
            else:
                return

    def _on_report(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._failure = f"{message.topic()}: a record was not accepted: {error.str()}"
            return
        place = (message.topic() or "", message.partition() or 0)
        self._ends[place] = max(self._ends.get(place, 0), (message.offset() or 0) + 1)
