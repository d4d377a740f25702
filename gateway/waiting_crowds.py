# SPDX-License-Identifier: Apache-2.0
"""How many wait, by spans of time: a place among a million is found without counting them."""

import sqlite3
from collections import Counter
from typing import Final

__all__ = ["Crowds", "place_of"]

_EVER: Final = 62
_HOURS: Final = 26
_MINUTE: Final = 16
"""Widths of spans, as powers of two in milliseconds: all times, 19 hours, 66 seconds."""

_SPANS: Final = """SELECT ifnull(sum(waiting), 0) FROM crowds
WHERE variant = ? AND width = ? AND rank = ? AND span >= ? AND span < ?"""
_RANKS: Final = """SELECT ifnull(sum(waiting), 0), ifnull(sum(iif(rank < ?, waiting, 0)), 0)
FROM crowds WHERE variant = ? AND width = ?"""
_PEOPLE: Final = """SELECT count(*) FROM requests
WHERE waiting = 1 AND variant = ? AND rank = ? AND occurred_at >= ? AND occurred_at < ?"""
_SAME_TIME: Final = """SELECT count(*) FROM requests
WHERE waiting = 1 AND variant = ? AND rank = ? AND occurred_at = ? AND number < ?"""

_Span = tuple[int, int, int, int]


class Crowds:
    """Notes who comes and goes, and writes the numbers once for many.

    Args:
        connection: of the list.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._changes: Counter[_Span] = Counter()

    def count(self, variant: int, rank: int, occurred_at: int, change: int) -> None:
        """Note that somebody waits (1), or no longer does (-1)."""
        for width in (_EVER, _HOURS, _MINUTE):
            self._changes[variant, width, rank, occurred_at >> width] += change

    def write(self) -> None:
        """Write what was noted."""
        changes = [(*span, change) for span, change in self._changes.items() if change]
        self._connection.executemany(
            "INSERT INTO crowds VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT DO UPDATE SET waiting = waiting + excluded.waiting",
            changes,
        )
        self._connection.executemany(
            "DELETE FROM crowds WHERE variant = ? AND width = ? AND rank = ? AND span = ? "
            "AND waiting = 0",
            [change[:-1] for change in changes if change[-1] < 0],
        )
        self._changes.clear()


def place_of(
    connection: sqlite3.Connection, variant: int, rank: int, occurred_at: int, number: int
) -> tuple[int, int]:
    """Return somebody's place in the queue, from 1, and how many wait in all.

    Args:
        connection: of the list.
        variant: number of what they wait for.
        rank: 0 is served first.
        occurred_at: when they asked.
        number: of their request.
    """

    def ask(statement: str, *values: int) -> int:
        ((found,),) = connection.execute(statement, values)
        return int(found)

    ((waiting, before),) = connection.execute(_RANKS, (rank, variant, _EVER))
    hours, minute = occurred_at >> _HOURS, occurred_at >> _MINUTE
    before += ask(_SPANS, variant, _HOURS, rank, 0, hours)
    before += ask(_SPANS, variant, _MINUTE, rank, hours << (_HOURS - _MINUTE), minute)
    before += ask(_PEOPLE, variant, rank, minute << _MINUTE, occurred_at)
    before += ask(_SAME_TIME, variant, rank, occurred_at, number)
    return before + 1, waiting
