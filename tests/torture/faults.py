# SPDX-License-Identifier: Apache-2.0
"""How brokers misbehave: a plan that follows from the seed alone, and the doing of it."""

import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Final

from typing_extensions import override

from restock.embedded_broker import ApiKey, EmbeddedBroker
from tests.torture.brokers import ContainerBroker
from tests.torture.site import Site

__all__ = ["MOCK_BROKERS", "Fault", "Faulty", "mock_faults", "plan_faults", "real_faults"]

MOCK_BROKERS: Final = 3

_RETRIABLE: Final[dict[str, int]] = {
    "LEADER_NOT_AVAILABLE": 5,
    "NOT_LEADER_OR_FOLLOWER": 6,
    "REQUEST_TIMED_OUT": 7,
    "NOT_ENOUGH_REPLICAS": 19,
    "NOT_ENOUGH_REPLICAS_AFTER_APPEND": 20,
    "KAFKA_STORAGE_ERROR": 56,
}
"""Errors of a produce request after which a producer tries again (Kafka protocol guide)."""

_REQUESTS: Final[dict[str, tuple[int, tuple[int, ...]]]] = {
    "fetch errors": (ApiKey.FETCH, (5, 6, 56)),
    "metadata errors": (ApiKey.METADATA, (5, 7)),
    "offset requests fail": (ApiKey.LIST_OFFSETS, (5, 6)),
    "offset commits fail": (ApiKey.OFFSET_COMMIT, (7, 14, 15)),
}
"""Kinds of request, with the error codes that their answers may carry."""

_KINDS: Final = (
    *(f"produce error {name}" for name in _RETRIABLE),
    *_REQUESTS,
    "leaders moved",
    "all brokers down",
    "all brokers down for long",
    "one broker of three down",
    "slow answers",
)
# A partition without any leader is not among them: librdkafka's mock cluster crashes over it.
_RESTARTED: Final = "real broker killed and started again"
_CODES_AT_ONCE: Final = 6


@dataclass(frozen=True, slots=True)
class Fault:
    """One misbehaviour.

    Attributes:
        kind: its name, as the report says it.
        seconds: how long it lasts.
        size: requests that fail, partitions that are moved, or milliseconds of delay.
        broker: number of the broker that it strikes, where it strikes one.
        kill: whether the program is killed in the middle of it.
    """

    kind: str
    seconds: float
    size: int = 0
    broker: int = 1
    kill: bool = False

    @override
    def __str__(self) -> str:
        """The words in which a failure names it."""
        return f"{self.kind} for {self.seconds:.1f} s{', with a kill' if self.kill else ''}"


Faulty = Callable[[Fault], AbstractContextManager[None]]
"""Makes the brokers misbehave while the block lasts."""


def plan_faults(chance: random.Random, count: int, *, real: bool) -> list[Fault]:
    """Draw faults: of each kind about as many, in any order.

    Args:
        chance: its state is all that the plan depends on.
        count: how many.
        real: for a real broker, which is killed and started again; else for the mock cluster.
    """
    kinds = [_RESTARTED] * count if real else [_KINDS[n % len(_KINDS)] for n in range(count)]
    chance.shuffle(kinds)
    return [_draw(chance, kind) for kind in kinds]


def _draw(chance: random.Random, kind: str) -> Fault:
    size = chance.randint(1, _CODES_AT_ONCE)
    seconds = chance.uniform(0.1, 1.0)
    if kind == "slow answers":
        size = chance.randint(100, 2000)
        seconds = chance.uniform(1.0, 2.5)
    elif kind == "all brokers down for long":
        seconds = chance.uniform(5.0, 7.0)
    broker = chance.randint(1, MOCK_BROKERS)
    return Fault(kind, seconds, size, broker, kill=chance.random() < 0.3)


def mock_faults(cluster: EmbeddedBroker, site: Site, partitions: int) -> Faulty:
    """Give what makes the mock cluster misbehave.

    Args:
        cluster: of `MOCK_BROKERS` brokers.
        site: the topics whose leaders are moved.
        partitions: of each topic.
    """
    places = [(topic, number) for topic in site.checked for number in range(partitions)]

    @contextmanager
    def faulty(fault: Fault) -> Iterator[None]:
        kind = fault.kind
        name = kind.removeprefix("produce error ")
        undo: list[Callable[[], None]] = []
        if name in _RETRIABLE:
            cluster.push_request_errors(ApiKey.PRODUCE, [_RETRIABLE[name]] * fault.size)
            undo.append(lambda: cluster.clear_request_errors(ApiKey.PRODUCE))
        elif kind in _REQUESTS:
            key, codes = _REQUESTS[kind]
            answers = [codes[n % len(codes)] for n in range(fault.size)]
            cluster.push_request_errors(key, answers)
            undo.append(lambda: cluster.clear_request_errors(key))
        elif kind == "leaders moved":
            for topic, number in places[:: fault.size]:
                cluster.set_leader(topic, number, fault.broker)
        elif kind.startswith("all brokers down"):
            cluster.set_down()
            undo.append(cluster.set_up)
        elif kind == "one broker of three down":
            cluster.set_down(fault.broker)
            undo.append(lambda: cluster.set_up(fault.broker))
        else:
            cluster.set_round_trip_time(-1, fault.size)
            undo.append(lambda: cluster.set_round_trip_time(-1, 0))
        try:
            yield
        finally:
            for step in undo:
                step()

    return faulty


def real_faults(broker: ContainerBroker) -> Faulty:
    """Give what kills a real broker and starts it again on its data."""

    @contextmanager
    def faulty(_fault: Fault) -> Iterator[None]:
        broker.kill()
        try:
            yield
        finally:
            broker.start()

    return faulty
