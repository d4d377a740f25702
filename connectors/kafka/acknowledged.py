# SPDX-License-Identifier: Apache-2.0
"""Writes single records for callers in an event loop, each of whom waits until Kafka has theirs."""

import asyncio
import math
from collections import deque
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Final

from confluent_kafka import KafkaError, Message

from connectors.errors import NotAcknowledged
from connectors.kafka.served import Outgoing, ServedProducer
from connectors.kafka.settings import KafkaSettings

__all__ = ["AcknowledgingProducer"]

_LINGER_MILLISECONDS: Final = 1
_GRACE: Final = timedelta(seconds=2)
"""librdkafka reports a record that timed out up to a second later."""

_TROUBLE_SECONDS: Final = 10.0
"""For so long one record speaks for those that nobody has tried to write since."""

_OF_THE_RECORD: Final = (KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_RECORD)
"""Errors that say nothing of other records."""


class AcknowledgingProducer:
    """A producer whose `send` returns when all in-sync replicas have the record.

    Made and used within one event loop. Records of several callers travel together; each stands for
    itself, so they have no order among them but that of the brokers.

    Args:
        settings: how to reach Kafka.
        timeout: how long brokers may take for a record.
        most_waiting: so many records may wait for their acknowledgement at once; whoever comes on
            top is refused at once, so that an outage does not fill the memory.

    Attributes:
        waiting: records that wait for their acknowledgement.
        acknowledged: records that got it.

    Raises:
        KafkaOptionError: librdkafka does not take the settings.
    """

    def __init__(self, settings: KafkaSettings, timeout: timedelta, most_waiting: int) -> None:
        self._timeout = timeout
        self._most_waiting = most_waiting
        self._loop = asyncio.get_running_loop()
        self._reports: deque[tuple[asyncio.Future[None], KafkaError | None]] = deque()
        self._woken = False
        self._idle = asyncio.Event()
        self._idle.set()
        self.waiting = 0
        self.acknowledged = 0
        self._trouble = ""
        self._trouble_until = -math.inf
        self._producer = ServedProducer(
            settings,
            **{
                "linger.ms": _LINGER_MILLISECONDS,
                "message.timeout.ms": timeout // timedelta(milliseconds=1),
                "queue.buffering.max.messages": most_waiting,
            },
        )

    async def send(
        self,
        topic: str,
        key: bytes,
        value: bytes | None,
        headers: tuple[tuple[str, bytes], ...] = (),
    ) -> None:
        """Write a record, or a tombstone, and return when it is acknowledged.

        A caller who is cancelled leaves the record to its fate: it may be written all the same.

        Raises:
            NotAcknowledged: it was not, in time or at all.
        """
        if self.waiting >= self._most_waiting:
            raise NotAcknowledged(f"{self.waiting} records wait for Kafka already")
        report: asyncio.Future[None] = self._loop.create_future()
        self.waiting += 1
        self._idle.clear()
        record = Outgoing(topic, key, value, list(headers))
        if not self._producer.produce(record, partial(self._on_report, report)):
            self._settle(report, KafkaError(KafkaError._QUEUE_FULL))  # noqa: SLF001 - public
        await report

    @property
    def trouble(self) -> str | None:
        """Why the last record was not acknowledged; None: it was, or that was long ago."""
        return self._trouble if self._loop.time() < self._trouble_until else None

    async def close(self) -> None:
        """Wait for the reports of what is on its way, as long as they may take, and let go."""
        patience = (self._timeout + _GRACE).total_seconds() if self.trouble is None else 0
        with suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), patience)
        await asyncio.to_thread(self._producer.close)
        self._deal()

    def _on_report(
        self, report: asyncio.Future[None], error: KafkaError | None, _record: Message | None
    ) -> None:
        """In the producer's thread, or in the loop's from within `produce`."""
        self._reports.append((report, error))
        # One call into the loop for all reports of a poll. A report that is appended after the
        # deque was found empty sees the flag lowered, and wakes the loop again.
        if not self._woken:
            self._woken = True
            self._loop.call_soon_threadsafe(self._deal)

    def _deal(self) -> None:
        self._woken = False
        while self._reports:
            self._settle(*self._reports.popleft())

    def _settle(self, report: asyncio.Future[None], error: KafkaError | None) -> None:
        self.waiting -= 1
        if not self.waiting:
            self._idle.set()
        if error is None:
            self.acknowledged += 1
            self._trouble_until = -math.inf
        elif error.code() not in _OF_THE_RECORD:
            self._trouble = f"Kafka has not acknowledged the last record: {error.str()}"
            self._trouble_until = self._loop.time() + _TROUBLE_SECONDS
        if report.done():  # its caller was cancelled
            return
        if error is None:
            report.set_result(None)
        else:
            report.set_exception(NotAcknowledged(f"Kafka has not acknowledged it: {error.str()}"))
