# SPDX-License-Identifier: Apache-2.0
"""What became of records that were handed to a producer, in the words of an operator."""

import logging
import re
import threading
import time
from collections.abc import Callable
from typing import Final

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from connectors.errors import DeliveryFailed
from connectors.kafka.clients import LASTING_ERRORS
from connectors.kafka.repeats import Warnings
from connectors.kafka.settings import KafkaSettings

__all__ = ["Delivery", "Patience"]

_LOG: Final = logging.getLogger(__name__)
_SLICE_SECONDS: Final = 0.2
_ROOM_SECONDS: Final = 0.05
# How librdkafka words the error after which an ordered producer may not go on.
_REASON: Final = re.compile(
    r"ProduceRequest for (?P<topic>\S+) \[\d+\] with (?P<count>\d+) message\(s\) failed: "
    r"(?P<reason>.+?) \(broker "
)
_SERVE_AGAIN: Final = 3
_SERVE_SECONDS: Final = 0.05
# Of records that share the fate of another: they say nothing about the cause.
_CONSEQUENCES: Final = frozenset(
    {
        KafkaError._FATAL,  # noqa: SLF001 - public constants, named so by the library
        KafkaError._PURGE_INFLIGHT,  # noqa: SLF001
        KafkaError._PURGE_QUEUE,  # noqa: SLF001
    }
)
_TOO_LARGE: Final = frozenset({KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.RECORD_LIST_TOO_LARGE})
_CREATE: Final = "create it with `restock topics create`"
_REMEDIES: Final = {
    KafkaError.UNKNOWN_TOPIC_OR_PART: _CREATE,
    KafkaError._UNKNOWN_PARTITION: _CREATE,  # noqa: SLF001
    KafkaError._UNKNOWN_TOPIC: _CREATE,  # noqa: SLF001
    KafkaError.INVALID_RECORD: "compare its cleanup.policy with `restock topics check`",
    KafkaError.INVALID_TIMESTAMP: "raise message.timestamp.before.max.ms of the topic",
    KafkaError.POLICY_VIOLATION: "ask whoever runs the cluster what its policy forbids",
}


