# SPDX-License-Identifier: Apache-2.0
"""One real Kafka broker for a whole test run.

It is the broker named by ``RESTOCK_TEST_BOOTSTRAP_SERVERS``, else a container of the image named
by ``RESTOCK_TEST_KAFKA_IMAGE`` (the official one by default). All processes of a run share the
container: the first that needs it starts it, and the process that leads the run removes it.

Public names:
    * `RealBroker`: where the broker is, or why there is none.
    * `find_or_start`: the broker of this run.
    * `stop`: removes what `find_or_start` started.
"""

import fcntl
import gc
import os
import socket
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from string import Template
from urllib.parse import urlsplit

import docker
import docker.errors
import msgspec
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer

__all__ = ["DEFAULT_IMAGE", "RealBroker", "find_or_start", "stop"]

DEFAULT_IMAGE = "apache/kafka:4.3.1"
ATTEMPTS = 2
START_SECONDS = 60
CONTAINER_PORT = 9092

# The jars are in /opt/kafka/libs in the official image and in the stand-in of deploy/kafka. A run
# that is killed cannot remove its container: `timeout` ends such an orphan.
COMMAND = Template(
    """\
cat > /tmp/server.properties <<'PROPERTIES'
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:9093
listeners=PLAINTEXT://:$port,CONTROLLER://127.0.0.1:9093
advertised.listeners=PLAINTEXT://$advertised,CONTROLLER://127.0.0.1:9093
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs=/tmp/kafka-data
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
PROPERTIES
java -cp '/opt/kafka/libs/*' kafka.tools.StorageTool format --standalone --ignore-formatted \
    -t restock-test-cluster-0 -c /tmp/server.properties &&
exec timeout 3600 java -Xmx512m -cp '/opt/kafka/libs/*' kafka.Kafka /tmp/server.properties
"""
)


@dataclass(frozen=True, slots=True)
class RealBroker:
    """The real broker of a test run, or why there is none.

    Attributes:
        bootstrap_servers: its address, or "" when there is none.
        reason: one line that says why there is none, or "".
        container_id: the container that `stop` removes, or "" for a broker that is not ours.
    """

    bootstrap_servers: str = ""
    reason: str = ""
    container_id: str = ""


def find_or_start(directory: Path) -> RealBroker:
    """The broker of this test run; started when this is the first process that asks.

    Args:
        directory: a directory shared by all processes of the run and by no other run.
    """
    named = os.environ.get("RESTOCK_TEST_BOOTSTRAP_SERVERS")
    if named:
        return RealBroker(bootstrap_servers=named)
    with (directory / "real-broker.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        record = directory / "real-broker.json"
        if record.exists():
            return msgspec.json.decode(record.read_bytes(), type=RealBroker)
        broker = _start()
        record.write_bytes(msgspec.json.encode(broker))
        return broker


def stop(directory: Path) -> None:
    """Removes the container that `find_or_start` started with this directory, if it did."""
    record = directory / "real-broker.json"
    if not record.exists():
        return
    broker = msgspec.json.decode(record.read_bytes(), type=RealBroker)
    record.unlink()
    if broker.container_id:
        client = docker.from_env()
        try:
            client.containers.get(broker.container_id).remove(force=True, v=True)
        except docker.errors.NotFound:
            pass  # it ended by itself
        finally:
            client.close()


def _start() -> RealBroker:
    """Starts a container and waits until it serves; another if one does not come up."""
    image = os.environ.get("RESTOCK_TEST_KAFKA_IMAGE", DEFAULT_IMAGE)
    reason = _why_no_image(image)
    if reason:
        return RealBroker(reason=reason)
    # Ryuk would remove the container with the process that started it, while others still use it.
    testcontainers_config.ryuk_disabled = True
    for _ in range(ATTEMPTS):
        # The port is part of what the broker advertises, so it is chosen before the start, and
        # somebody else may take it meanwhile.
        port = _free_port()
        address = f"{_engine_host()}:{port}"
        script = COMMAND.substitute(port=CONTAINER_PORT, advertised=address)
        container = DockerContainer(image).with_bind_ports(CONTAINER_PORT, port)
        container.with_command(["bash", "-c", script])
        try:
            container.start()
            reason = _wait_until_serving(container, address)
        except docker.errors.APIError as error:
            reason = f"no real broker: {_one_line(error.explanation)}"
        if not reason:
            return RealBroker(address, container_id=container.get_container_id())
        container.stop()
    return RealBroker(reason=reason)


def _client() -> docker.DockerClient | None:
    """A client of the Docker engine; None: none answers."""
    with warnings.catch_warnings():
        # The library forgets a socket then, and the warning would hit some test that runs later.
        warnings.simplefilter("ignore", ResourceWarning)
        try:
            return docker.from_env()
        except docker.errors.DockerException:
            pass
        gc.collect()
    return None


def _why_no_image(image: str) -> str:
    """Makes sure that the image is there; else one line that says why it is not."""
    client = _client()
    if client is None:
        return "no real broker: no Docker engine answers, RESTOCK_TEST_BOOTSTRAP_SERVERS is not set"
    try:
        try:
            client.images.get(image)
        except docker.errors.ImageNotFound:
            client.images.pull(image)
    except docker.errors.APIError as error:
        why = _one_line(error.explanation).rpartition(": ")[2]
        return f"no real broker: image {image} cannot be pulled: {why}"
    finally:
        client.close()
    return ""


def _wait_until_serving(container: DockerContainer, address: str) -> str:
    """Waits until the broker answers; else one line that says how it failed."""
    admin = AdminClient({"bootstrap.servers": address, "log_level": 0})
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            admin.list_topics(timeout=0.5)
        except KafkaException:
            wrapped = container.get_wrapped_container()
            wrapped.reload()
            if wrapped.status == "exited":
                return f"no real broker: its container ended: {_one_line(wrapped.logs(tail=3))}"
        else:
            return ""
    return f"no real broker: {address} did not answer within {START_SECONDS} s"


def _engine_host() -> str:
    """The host that the engine publishes ports on."""
    remote = urlsplit(os.environ.get("DOCKER_HOST", ""))
    return remote.hostname if remote.scheme in {"tcp", "ssh"} and remote.hostname else "localhost"


def _free_port() -> int:
    with socket.create_server(("", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def _one_line(problem: object) -> str:
    text = problem.decode(errors="replace") if isinstance(problem, bytes) else str(problem)
    return " ".join(text.split())[:300]
