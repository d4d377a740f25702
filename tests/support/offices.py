# SPDX-License-Identifier: Apache-2.0
"""A post office without Kafka and without a network, for tests of delivery."""

import asyncio
import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from connectors.errors import SinkError
from connectors.kafka.records import Outgoing
from connectors.sinks.contract import Answer, Message, Resolution
from delivery.breaker import BreakerPlan
from delivery.news import Arrived
from delivery.office import Office, OfficePlan, Way
from journey.notified import notified_of
from journey.plan import Plan, Step
from schemas.encode import notification_id
from schemas.records import Notification
from schemas.timestamps import format_timestamp

__all__ = [
    "FIRST_ONLY",
    "NOW",
    "FakeSink",
    "MemoryWriter",
    "TestClock",
    "arrived",
    "entries",
    "notification",
    "opened_office",
    "wait_until",
]

NOW = 1_790_000_000_000
FIRST_ONLY = Plan(steps=(Step("first", "back_in_stock"),), routes={"EMAIL": "mail", "SMS": "texts"})
SENT = Answer(Resolution.SENT)


class TestClock:
    """Epoch milliseconds that the test moves."""

    __test__ = False

    def __init__(self, now: int = NOW) -> None:
        self.now = now

    def __call__(self) -> int:
        """The time it is."""
        return self.now

    def passes(self, milliseconds: int) -> bool:
        """Move on; true, so that it can stand in a condition that is asked over and over."""
        self.now += milliseconds
        return True


@dataclass
class FakeSink:
    """Answers as the test says, and remembers what it was handed.

    Attributes:
        answer: given a message, the answer.
        seconds: how long each call takes.
        calls: what was handed over, call by call.
    """

    answer: Callable[[Message], Answer] = lambda _message: SENT
    concurrency: int = 10
    batch_size: int = 1
    seconds: float = 0.0
    calls: list[list[Message]] = field(default_factory=list)
    most_at_once: int = 0
    fails_to_open: bool = False
    _at_once: int = 0

    async def open(self) -> None:
        """Nothing to do, or too much."""
        if self.fails_to_open:
            message = "it cannot work"
            raise SinkError(message)

    async def send(self, messages: Sequence[Message]) -> Sequence[Answer]:
        """Answer as the test says."""
        self.calls.append(list(messages))
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            await asyncio.sleep(self.seconds)
            return [self.answer(message) for message in messages]
        finally:
            self._at_once -= 1

    async def close(self) -> None:
        """Nothing to do."""

    @property
    def messages(self) -> list[Message]:
        """All that was handed over."""
        return [message for call in self.calls for message in call]


class MemoryWriter:
    """Keeps what Kafka would get."""

    def __init__(self) -> None:
        self.records: list[Outgoing] = []
        self.flushed = 0

    def write(self, outgoing: Outgoing) -> None:
        """Keep them."""
        self.records.append(outgoing)

    def flush(self) -> None:
        """Count them."""
        self.flushed = len(self.records)

    def deliveries(self) -> list[dict[str, Any]]:
        """The values written to the topic of deliveries."""
        return [
            json.loads(value or b"")
            for outgoing in list(self.records)
            if outgoing.topic == "deliveries"
            for _, value in outgoing.records
        ]

    def letters(self) -> list[Outgoing]:
        """Dead letters."""
        return [outgoing for outgoing in list(self.records) if outgoing.topic != "deliveries"]


def notification(
    person: str, variant: str = "V", position: int = 1, at: int = NOW, **changes: object
) -> bytes:
    """The value of a notification record."""
    profile = changes.pop("profile", {"id": person, "email": f"{person}@example.com"})
    subscribed_at = at - 3_600_000
    value: dict[str, object] = {
        "id": notification_id(variant, f"id:{person}", subscribed_at),
        "variant_id": variant,
        "profile": profile,
        "channels": ["EMAIL"],
        "consent": [],
        "product": {"title": "A shoe"},
        "locale": None,
        "market": None,
        "priority": 0,
        "cycle": 1,
        "cycle_opened_at": format_timestamp(at),
        "wave": 1,
        "position": position,
        "quantity": 5,
        "subscribed_at": format_timestamp(subscribed_at),
        "triggered_at": format_timestamp(at),
    }
    return json.dumps(value | changes).encode()


def arrived(
    person: str, variant: str = "V", position: int = 1, at: int = NOW, **changes: object
) -> Arrived:
    """A notification as the flow hands it over."""
    value = notification(person, variant, position, at, **changes)
    record = Notification.model_validate(json.loads(value))
    return Arrived(notified_of(record), position, value, ("notifications", 0, position))


@contextmanager
def opened_office(  # noqa: PLR0913 - whatever a test wants otherwise
    path: Path,
    sinks: Mapping[str, FakeSink],
    *,
    plan: Plan = FIRST_ONLY,
    clock: Callable[[], int] | None = None,
    writer: MemoryWriter | None = None,
    receiver: str = "receiver",
    breaker: BreakerPlan | None = None,
    patience: float = 1.0,
    gate_open: bool = True,
) -> Iterator[Office]:
    """An office that has started and sends; errors of its threads are raised at the end."""
    errors: list[Exception] = []
    office = Office(
        path / "ledger.sqlite3",
        plan,
        {name: Way(sink, receiver) for name, sink in sinks.items()},
        OfficePlan(1_000, 60_000, 30 * 86_400_000, breaker or BreakerPlan(), "deliveries"),
        writer or MemoryWriter(),
        clock or TestClock(),
        errors.append,
    )
    try:
        office.start()
        if gate_open:
            office.let_go()
        yield office
    finally:
        office.stop(patience)
    if errors:
        raise errors[0]


def wait_until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait until something is so.

    Raises:
        AssertionError: it is not.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it does not come true"
        threading.Event().wait(0.005)


def entries(path: Path) -> list[tuple[Any, ...]]:
    """Step, channel, outcome, reason and attempts of each entry of the ledger, and whose it is."""
    with closing(sqlite3.connect(path / "ledger.sqlite3")) as connection:
        return connection.execute(
            "SELECT profile_key, variant_id, step, channel, outcome, reason, attempts "
            "FROM entries ORDER BY settled_at, profile_key, variant_id, step, channel"
        ).fetchall()
