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

from connectors.kafka.clients import LASTING_ERRORS
from connectors.kafka.records import Partition
from connectors.kafka.repeats import Warnings

__all__ = ["GroupProgress"]

_LOG: Final = logging.getLogger(__name__)
_RETRY_SECONDS: Final = 0.1


class GroupProgress:
    """Commits offsets in the background, those that have changed since the last commit."""

    def __init__(self) -> None:
        """Start with nothing committed."""
        self._committed: dict[Partition, int] = {}
        self._in_flight = 0
        self._failed = False
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

    def settle(
        self, serve: Callable[[], object], again: Callable[[], object], seconds: float
    ) -> None:
        """Wait until the brokers have confirmed every commit, and repeat one that failed.

        Args:
            serve: Lets the consumer call back, for a moment.
            again: Commits what is to be confirmed, as far as it is not committed.
            seconds: How long to wait at most.
        """
        deadline = time.monotonic() + seconds
        while (self._in_flight or self._failed) and time.monotonic() < deadline:
            if self._failed and not self._in_flight:
                time.sleep(_RETRY_SECONDS)
                again()
            serve()
        if self._in_flight or self._failed:
            _LOG.warning("the last group offsets were not confirmed: lag tools will lag behind")

    def on_commit(self, error: KafkaError | None, places: list[TopicPartition]) -> None:
        """Take note of an answer: the consumer's callback `on_commit`."""
        self._in_flight -= 1
        failed = error or next((place.error for place in places if place.error), None)
        self._failed = failed is not None and failed.code() not in LASTING_ERRORS
        if failed:
            self._committed.clear()
            self._warnings.warn(
                "commit", f"group offsets were not committed, lag tools lag behind: {failed.str()}"
            )
        else:
            self._warnings.passed("commit", "group offsets are committed again")
