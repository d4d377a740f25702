# SPDX-License-Identifier: Apache-2.0
"""The ledger of a delivery, looked at from outside while it is written."""

import sqlite3
from contextlib import closing
from pathlib import Path

from benchmarks.errors import BenchmarkError, WrongOutput

__all__ = ["announced", "check_ledger", "taken_in"]

_SENT = "SELECT count(DISTINCT notification_id) FROM entries WHERE outcome = 'sent'"


def taken_in(ledger: Path) -> int:
    """How many journeys have begun; none is over yet, and their numbers grow."""
    return _number(ledger, "SELECT coalesce(max(number), 0) FROM journeys")


def announced(ledger: Path) -> int:
    """How many outcomes the topic of deliveries has."""
    return _number(ledger, "SELECT number FROM announced")


def check_ledger(ledger: Path, count: int) -> None:
    """See that everybody was sent one message, and that nothing else became of anybody.

    Raises:
        WrongOutput: not so.
    """
    rows = _number(ledger, "SELECT count(*) FROM entries")
    sent = _number(ledger, _SENT)
    if (sent, rows) != (count, count):
        raise WrongOutput(f"the ledger has {rows} entries, {sent} people sent to, of {count}")


def _number(ledger: Path, question: str) -> int:
    try:
        with closing(sqlite3.connect(f"{ledger.as_uri()}?mode=ro", uri=True)) as connection:
            return int(connection.execute(question).fetchone()[0])
    except sqlite3.Error as error:
        raise BenchmarkError(f"{ledger}: {error}") from None
