# SPDX-License-Identifier: Apache-2.0
"""A producer that is served by a thread of its own, for callers in an event loop."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from connectors.kafka.clients import new_producer
from connectors.kafka.repeats import Warnings
from connectors.kafka.settings import KafkaSettings

__all__ = ["OnReport", "Outgoing", "ServedProducer"]

_LOG: Final = logging.getLogger(__name__)
_POLL_SECONDS: Final = 0.1
_LETTING_GO_SECONDS: Final = 0.05
_NEW_ONE_SECONDS: Final = 1.0
"""So long nothing is sent after a producer broke: its successor may break at once as well."""
_CLOSE_SECONDS: Final = 2.0

# Each record stands for itself: it may give up by itself, those behind it go on, and all are
# reported on.
_EACH_FOR_ITSELF: Final = {
    "delivery.report.only.error": False,
    "enable.gapless.guarantee": False,
}

OnReport = Callable[[KafkaError | None, Message | None], None]
"""Called once, in the producer's thread, or within `produce`: the error, or None when a record is
acknowledged."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A record on its way."""

    topic: str
    key: bytes
    value: bytes | None
    headers: list[tuple[str, bytes]]


class ServedProducer:
    """A producer and its thread; a producer that broke for good is replaced by a new one.

    Args:
        settings: how to reach Kafka.
        config: further librdkafka properties.

    Raises:
        KafkaOptionError: librdkafka does not take them.
    """

    def __init__(self, settings: KafkaSettings, **config: Any) -> None:  # noqa: ANN401 - librdkafka's values
        self._settings = settings
        self._config = {**_EACH_FOR_ITSELF, **config}
        self._warnings = Warnings(_LOG)
        self._broken = threading.Event()
        self._stop = threading.Event()
        self._producer = self._new()
        self._thread = threading.Thread(target=self._serve, name="kafka-producer", daemon=True)
        self._thread.start()

    def produce(self, record: Outgoing, on_report: OnReport) -> bool:
        """Queue a record; its report comes later.

        Returns:
            Whether there was room; if not, nothing is reported.
        """
        if self._broken.is_set():
            on_report(KafkaError(KafkaError._FATAL), None)  # noqa: SLF001 - a public constant
            return True
        try:
            self._producer.produce(
                record.topic,
                record.value,
                record.key,
                on_delivery=on_report,
                headers=list(record.headers),
            )
        except BufferError:
            return False
        except KafkaException as error:
            on_report(error.args[0], None)
        return True

    def close(self) -> None:
        """Drop what is queued and let go of the connections; waits for the thread."""
        self._stop.set()
        self._thread.join(_CLOSE_SECONDS)

    def _new(self) -> Producer:
        return new_producer(self._settings, self._on_error, **self._config)

    def _serve(self) -> None:
        while not self._stop.is_set():
            self._call(self._producer.poll, _POLL_SECONDS)
            if self._broken.is_set():
                self._let_go(self._producer)
                self._stop.wait(_NEW_ONE_SECONDS)
                self._producer = self._new()
                self._broken.clear()
        self._let_go(self._producer)

    def _call(self, call: Callable[[float], int], seconds: float) -> None:
        try:
            call(seconds)
        except (KafkaException, SystemError) as error:
            # A fatal error is raised from within `poll`, and no record is accepted after it.
            self._warnings.warn("producer broken", f"producer: {error}; a new one is made")
            self._broken.set()

    def _let_go(self, producer: Producer) -> None:
        """Report every record that is still queued as purged, and disconnect."""
        producer.purge()
        self._call(producer.flush, _LETTING_GO_SECONDS)

    def _on_error(self, error: KafkaError) -> None:
        if error.fatal():
            self._broken.set()
        else:
            self._warnings.warn(f"producer: {error.code()}", f"producer: {error.str()}")
