# SPDX-License-Identifier: Apache-2.0
"""Who is next at a sink: the variants take turns, and in each the first in the queue goes first.

So a wave of a million does not hold up another variant's wave of ten. What is ready stays in the
ledger; of each variant only the next few hundred are held in memory.
"""

import sqlite3
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

__all__ = ["FairQueue", "Load", "Task", "loader"]

_CHUNK: Final = 512


class Task(NamedTuple):
    """One channel of a journey's step.

    Attributes:
        wave_at: when its wave started, in epoch milliseconds.
        position: its place in the wave; with `wave_at` its rank in the variant.
        journey: its number in the ledger.
        channel: the channel.
    """

    wave_at: int
    position: int
    journey: int
    channel: str


Load = Callable[[str, int], list[Task]]
"""Gives the first tasks of a variant that are ready, by rank: (variant_id, how many)."""


def loader(connection: sqlite3.Connection, sink: str) -> Load:
    """A way to load the tasks of a sink from the ledger."""

    def load(variant_id: str, count: int) -> list[Task]:
        rows = connection.execute(
            "SELECT wave_at, position, journey, channel FROM tasks "
            "WHERE sink = ? AND variant_id = ? AND ready = 1 "
            "ORDER BY wave_at, position LIMIT ?",
            (sink, variant_id, count),
        )
        return [Task(*row) for row in rows]

    return load


@dataclass(slots=True)
class _Line:
    """What is known of a variant.

    Attributes:
        tasks: the next ones.
        taken: those on their way; the ledger still has them as ready.
        more: whether the ledger may have others.
    """

    tasks: deque[Task] = field(default_factory=deque)
    taken: set[tuple[int, str]] = field(default_factory=set)
    more: bool = True


class FairQueue:
    """The tasks of one sink that are ready.

    Args:
        load: loads them.
    """

    def __init__(self, load: Load) -> None:
        """Know of nothing."""
        self._load = load
        self._lines: dict[str, _Line] = {}
        self._turns: deque[str] = deque()
        self._waiting: set[str] = set()

    def added(self, variant_id: str, ranks: Iterable[tuple[int, int]]) -> None:
        """Tasks of a variant have become ready; the ledger has them.

        Args:
            variant_id: which.
            ranks: (wave_at, position) of each.
        """
        line = self._lines.setdefault(variant_id, _Line())
        line.more = True
        if line.tasks and min(ranks) < line.tasks[-1][:2]:
            # Somebody belongs before those that are held.
            line.tasks.clear()
        self._take_part(variant_id)

    def next(self) -> tuple[str, Task] | None:
        """Take the next task and its variant; None when nothing is ready.

        It counts as taken until it is settled or put back.
        """
        while self._turns:
            variant_id = self._turns.popleft()
            line = self._lines[variant_id]
            if not line.tasks and line.more:
                self._refill(variant_id, line)
            if not line.tasks:
                self._waiting.discard(variant_id)
                self._forget(variant_id, line)
                continue
            task = line.tasks.popleft()
            line.taken.add(task[2:])
            self._turns.append(variant_id)
            return variant_id, task
        return None

    def settled(self, variant_id: str, task: Task) -> None:
        """The ledger does not have a task as ready any more."""
        line = self._lines[variant_id]
        line.taken.discard(task[2:])
        self._forget(variant_id, line)

    def put_back(self, variant_id: str, task: Task) -> None:
        """A task that was taken is ready as before."""
        line = self._lines[variant_id]
        line.taken.discard(task[2:])
        line.tasks.appendleft(task)
        self._take_part(variant_id)

    def _take_part(self, variant_id: str) -> None:
        if variant_id not in self._waiting:
            self._waiting.add(variant_id)
            self._turns.append(variant_id)

    def _refill(self, variant_id: str, line: _Line) -> None:
        count = _CHUNK + len(line.taken)
        found = self._load(variant_id, count)
        line.more = len(found) == count
        line.tasks.extend(task for task in found if task[2:] not in line.taken)

    def _forget(self, variant_id: str, line: _Line) -> None:
        if not line.tasks and not line.taken and variant_id not in self._waiting:
            del self._lines[variant_id]
