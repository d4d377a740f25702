# SPDX-License-Identifier: Apache-2.0
"""The floor: the plainest loop that does the job, as fast as Python and librdkafka allow.

Consume, decode, look up in a dict, produce. It knows one rule (stock that comes back from none
tells everybody waiting), remembers nothing across a restart, checks nothing and writes no status.
Offsets are committed once a second, after a flush. Started as
``python -m benchmarks.bare CONFIGURATION``; SIGTERM ends it.
"""

import gc
import signal
import sys
import time
from pathlib import Path
from types import FrameType

import msgspec
from confluent_kafka import Consumer, Message, Producer, TopicPartition

__all__ = ["BareSettings", "main"]

_BATCH = 5_000
_FIRST_SECONDS = 0.005
_COMMIT_SECONDS = 1.0


class BareSettings(msgspec.Struct):
    """What the loop is told.

    Attributes:
        bootstrap_servers: the broker.
        group: consumer group to commit offsets to.
        inventory: input topic.
        subscriptions: input topic.
        notifications: output topic.
        partitions: of each input topic.
        linger_ms: how long the producer waits for more.
    """

    bootstrap_servers: str
    group: str
    inventory: str
    subscriptions: str
    notifications: str
    partitions: int
    linger_ms: float


class _Stock(msgspec.Struct, gc=False):
    variant_id: str
    quantity: int
    occurred_at: str


class _Profile(msgspec.Struct, gc=False):
    id: str
    email: str


class _SignUp(msgspec.Struct, gc=False):
    variant_id: str
    profile: _Profile
    occurred_at: str


_read_stock = msgspec.json.Decoder(_Stock).decode
_read_sign_up = msgspec.json.Decoder(_SignUp).decode


class _Loop:
    def __init__(self, settings: BareSettings) -> None:
        self._settings = settings
        self._stopped = False
        self._stock: dict[str, int] = {}
        self._waiting: dict[str, dict[str, _SignUp]] = {}
        self._failed = ""
        self._producer = Producer(
            {
                "bootstrap.servers": settings.bootstrap_servers,
                "enable.idempotence": True,
                "linger.ms": settings.linger_ms,
                "delivery.report.only.error": True,
            }
        )
        self._producer.list_topics(timeout=15)
        self._consumer = Consumer(
            {
                "bootstrap.servers": settings.bootstrap_servers,
                "group.id": settings.group,
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
                "fetch.queue.backoff.ms": 5,
                "fetch.wait.max.ms": 50,
            }
        )

    def stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stopped = True

    def run(self) -> None:
        settings, consumer = self._settings, self._consumer
        consumer.assign(
            [
                TopicPartition(topic, partition, 0)
                for topic in (settings.inventory, settings.subscriptions)
                for partition in range(settings.partitions)
            ]
        )
        commit_at = time.monotonic() + _COMMIT_SECONDS
        dirty = False
        while not self._stopped:
            messages = consumer.consume(1, _FIRST_SECONDS)
            if messages:
                messages += consumer.consume(_BATCH, 0)
                self._apply([each for each in messages if each.error() is None])
                dirty = True
            self._producer.poll(0)
            if dirty and time.monotonic() >= commit_at:
                self._flush()
                consumer.commit(asynchronous=True)
                commit_at = time.monotonic() + _COMMIT_SECONDS
                dirty = False
        self._flush()
        consumer.close()

    def _apply(self, messages: list[Message]) -> None:
        inventory = self._settings.inventory
        stock, waiting = self._stock, self._waiting
        for message in messages:
            value = message.value()
            if message.topic() == inventory:
                event = _read_stock(value)  # type: ignore[arg-type]  # no tombstones in this job
                variant_id = event.variant_id
                before = stock.get(variant_id, 0)
                stock[variant_id] = event.quantity
                if before <= 0 < event.quantity:
                    people = waiting.pop(variant_id, None)
                    if people:
                        self._tell(event, people)
            else:
                sign_up = _read_sign_up(value)  # type: ignore[arg-type]  # as above
                people = waiting.setdefault(sign_up.variant_id, {})
                people.setdefault(sign_up.profile.id, sign_up)

    def _tell(self, event: _Stock, people: dict[str, _SignUp]) -> None:
        topic, produce, report = self._settings.notifications, self._producer.produce, self._report
        variant_id, quantity = event.variant_id, event.quantity
        for position, sign_up in enumerate(people.values(), 1):
            profile = sign_up.profile
            key = f"id:{profile.id}"
            value = (
                f'{{"id":"{variant_id}/{key}/{sign_up.occurred_at}","variant_id":"{variant_id}",'
                f'"profile":{{"id":"{profile.id}","email":"{profile.email}"}},'
                f'"cycle_opened_at":"{event.occurred_at}","position":{position},'
                f'"quantity":{quantity},"subscribed_at":"{sign_up.occurred_at}"}}'
            )
            while True:
                try:
                    produce(topic, value, key, on_delivery=report)
                except BufferError:
                    self._producer.poll(0.05)
                else:
                    break

    def _report(self, error: object, _message: Message) -> None:
        self._failed = str(error)

    def _flush(self) -> None:
        left = self._producer.flush(60)
        if left or self._failed:
            sys.exit(f"not delivered: {left} records left, {self._failed}")


def main() -> None:
    """Run until SIGTERM."""
    settings = msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=BareSettings)
    gc.disable()
    loop = _Loop(settings)
    signal.signal(signal.SIGTERM, loop.stop)
    loop.run()


if __name__ == "__main__":
    main()
