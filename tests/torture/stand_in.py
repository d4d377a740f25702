# SPDX-License-Identifier: Apache-2.0
"""A program without processes, disks or brokers that crashes at a word: for tests of the checker.

It drives the real decisions over lists that stand for topics. A crash takes it back to its last
durable epoch, leaves of what was written since then the beginning of each partition, and moves the
clock on; what remains is not written again.
"""

from collections.abc import Iterable, Iterator
from random import Random
from typing import Final
from zlib import crc32

from schemas.decode import decode_inventory, decode_subscription
from schemas.encode import encode_slice, notification_id_of
from schemas.errors import InvalidRecord
from schemas.events import Event
from schemas.told import read_told
from tests.torture.contents import Contents, TopicRecord
from tests.torture.scenario import Produce, Round
from waitlist.policy import PolicyBook
from waitlist.resumed import ResumedSlot

__all__ = ["StandIn"]

_PARTITIONS: Final = 3

Place = tuple[str, int]


class StandIn:
    """Topics, a clock and the program.

    Args:
        random: how batches fall, and what a crash leaves.
        policies: who is told when.
        start: what the clock shows, epoch milliseconds.
    """

    def __init__(self, random: Random, policies: PolicyBook, start: int) -> None:
        self.clock = start
        self.crashes = 0
        self._random = random
        self._policies = policies
        self._input: dict[Place, list[TopicRecord]] = {
            (topic, number): []
            for topic in ("inventory", "subscriptions")
            for number in range(_PARTITIONS)
        }
        self._output: list[list[TopicRecord]] = [[] for _ in range(_PARTITIONS)]
        self._letters: dict[tuple[Place, int], TopicRecord] = {}
        self._slot = ResumedSlot(policies)
        self._since = [0] * _PARTITIONS
        self._tail: set[str] = set()
        self._ends_at_start = dict.fromkeys(self._input, 0)
        self._read = dict.fromkeys(self._input, 0)
        self._unclaimed: set[str] = set()
        self._commit()

    def now(self) -> int:
        """The clock."""
        return self.clock

    def run(self, rounds: Iterable[Round], crash_chance: float = 0.0) -> None:
        """Produce rounds and work beside it; after a round that is settled all is durable.

        Args:
            rounds: what to produce.
            crash_chance: for each batch, how likely the program crashes after it.
        """
        for one in rounds:
            for record in one.records:
                self._produce(record)
                if self._random.random() < 0.01:
                    self._work(crash_chance)
            while one.settle and not self._settled():
                self._work(crash_chance)

    def finish(self, crash_chance: float = 0.0) -> None:
        """Work until all is read and nothing is due."""
        while True:
            crashes = self.crashes
            self._work(crash_chance)
            if crashes < self.crashes:
                continue  # nothing has been looked at since
            due = self._slot.next_due()
            if due is not None:
                self.clock = max(self.clock, due)
            elif self._settled() and not self._slot.pending():
                return

    def contents(self) -> Contents:
        """Everything in the topics."""

        def all_of(topic: str) -> list[TopicRecord]:
            return [r for place, found in self._input.items() if place[0] == topic for r in found]

        return Contents(
            inventory=all_of("inventory"),
            subscriptions=all_of("subscriptions"),
            notifications=[record for found in self._output for record in found],
            dead_letters=list(self._letters.values()),
            committed=dict(self._durable_read),
            stored=dict(self._durable_read),
        )

    def _produce(self, record: Produce) -> None:
        place = (record.topic, crc32(record.key) % _PARTITIONS)
        self.clock += self._random.random() < 0.2
        log = self._input[place]
        log.append(TopicRecord(place[1], len(log), self.clock, record.key, record.value))

    def _settled(self) -> bool:
        return all(self._durable_read[place] == len(log) for place, log in self._input.items())

    def _work(self, crash_chance: float) -> None:
        self.clock += self._random.randrange(1, 30)
        self._slot.apply(list(self._events()), self.clock)
        self._slot.start_due_waves(self.clock)
        for part in self._slot.take_slices(self._random.choice((3, 40, 1000)), 1000):
            for key, value in encode_slice(part):
                self._write(key, value)
        if self._random.random() < crash_chance:
            self._crash()
        elif self._random.random() < 0.3:
            self._commit()

    def _events(self) -> Iterator[Event]:
        for place, log in self._input.items():
            first = self._read[place]
            end = min(len(log), first + self._random.choice((0, 5, 60, 1000)))
            self._read[place] = end
            for record in log[first:end]:
                if record.value is None:
                    continue
                decode = decode_inventory if place[0] == "inventory" else decode_subscription
                try:
                    yield decode(record.value, record.timestamp)
                except InvalidRecord:
                    self._letters[place, record.offset] = record

    def _write(self, key: bytes, value: bytes) -> None:
        found = notification_id_of(value) or ""
        if found in self._unclaimed:
            self._unclaimed.remove(found)
            return
        number = crc32(key) % _PARTITIONS
        log = self._output[number]
        log.append(TopicRecord(number, len(log), self.clock, key, value))

    def _commit(self) -> None:
        self._slot.take_records()
        self._durable_state = list(self._slot.dump())
        self._durable_read = dict(self._read)
        self._durable_ends = [len(log) for log in self._output]
        self._durable_unclaimed = set(self._unclaimed)
        self._durable_since = list(self._since)
        caught_up = all(self._read[place] >= end for place, end in self._ends_at_start.items())
        if caught_up and self._slot.is_handed_over():
            self._since = list(self._durable_ends)
            self._unclaimed -= self._tail
            self._slot.forget()

    def _crash(self) -> None:
        self.crashes += 1
        self.clock += self._random.randrange(100, 2_000)
        self._slot = ResumedSlot(self._policies)
        self._slot.load(iter(self._durable_state))
        self._ends_at_start = {place: len(log) for place, log in self._input.items()}
        self._since = list(self._durable_since)
        self._read = dict(self._durable_read)
        self._unclaimed = set(self._durable_unclaimed)
        for log, durable in zip(self._output, self._durable_ends, strict=True):
            del log[self._random.randint(durable, len(log)) :]
            for record in log[durable:]:
                self._unclaimed.add(notification_id_of(record.value or b"") or "")
        tail = [
            record.value or b""
            for log, since in zip(self._output, self._since, strict=True)
            for record in log[since:]
        ]
        self._tail = {notification_id_of(value) or "" for value in tail}
        self._slot.recall(told for told in map(read_told, tail) if told is not None)
