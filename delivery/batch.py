# SPDX-License-Identifier: Apache-2.0
"""The rows of one commit, gathered so that many of them are one statement.

Python lets go of its lock for each step of a statement and has to win it back from the threads
that send: a statement for each row would wait for them each time. So the rows of a kind go to
SQLite as one JSON array, which it takes apart by itself.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import orjson

__all__ = ["Batch"]

_SETTLED: Final = (
    "DELETE FROM tasks WHERE (journey, channel) IN "
    "(SELECT value ->> 0, value ->> 1 FROM json_each(?))"
)
_TASKS_OVER: Final = "DELETE FROM tasks WHERE journey IN (SELECT value FROM json_each(?))"
_OVER: Final = "DELETE FROM journeys WHERE number IN (SELECT value FROM json_each(?))"
_STATES: Final = (
    "UPDATE journeys SET state = changed.value ->> 1 FROM json_each(?) AS changed "
    "WHERE number = changed.value ->> 0"
)


def _insert(table: str, columns: int, verb: str = "INSERT") -> str:
    values = ", ".join(f"value ->> {column}" for column in range(columns))
    return f"{verb} INTO {table} SELECT {values} FROM json_each(?)"  # noqa: S608 - constants


_JOURNEYS: Final = _insert("journeys", 9)
_TASKS: Final = _insert("tasks", 8, "INSERT OR REPLACE")
_ENTRIES: Final = _insert(
    "entries (notification_id, step, channel, variant_id, profile_key, outcome, reason, "
    "attempts, first_at, settled_at)",
    10,
)
_LETTERS: Final = (
    "INSERT INTO entries (notification_id, step, channel, variant_id, profile_key, outcome, "
    "reason, attempts, first_at, settled_at, letter) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)

Row = tuple[str | int | None, ...]


@dataclass(slots=True)
class Batch:
    """What is to be written together.

    A journey is changed at most once in a batch; what is new in it is not looked up in it.

    Attributes:
        connection: the writing one, to look things up as they were before the batch.
        next_number: of the next journey that begins.
        settled: (journey, channel) of tasks that are done with.
        over: numbers of journeys that are over, with all their tasks.
        states: (number, state in hexadecimal) of journeys that have changed.
        journeys: rows of those that begin.
        tasks: rows that are new or changed.
        entries: rows, without letters.
        letters: rows of entries with letters.
    """

    connection: sqlite3.Connection
    next_number: int
    settled: list[tuple[int, str]] = field(default_factory=list)
    over: list[int] = field(default_factory=list)
    states: list[tuple[int, str]] = field(default_factory=list)
    journeys: list[Row] = field(default_factory=list)
    tasks: list[Row] = field(default_factory=list)
    entries: list[Row] = field(default_factory=list)
    letters: list[tuple[str | int | bytes, ...]] = field(default_factory=list)

    def write(self) -> None:
        """Write all rows, within the transaction that is open."""
        for statement, rows in (
            (_SETTLED, self.settled),
            (_TASKS_OVER, self.over),
            (_OVER, self.over),
            (_STATES, self.states),
            (_JOURNEYS, self.journeys),
            (_TASKS, self.tasks),
            (_ENTRIES, self.entries),
        ):
            self._write(statement, rows)
        if self.letters:
            self.connection.executemany(_LETTERS, self.letters)

    def _write(self, statement: str, rows: Sequence[object]) -> None:
        if rows:
            self.connection.execute(statement, (orjson.dumps(rows).decode(),))