class Delivery:
    """Collects what a producer reports, and raises it where it can be handled.

    The cause is the first record that a broker refused; what the client says about itself, or
    about records that went down with it, only stands in where there is no such record.

    Args:
        settings: How long to wait for brokers, and which to name.
        stop: Set when the program is to end: brokers that do not answer are then not waited for
            longer than `connect_timeout`.
    """

    def __init__(self, settings: KafkaSettings, stop: threading.Event) -> None:
        """Start with nothing failed."""
        self._settings = settings
        self._stop = stop
        self._warnings = Warnings(_LOG)
        self._cause: tuple[str, int, str, int] | None = None
        self._fatal: str = ""
        self._lasting: KafkaError | None = None
        self._failures = 0
        self._trouble = ""

    @property
    def failed(self) -> bool:
        """Whether something cannot be delivered, so that waiting is in vain."""
        return bool(self._cause or self._fatal or self._lasting or self._failures)

    def serve(self, call: Callable[[float], int], seconds: float) -> int:
        """Call `poll` or `flush` of a producer; a fatal error is kept instead of raised."""
        try:
            return call(seconds)
        except (KafkaException, SystemError) as error:
            # confluent-kafka raises a fatal error from within `poll` instead of calling back, and
            # a callback that runs next to it gives a SystemError.
            self._fatal = self._fatal or _text(error)
            return 1

    def on_report(self, error: KafkaError | None, message: Message) -> None:
        """Take note of what became of a record: the callback `on_delivery`."""
        if error is not None:
            size = len(message.value() or b"") + len(message.key() or b"")
            self.fail(message.topic() or "", error, size)

    def on_error(self, error: KafkaError) -> None:
        """Take note of an error that belongs to no record: the callback `error_cb`."""
        if error.fatal() or error.code() in LASTING_ERRORS:
            self._lasting = self._lasting or error
        else:
            self._trouble = error.str()
            self._warnings.warn(f"producer: {error.code()}", f"producer: {error.str()}")

    def fail(self, topic: str, error: KafkaError, size: int) -> None:
        """Keep a record's error; of several the first cause."""
        self._failures += 1
        if self._cause is None and error.code() not in _CONSEQUENCES:
            self._cause = (topic, error.code(), error.str(), size)

    def drain(self, producer: Producer) -> None:
        """Wait until the queue of a producer is empty, or something cannot be delivered.

        Raises:
            DeliveryFailed: Nothing was acknowledged for too long.
        """
        patience = Patience(self, producer)
        # In slices, so that signals are seen, and no longer than there is hope.
        while self.serve(producer.flush, _SLICE_SECONDS) and not self.failed:
            patience.check()

    def make_room(self, producer: Producer, patience: "Patience") -> None:
        """Wait a moment for room in the queue of a producer.

        Raises:
            DeliveryFailed: Something cannot be delivered, or nothing was acknowledged for too
                long.
        """
        self.serve(producer.poll, _ROOM_SECONDS)
        self.raise_failure(producer)
        patience.check()

    def raise_failure(self, producer: Producer) -> None:
        """Raise what has been kept.

        Args:
            producer: Asked again, because the report of the record that is to blame may come a
                moment after the client has declared itself broken.

        Raises:
            DeliveryFailed: Something cannot be delivered.
        """
        if not self.failed:
            return
        for _ in range(_SERVE_AGAIN):
            if self._cause is None:
                self.serve(producer.poll, _SERVE_SECONDS)
        raise DeliveryFailed(self._explain())

    def patience_seconds(self) -> float:
        """How long to wait while brokers acknowledge nothing."""
        stopping = self._stop.is_set()
        waiting = self._settings.connect_timeout if stopping else self._settings.delivery_timeout
        return waiting.total_seconds()

    def given_up(self, left: int) -> DeliveryFailed:
        """Return the error to raise when nothing was acknowledged for too long."""
        trouble = f" ({self._trouble})" if self._trouble else ""
        return DeliveryFailed(
            f"{left} records were not acknowledged by Kafka at {self._settings.bootstrap_servers} "
            f"for {self.patience_seconds():g} s{trouble}: check that all brokers are up, or raise "
            "kafka.delivery_timeout; the next start writes them again"
        )

    def _explain(self) -> str:
        topic, code, reason, size = self._cause or self._from_client()
        where = f"topic {topic}" if topic else f"Kafka at {self._settings.bootstrap_servers}"
        how_many = "a record was" if self._failures <= 1 else f"{self._failures} records were"
        return (
            f"{where}: {how_many} not accepted ({reason}): {_remedy(code, size)}; "
            "the next start writes again what is missing"
        )

    def _from_client(self) -> tuple[str, int, str, int]:
        if self._lasting is not None and not self._fatal:
            return "", self._lasting.code(), self._lasting.str(), 0
        found = _REASON.search(self._fatal)
        if found is None:
            return "", 0, self._fatal or "unknown reason", 0
        reason = found["reason"]
        self._failures = max(self._failures, int(found["count"]))
        return found["topic"], _code_of(reason), reason, 0


class Patience:
    """How long there has been no progress."""

    def __init__(self, delivery: Delivery, producer: Producer) -> None:
        """Begin to wait."""
        self._delivery = delivery
        self._producer = producer
        self._left = len(producer)
        self._since = time.monotonic()

    def check(self) -> None:
        """Raise when nothing was acknowledged for too long.

        Raises:
            DeliveryFailed: That is so.
        """
        left, now = len(self._producer), time.monotonic()
        if left < self._left:
            self._left, self._since = left, now
        elif now - self._since > self._delivery.patience_seconds():
            raise self._delivery.given_up(left)


def _text(error: BaseException) -> str:
    cause = error.args[0] if error.args else error
    if isinstance(cause, KafkaError):
        return cause.str()
    return _text(error.__cause__) if error.__cause__ is not None else ""


def _code_of(reason: str) -> int:
    known = (*_TOO_LARGE, *LASTING_ERRORS, *_REMEDIES)
    return next((code for code in known if KafkaError(code).str() == reason), 0)


def _remedy(code: int, size: int) -> str:
    if code in _TOO_LARGE:
        need = f" (this record alone has {size} bytes)" if size else ""
        return f"raise max.message.bytes of the topic{need}"
    if code in LASTING_ERRORS:
        return "check the rights to write there, and the credentials in kafka.options"
    return _REMEDIES.get(code, "see the brokers' logs")
