# SPDX-License-Identifier: Apache-2.0
"""A shop on a broker: its topics, its records, and the program that serves it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from restock.settings import Settings, TopicSettings
from restock.topic_plan import planned_topics

PATIENCE = 40.0


class Shop:
    """Topics of its own, a configuration file for them, and processes of `restock`.

    Args:
        directory: holds the configuration and the state.
        bootstrap_servers: the broker.
        name: what the topics' names begin with.
        settings: further lines of the configuration file.
    """

    def __init__(
        self, directory: Path, bootstrap_servers: str, name: str, settings: str = ""
    ) -> None:
        self.directory = directory
        self.bootstrap_servers = bootstrap_servers
        self.topics = TopicSettings(
            **{role: f"{name}.{role}" for role in Settings().topics.by_role()}
        )
        self.group = name
        self.config = directory / "restock.toml"
        names = "\n".join(f'{role} = "{topic}"' for role, topic in self.topics.by_role().items())
        self.config.write_text(
            f'[kafka]\nbootstrap_servers = "{bootstrap_servers}"\ngroup_id = "{name}"\n'
            f'[state]\ndirectory = "{directory / "state"}"\nepoch_interval = "200ms"\n'
            f"[topics]\n{names}\n{settings}"
        )
        self._producer = Producer({"bootstrap.servers": bootstrap_servers, "log_level": 0})
        self._processes: list[subprocess.Popen[str]] = []

    def create_topics(self, create: Callable[[str, int], object], partitions: int = 2) -> None:
        """Make every topic that the program needs."""
        for spec in planned_topics(self.topics):
            create(spec.name, partitions)

    def sign_up(self, variant_id: str, people: Sequence[str], *, occurred_at: int) -> None:
        """One sign-up each, a millisecond apart."""
        for number, person in enumerate(people):
            value = {
                "type": "subscribe",
                "variant_id": variant_id,
                "profile": {"id": person},
                "occurred_at": occurred_at + number,
            }
            self._send(self.topics.subscriptions, variant_id, json.dumps(value).encode())

    def stock(self, variant_id: str, quantity: int) -> None:
        """A figure that is true now."""
        value = {"variant_id": variant_id, "quantity": quantity, "occurred_at": now()}
        self._send(self.topics.inventory, variant_id, json.dumps(value).encode())

    def send_raw(self, value: bytes | None) -> None:
        """Anything, to the inventory topic."""
        self._send(self.topics.inventory, "raw", value)

    def clear_lease(self) -> None:
        """Leave the topic of leases as one to which nothing was ever written."""
        for key in (f"{self.group} 0/1", f"{self.group} 0/1 claim"):
            self._send(self.topics.leases, key, None, partition=0)

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start ``restock run``."""
        return self.start_with(["-m", "restock"], *arguments)

    def start_with(self, program: Sequence[str], *arguments: str) -> "subprocess.Popen[str]":
        """Start ``restock run`` by a program that Python is given."""
        process = subprocess.Popen(
            [sys.executable, *program, "run", "--config", str(self.config), *arguments],
            cwd=self.directory,
            env=_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._processes.append(process)
        return process

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run ``restock`` with these arguments to its end."""
        return subprocess.run(
            [sys.executable, "-m", "restock", *arguments],
            cwd=self.directory,
            env=_environment(),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    def wait_for_notifications(self, count: int) -> list[dict[str, Any]]:
        """Read the notifications from the beginning until there are ``count`` of them."""
        return self.wait_for(self.topics.notifications, count)

    def wait_for(self, topic: str, count: int) -> list[dict[str, Any]]:
        """Read a topic from the beginning until it holds ``count`` records."""
        deadline = time.monotonic() + PATIENCE
        values: list[bytes] = []
        while len(values) < count and time.monotonic() < deadline:
            self._check_alive()
            # A broker that has just started may not lead its partitions yet.
            with suppress(KafkaException):
                values = self.read(topic)
        return [json.loads(value) for value in values]

    def read(self, topic: str) -> list[bytes]:
        """Everything that a topic holds, partition by partition."""
        consumer = Consumer(
            {
                "bootstrap.servers": self.bootstrap_servers,
                "group.id": "test",
                "enable.auto.commit": False,
                "log_level": 0,
            }
        )
        values = []
        partitions = consumer.list_topics(topic, timeout=PATIENCE).topics[topic].partitions
        for number in sorted(partitions):
            place = TopicPartition(topic, number)
            first, end = consumer.get_watermark_offsets(place, timeout=PATIENCE)
            place.offset = first
            consumer.assign([place])
            at = first
            while at < end:
                for message in consumer.consume(1000, 0.1):
                    if message.error() is None:
                        values.append(message.value() or b"")
                        at = (message.offset() or 0) + 1
        consumer.close()
        return values

    def committed(self) -> dict[str, int]:
        """Offsets of the consumer group, summed up for each input topic."""
        consumer = Consumer(
            {
                "bootstrap.servers": self.bootstrap_servers,
                "group.id": self.topics.inventory.removesuffix(".inventory"),
                "log_level": 0,
            }
        )
        sums = {}
        for topic in (self.topics.inventory, self.topics.subscriptions):
            count = len(consumer.list_topics(topic, timeout=PATIENCE).topics[topic].partitions)
            places = [TopicPartition(topic, number) for number in range(count)]
            sums[topic] = sum(
                max(0, place.offset) for place in consumer.committed(places, timeout=PATIENCE)
            )
        consumer.close()
        return sums

    def close(self) -> None:
        """Leave no process behind."""
        for process in self._processes:
            if process.poll() is None:
                process.kill()
            process.communicate(timeout=PATIENCE)

    def _check_alive(self) -> None:
        if self._processes and all(process.poll() is not None for process in self._processes):
            _, errors = self._processes[-1].communicate()
            message = f"restock run has ended: {errors}"
            raise AssertionError(message)

    def _send(self, topic: str, key: str, value: bytes | None, partition: int = -1) -> None:
        self._producer.produce(topic, value, key, partition=partition)
        self._producer.flush(PATIENCE)


def stop(process: "subprocess.Popen[str]", number: int = signal.SIGTERM) -> tuple[int, str]:
    """Signal a process; its exit code and standard error."""
    process.send_signal(number)
    _, errors = process.communicate(timeout=PATIENCE)
    return process.returncode, errors


def now() -> int:
    """Epoch milliseconds."""
    return time.time_ns() // 1_000_000


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("RESTOCK_")}
