# SPDX-License-Identifier: Apache-2.0
"""Shows progress to the rest of the world: offsets of a consumer group.

Nothing of ours reads them. They exist so that every Kafka tool shows how far the program is; a
commit that fails is logged and made up for by the next.
"""

import logging
import time
from collections.abc import Callable, Mapping
from typing import Final

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from connectors.kafka.records import Partition
from connectors.kafka.repeats import Warnings

__all__ = ["GroupProgress"]

_LOG: Final = logging.getLogger(__name__)


class GroupProgress:
    """Commits offsets in the background, those that have changed since the last commit."""

    def __init__(self) -> None:
        """Start with nothing committed."""
        self._committed: dict[Partition, int] = {}
        self._in_flight = 0
        self._warnings = Warnings(_LOG)

    def commit(self, consumer: Consumer, offsets: Mapping[Partition, int]) -> None:
        """Start committing offsets of partitions that the consumer is assigned to."""
        changed = {
            place: offset
            for place, offset in offsets.items()
            if self._committed.get(place) != offset
        }
        if not changed:
            return
        self._committed.update(changed)
        self._in_flight += 1
        try:
            consumer.commit(
                offsets=[TopicPartition(*place, offset) for place, offset in changed.items()],
                asynchronous=True,
            )
        except KafkaException as error:
            self.on_commit(error.args[0], [])

    def wait(self, serve: Callable[[], object], seconds: float) -> None:
        """Wait until the brokers have answered every commit.

        Args:
            serve: Lets the consumer call back, for a moment.
            seconds: How long to wait at most.
        """
        deadline = time.monotonic() + seconds
        while self._in_flight and time.monotonic() < deadline:
            serve()
        if self._in_flight:
            _LOG.warning("the last group offsets were not confirmed: lag tools will lag behind")

    def on_commit(self, error: KafkaError | None, places: list[TopicPartition]) -> None:
        """Take note of an answer: the consumer's callback `on_commit`."""
        self._in_flight -= 1
        failed = error or next((place.error for place in places if place.error), None)
        if failed:
            self._committed.clear()
            self._warnings.warn(
                "commit", f"group offsets were not committed, lag tools lag behind: {failed.str()}"
            )
        else:
            self._warnings.passed("commit", "group offsets are committed again")
