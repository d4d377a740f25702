# SPDX-License-Identifier: Apache-2.0
"""Says how an ingestion is that goes on until it is told to stop: its health and its metrics."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog

from connectors.errors import BrokerUnreachable
from connectors.inbound.reconcile import Counts
from connectors.kafka.admin import read_cluster
from connectors.kafka.clients import new_admin
from connectors.kafka.settings import KafkaSettings
from restock.ingesting_taking import Tally
from restock.settings import Settings

if TYPE_CHECKING:
    from restock.health import Check

__all__ = ["Ingestion", "IngestionHealth", "asked_again", "observed"]

_PAUSE_SECONDS = 2.0


@dataclass(slots=True)
class Ingestion:
    """An ingestion that is under way; read by the threads that tell of it.

    Attributes:
        name: of the source.
        tally: what has become of messages.
        stop: is set when it is to end.
        running: whether messages are taken.
        snapshot: how the last feed compares with the stream; None: there was none.
        feed_trouble: why the last feed was not applied; None: it was.
        kafka_trouble: why Kafka did not answer when it was last asked; None: it did.
    """

    name: str
    tally: Tally
    stop: threading.Event = field(default_factory=threading.Event)
    running: bool = False
    snapshot: Counts | None = None
    feed_trouble: str | None = None
    kafka_trouble: str | None = None


class IngestionHealth:
    """Judges an ingestion.

    Args:
        ingestion: that is under way.
    """

    def __init__(self, ingestion: Ingestion) -> None:
        self._ingestion = ingestion

    def alive(self) -> str | None:
        """None: whatever is waited for has a time limit, at which the process ends by itself."""
        return None

    def checks(self) -> "list[Check]":
        """Each thing that readiness needs, with what is wrong with it."""
        from restock.health import Check  # noqa: PLC0415 - only where it is served

        one = self._ingestion
        phase = None if one.running else "starting"
        return [
            Check("source", "ending" if one.stop.is_set() else phase),
            Check("kafka", one.kafka_trouble),
            Check("feed", one.feed_trouble),
        ]


def asked_again(settings: KafkaSettings, note: Callable[[str | None], None]) -> Callable[[], None]:
    """Make what asks Kafka whether it is there, and notes why it is not.

    Raises:
        KafkaOptionError: librdkafka does not take the settings.
    """
    admin = new_admin(settings)

    def ask() -> None:
        try:
            read_cluster(admin, settings)
        except BrokerUnreachable as error:
            note(str(error))
        else:
            note(None)

    return ask


@contextmanager
def observed(settings: Settings, ingestion: Ingestion) -> Iterator[None]:
    """Serve health and metrics while the context lasts, where there is a port for it.

    Raises:
        StartupError: the health port cannot be had.
    """
    if not settings.health.port:
        yield
        return
    # What only a served port needs is not imported otherwise.
    from restock.health_server import HealthServer  # noqa: PLC0415
    from restock.ingesting_metrics import registry  # noqa: PLC0415

    def note(trouble: str | None) -> None:
        ingestion.kafka_trouble = trouble

    where = settings.health
    health = IngestionHealth(ingestion)
    with ExitStack() as stack:
        server = HealthServer(where.address, where.port, health, registry(ingestion, health.checks))
        stack.enter_context(server)
        stack.enter_context(_repeated(asked_again(settings.kafka, note)))
        structlog.get_logger().info("health", address=where.address, port=server.port)
        yield


@contextmanager
def _repeated(ask: Callable[[], None]) -> Iterator[None]:
    over = threading.Event()

    def run() -> None:
        while not over.wait(_PAUSE_SECONDS):
            ask()

    threading.Thread(target=run, name="kafka-probe", daemon=True).start()
    try:
        yield
    finally:
        over.set()
