# SPDX-License-Identifier: Apache-2.0
"""The brokers that a torture run uses: the mock cluster, a real one, one that can be killed."""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal, Protocol

import docker
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from connectors.errors import BrokerUnreachable
from connectors.kafka.admin import NewTopicSpec, create_topics
from connectors.kafka.clients import new_admin
from connectors.kafka.offsets import LATEST, list_offsets
from connectors.kafka.settings import KafkaSettings
from restock.embedded_broker import EmbeddedBroker
from tests.support import real_broker

if TYPE_CHECKING:
    from docker.models.containers import Container

__all__ = [
    "Broker",
    "BrokerKind",
    "ContainerBroker",
    "MockCluster",
    "NamedBroker",
    "NoBrokerError",
    "open_broker",
]

BrokerKind = Literal["mock", "real"]


class NoBrokerError(Exception):
    """There is no real broker to be had."""


_NAMED = "RESTOCK_TEST_BOOTSTRAP_SERVERS"
_SERVING_SECONDS = 60.0
_ASK_SECONDS = 0.5


class Broker(Protocol):
    """What a run needs of a broker."""

    @property
    def bootstrap_servers(self) -> str:
        """Its address."""

    def create_topics(self, specs: Sequence[NewTopicSpec], partitions: int) -> None:
        """Make topics; they serve when this returns."""


class MockCluster:
    """librdkafka's mock cluster, in this process.

    Args:
        embedded: the cluster, with its faults.
    """

    def __init__(self, embedded: EmbeddedBroker) -> None:
        self.embedded = embedded
        self.bootstrap_servers = embedded.bootstrap_servers

    def create_topics(self, specs: Sequence[NewTopicSpec], partitions: int) -> None:
        """Make topics."""
        for spec in specs:
            self.embedded.create_topic(spec.name, partitions)


class NamedBroker:
    """A real broker that somebody else looks after.

    Args:
        bootstrap_servers: its address.
    """

    def __init__(self, bootstrap_servers: str) -> None:
        self.bootstrap_servers = bootstrap_servers

    def create_topics(self, specs: Sequence[NewTopicSpec], partitions: int) -> None:
        """Make topics, and wait until each partition serves.

        Raises:
            ConnectorError: the broker refused.
            TimeoutError: some partition did not get that far.
        """
        settings = KafkaSettings(bootstrap_servers=self.bootstrap_servers, options={"log_level": 0})
        admin = new_admin(settings)
        create_topics(settings, specs, partitions, 1, admin)
        places = [(spec.name, number) for spec in specs for number in range(partitions)]
        deadline = time.monotonic() + _SERVING_SECONDS
        while True:
            try:
                # A leader is named a little before it knows of its part.
                list_offsets(admin, settings, places, LATEST)
            except BrokerUnreachable as error:
                if time.monotonic() > deadline:
                    raise TimeoutError(str(error)) from error
                time.sleep(_ASK_SECONDS / 10)
            else:
                return


class ContainerBroker(NamedBroker):
    """A real broker in a container of our own: it keeps its port and its data when it is killed.

    Args:
        container: started, or about to start.
        bootstrap_servers: its address.
    """

    def __init__(self, container: "Container", bootstrap_servers: str) -> None:
        super().__init__(bootstrap_servers)
        self._container = container

    def kill(self) -> None:
        """End the broker with SIGKILL."""
        self._container.kill()
        self._container.wait()

    def start(self) -> None:
        """Start it again on its data; it serves when this returns.

        Raises:
            TimeoutError: it does not come up.
        """
        self._container.start()
        self.wait_until_serving()

    def wait_until_serving(self) -> None:
        """Wait until it answers.

        Raises:
            TimeoutError: it does not come up.
        """
        admin = AdminClient({"bootstrap.servers": self.bootstrap_servers, "log_level": 0})
        deadline = time.monotonic() + _SERVING_SECONDS
        while time.monotonic() < deadline:
            try:
                admin.list_topics(timeout=_ASK_SECONDS)
            except KafkaException:
                continue
            return
        said = self._container.logs(tail=3).decode(errors="replace")
        message = f"{self.bootstrap_servers} did not answer: {' '.join(said.split())}"
        raise TimeoutError(message)

    def remove(self) -> None:
        """Remove it and its data."""
        self._container.remove(force=True, v=True)


@contextmanager
def open_broker(kind: BrokerKind, *, mock_brokers: int = 1, own: bool = False) -> Iterator[Broker]:
    """Give a broker while the block lasts.

    Args:
        kind: the mock cluster, or a real broker: the one that RESTOCK_TEST_BOOTSTRAP_SERVERS
            names, else a container of the image that RESTOCK_TEST_KAFKA_IMAGE names.
        mock_brokers: brokers of the mock cluster.
        own: whether the real one must be a container, to be killed.

    Raises:
        NoBrokerError: there is no real broker to be had; the message says why.
        TimeoutError: it does not come up.
    """
    if kind == "mock":
        with EmbeddedBroker(mock_brokers) as embedded:
            yield MockCluster(embedded)
        return
    named = os.environ.get(_NAMED)
    if named and not own:
        yield NamedBroker(named)
        return
    image = os.environ.get("RESTOCK_TEST_KAFKA_IMAGE", real_broker.DEFAULT_IMAGE)
    reason = real_broker._why_no_image(image)
    if reason:
        raise NoBrokerError(reason)
    container = _start(image)
    try:
        container.wait_until_serving()
        yield container
    finally:
        container.remove()


def _start(image: str) -> ContainerBroker:
    port = real_broker._free_port()
    address = f"{real_broker._engine_host()}:{port}"
    script = real_broker.COMMAND.substitute(port=real_broker.CONTAINER_PORT, advertised=address)
    # Started again, the container runs the same command on data that are formatted already.
    script = script.replace("format --standalone", "format --standalone --ignore-formatted")
    client = docker.from_env()
    container = client.containers.run(
        image,
        ["bash", "-c", script],
        detach=True,
        ports={f"{real_broker.CONTAINER_PORT}/tcp": port},
    )
    return ContainerBroker(container, address)
