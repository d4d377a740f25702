# SPDX-License-Identifier: Apache-2.0
"""A real Kafka broker for the benchmarks, on loopback, without Docker.

Its jars are those of ``deploy/kafka/pom.xml``, resolved by Maven with the machine's own settings.
``RESTOCK_BENCH_BOOTSTRAP_SERVERS`` names a broker to use instead; where its clock is not this
machine's, latencies by broker time mean nothing.
"""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from benchmarks.errors import BenchmarkError
from benchmarks.processes import ProcessTree, running

__all__ = ["VARIABLE", "broker"]

VARIABLE = "RESTOCK_BENCH_BOOTSTRAP_SERVERS"

_POM = Path(__file__).parents[1] / "deploy" / "kafka" / "pom.xml"
_CLASSPATH_GOAL = "org.apache.maven.plugins:maven-dependency-plugin:3.7.1:build-classpath"
_HEAP = "1g"
_START_SECONDS = 60
_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={data}
log.segment.delete.delay.ms=1000
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
"""


@contextmanager
def broker(directory: Path) -> Iterator[str]:
    """Give the address of a broker while the block lasts; start and stop one if need be.

    Args:
        directory: where its data goes; the caller removes it.

    Raises:
        BenchmarkError: Java or Maven is missing, or the broker does not come up.
    """
    named = os.environ.get(VARIABLE)
    if named:
        yield named
        return
    for tool in ("java", "mvn"):
        if shutil.which(tool) is None:
            raise BenchmarkError(
                f"{tool} is missing: install a JRE 17 and Maven, or name a broker in {VARIABLE}"
            )
    classpath = _classpath(directory)
    port, controller = _free_ports()
    properties = directory / "server.properties"
    properties.write_text(
        _PROPERTIES.format(port=port, controller=controller, data=directory / "kafka-data")
    )
    where = ["--cluster-id", "restock-benchmark-0000", "--config", str(properties)]
    _run(["java", "-cp", classpath, "kafka.tools.StorageTool", "format", "--standalone", *where])
    command = ["java", f"-Xms{_HEAP}", f"-Xmx{_HEAP}", "-cp", classpath]
    log = directory / "broker.log"
    with running([*command, "kafka.Kafka", str(properties)], log) as process:
        address = f"127.0.0.1:{port}"
        _wait_until_serving(process, address)
        yield address


def _classpath(directory: Path) -> str:
    target = directory / "classpath"
    goal = (_CLASSPATH_GOAL, f"-Dmdep.outputFile={target}")
    _run(["mvn", "--quiet", "--batch-mode", "--file", str(_POM), *goal])
    return target.read_text().strip()


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        lines = (done.stderr + done.stdout).strip().splitlines()
        raise BenchmarkError(f"{command[0]} failed: {' '.join(lines[-3:])}")


def _wait_until_serving(process: ProcessTree, address: str) -> None:
    admin = AdminClient({"bootstrap.servers": address, "log_level": 0})
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        process.check_alive()
        try:
            admin.list_topics(timeout=0.5)
        except KafkaException:
            continue
        return
    raise BenchmarkError(f"the broker did not answer within {_START_SECONDS} s")


def _free_ports() -> tuple[int, int]:
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as two,
    ):
        return one.getsockname()[1], two.getsockname()[1]
