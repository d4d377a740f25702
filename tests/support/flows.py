# SPDX-License-Identifier: Apache-2.0
"""Runs the flow without Kafka: scripted batches in, records in memory out, crashes where wanted."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, cast

from bytewax.inputs import (
    AbortExecution,
    FixedPartitionedSource,
    Source,
    StatefulSourcePartition,
)
from bytewax.outputs import FixedPartitionedSink, Sink, StatefulSinkPartition
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.testing import TestingSource, run_main
from confluent_kafka import TIMESTAMP_CREATE_TIME, Message
from typing_extensions import override

from connectors.kafka.dead_letters import dead_letter
from connectors.kafka.delivered import Delivered
from connectors.kafka.records import Outgoing, RawBatch
from dataflows.decoding import Decoder
from dataflows.folding import FACTORY, SlotState
from dataflows.restock import build_flow
from dataflows.waitlist_step import StepSettings
from journal.journal import Journal
from schemas.encode import notification_id_of
from waitlist.policy import PolicyBook, load_policy

INVENTORY = "inventory"
SUBSCRIPTIONS = "subscriptions"
NOTIFICATIONS = "notifications"
STATUSES = "waitlist"

# Far enough ahead that no timer of Bytewax, which follows the wall clock, ever fires.
START = 4_102_444_800_000


@dataclass
class ScriptedMessage:
    """What the decoder needs of a Kafka message."""

    record_topic: str
    record_value: bytes | None
    arrival: int
    place: int = 0

    def topic(self) -> str:
        """The topic."""
        return self.record_topic

    def partition(self) -> int:
        """Always the same."""
        return 0

    def offset(self) -> int:
        """The place in the partition."""
        return self.place

    def key(self) -> bytes | None:
        """Some key: the value decides."""
        return b"key"

    def value(self) -> bytes | None:
        """The bytes."""
        return self.record_value

    def timestamp(self) -> tuple[int, int]:
        """When it arrived."""
        return TIMESTAMP_CREATE_TIME, self.arrival

    def headers(self) -> list[tuple[str, bytes]] | None:
        """None."""
        return None


def stock(variant_id: str, quantity: int, at: int) -> ScriptedMessage:
    """A figure that arrives as it becomes true, ``at`` seconds after the start."""
    when = START + 1000 * at
    value = {"variant_id": variant_id, "quantity": quantity, "occurred_at": when}
    return ScriptedMessage(INVENTORY, json.dumps(value).encode(), when)


def sign_up(variant_id: str, person: str, at: int, kind: str = "subscribe") -> ScriptedMessage:
    """A sign-up that arrives at once, ``at`` seconds after the start."""
    when = START + 1000 * at
    value = {
        "type": kind, "variant_id": variant_id, "profile": {"id": person}, "occurred_at": when,
    }  # fmt: skip
    return ScriptedMessage(SUBSCRIPTIONS, json.dumps(value).encode(), when)


class Crash:
    """A place in a script at which the first run that gets there crashes, once."""

    def __init__(self) -> None:
        self.over = False


class Idle:
    """A poll that finds nothing."""


Step = Sequence[ScriptedMessage] | Crash | Idle


class ScriptedSource(FixedPartitionedSource[RawBatch, int]):
    """Emits a script, opening epochs as the Kafka source does.

    Args:
        script: batches, crashes and idle polls; an idle poll still wakes the slots when it
            is the first of its epoch.
        clock: moved to the arrival of each message.
        wake: False leaves out the waking, to show what it is for.
    """

    def __init__(self, script: Sequence[Step], clock: "Clock", *, wake: bool = True) -> None:
        self._script = script
        self._clock = clock
        self._wake = wake

    @override
    def list_parts(self) -> list[str]:
        return ["all"]

    @override
    def build_part(
        self, step_id: str, for_part: str, resume_state: int | None
    ) -> "StatefulSourcePartition[RawBatch, int]":
        return _ScriptedPart(self._script, self._clock, resume_state or 0, wake=self._wake)


class _ScriptedPart(StatefulSourcePartition[RawBatch, int]):
    def __init__(self, script: Sequence[Step], clock: "Clock", at: int, *, wake: bool) -> None:
        self._script = script
        self._clock = clock
        self._at = at
        self._wake = wake
        self._opens_epoch = True

    @override
    def next_batch(self) -> list[RawBatch]:
        if self._at == len(self._script):
            raise StopIteration
        step = self._script[self._at]
        if isinstance(step, Crash) and not step.over:
            step.over = True
            raise AbortExecution
        self._at += 1
        messages = [] if isinstance(step, Crash | Idle) else list(step)
        for message in messages:
            self._clock.now = max(self._clock.now, message.arrival)
        opens_epoch, self._opens_epoch = self._opens_epoch and self._wake, False
        if not messages and not opens_epoch:
            return []
        return [RawBatch(cast("list[Message]", messages), opens_epoch)]

    @override
    def snapshot(self) -> int:
        self._opens_epoch = True
        return self._at


class MemorySink(FixedPartitionedSink[Outgoing, int]):
    """Writes records exactly once into a list, as the Kafka sink does into topics."""

    def __init__(self) -> None:
        self.records: list[tuple[str, bytes]] = []

    @override
    def list_parts(self) -> list[str]:
        return ["all"]

    @override
    def build_part(
        self, step_id: str, for_part: str, resume_state: int | None
    ) -> "StatefulSinkPartition[Outgoing, int]":
        return _MemoryPart(self.records, resume_state or 0)


class _MemoryPart(StatefulSinkPartition[Outgoing, int]):
    def __init__(self, records: list[tuple[str, bytes]], durable: int) -> None:
        self._records = records
        ids = {
            found.encode()
            for topic, value in records[durable:]
            if topic == NOTIFICATIONS and (found := notification_id_of(value))
        }
        self._delivered = Delivered({NOTIFICATIONS: _identify}, {NOTIFICATIONS: ids})

    @override
    def write_batch(self, values: list[Outgoing]) -> None:
        for outgoing in map(self._delivered.without, values):
            self._records += [(outgoing.topic, value or b"") for _, value in outgoing.records]

    @override
    def snapshot(self) -> int:
        return len(self._records)


def _identify(_key: bytes | None, value: bytes | None, _headers: object) -> bytes | None:
    found = notification_id_of(value or b"")
    return None if found is None else found.encode()


@dataclass
class Clock:
    """A clock that stands still until it is moved."""

    now: int = START

    def __call__(self) -> int:
        """The time it was moved to."""
        return self.now


@dataclass
class Rig:
    """A recovery store, journals and a clock that survive the runs of a test."""

    directory: Path
    policy: Mapping[str, object] = field(default_factory=dict)
    slots: int = 4
    clock: Clock = field(default_factory=Clock)
    sink: MemorySink = field(default_factory=MemorySink)
    _executions: Iterator[int] = field(default_factory=count)

    def run(
        self,
        source: Source[RawBatch],
        sink: Sink[Any] | None = None,
        *,
        epoch: timedelta = timedelta(0),
    ) -> None:
        """Run the flow until the source ends or a crash ends it.

        Each run's clock starts anew and follows the arrivals: what is repeated after a
        crash is repeated at the same times.
        """
        self.clock.now = START
        recovery = self.directory / "recovery"
        if not recovery.exists():
            recovery.mkdir(parents=True)
            init_db_dir(recovery, 1)
        flow = build_flow(source, self._decoder(), self._step(), sink or self.sink)
        run_main(flow, epoch_interval=epoch, recovery_config=RecoveryConfig(str(recovery)))

    def testing_source(self, items: Sequence[object]) -> TestingSource[RawBatch]:
        """Bytewax's own source over batches; with epochs of 0 s each item is an epoch."""
        return TestingSource(_Moving(items, self.clock))  # type: ignore[arg-type]

    def notifications(self) -> list[dict[str, Any]]:
        """The notification records in the order in which they were written."""
        return [json.loads(value) for topic, value in self.sink.records if topic == NOTIFICATIONS]

    def _decoder(self) -> Decoder:
        return Decoder(
            inventory=INVENTORY,
            slots=self.slots,
            max_record_bytes=1_000_000,
            dead_letter=partial(dead_letter, application="restock", shard="0/1"),
            tick=Outgoing(NOTIFICATIONS, []),
            clock=self.clock,
        )

    def _step(self) -> StepSettings:
        return StepSettings(
            policies=load_policy(self.policy) if self.policy else PolicyBook(),
            notifications=NOTIFICATIONS,
            waitlist=STATUSES,
            status_interval=0,
            open_journal=partial(self._open, f"run{next(self._executions)}"),
            clock=self.clock,
        )

    def _open(self, token: str, slot: int, marker: bytes | None, state: SlotState) -> Journal:
        directory = self.directory / "slots" / str(slot)
        return Journal.open(directory, slot, marker, state, token=token, factory=FACTORY)


class _Moving:
    """Batches that move the clock as they are read; other items (ABORT, EOF) pass."""

    def __init__(self, items: Sequence[object], clock: Clock) -> None:
        self._items = items
        self._clock = clock

    def __iter__(self) -> Iterator[object]:
        for item in self._items:
            if isinstance(item, RawBatch):
                for message in item.messages:
                    self._clock.now = max(self._clock.now, message.timestamp()[1])
            yield item


def batch(*messages: ScriptedMessage) -> RawBatch:
    """A batch that is an epoch of its own."""
    return RawBatch(cast("list[Message]", list(messages)), opens_epoch=True)
