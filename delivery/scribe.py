# SPDX-License-Identifier: Apache-2.0
"""The one thread that writes to the ledger, many changes to a commit.

Whoever settles a message waits for the commit, and a commit waits for the disk: so all that is
ready is written together, and while the disk works the next ones gather. What lanes settle goes
before what arrives from Kafka, which comes in portions: however much arrives, a lane waits for one
portion at most.
"""

import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from delivery.batch import Batch
from delivery.errors import LedgerError

__all__ = ["Change", "Scribe"]

_MOST_AT_ONCE: Final = 2_000
_WAITING_PORTIONS: Final = 8
_GATHER_SECONDS: Final = 0.01


class Change(Protocol):
    """Something to be written."""

    def write(self, batch: Batch) -> None:
        """Add its rows to those of a commit; called by the writing thread."""

    def committed(self) -> None:
        """It is durable; called by the writing thread, and must not block."""


class Scribe:
    """Writes changes in the order in which they are handed over, urgent ones first.

    Args:
        connection: used by this thread alone, once it has begun.
        on_error: told of what ends the program; nothing is written after that.
        after_commit: called by the writing thread with the changes of each commit, after each of
            them was told.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        on_error: Callable[[Exception], None],
        after_commit: Callable[[Sequence[Change]], None],
    ) -> None:
        """Nothing is written before `start`."""
        self._connection = connection
        self._on_error = on_error
        self._after_commit = after_commit
        self._urgent: deque[Change] = deque()
        self._portions: deque[Change] = deque()
        self._changed = threading.Condition()
        self._ending = False
        self._broken = False
        self._written_at = 0.0
        (self._next_number,) = connection.execute(
            "SELECT coalesce(max(number), 0) + 1 FROM journeys"
        ).fetchone()
        self._thread = threading.Thread(target=self._run, name="scribe", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def submit(self, change: Change) -> None:
        """Hand over an urgent change; never waits."""
        with self._changed:
            self._urgent.append(change)
            self._changed.notify_all()

    def submit_portion(self, change: Change) -> None:
        """Hand over a change that can wait; waits while too many of them do."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._portions) < _WAITING_PORTIONS or self._broken)
            self._portions.append(change)
            self._changed.notify_all()

    def barrier(self, stop_waiting: Callable[[], bool]) -> None:
        """Wait until everything handed over before is durable, or `stop_waiting` says so.

        Raises:
            LedgerError: it will not become durable.
        """
        reached = threading.Event()
        self.submit_portion(_Mark(reached))
        while not reached.wait(0.1):
            if self._broken:
                raise LedgerError("the ledger cannot be written any more; see the error before")
            if stop_waiting():
                return

    def close(self) -> None:
        """Write what was handed over, and let go of the file."""
        with self._changed:
            self._ending = True
            self._changed.notify_all()
        if self._thread.ident is not None:
            self._thread.join()
        self._connection.close()

    def _run(self) -> None:
        try:
            while changes := self._next():
                self._write(changes)
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not go unnoticed
            with self._changed:
                self._broken = True
                self._changed.notify_all()
            self._on_error(_explained(error))

    def _next(self) -> list[Change]:
        with self._changed:
            self._changed.wait_for(lambda: self._urgent or self._portions or self._ending)
        # A commit costs much the same for one change and for a hundred.
        time.sleep(max(0.0, self._written_at + _GATHER_SECONDS - time.monotonic()))
        with self._changed:
            count = min(len(self._urgent), _MOST_AT_ONCE)
            changes = [self._urgent.popleft() for _ in range(count)]
            if self._portions:
                changes.append(self._portions.popleft())
            self._changed.notify_all()
            return changes

    def _write(self, changes: list[Change]) -> None:
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            batch = Batch(connection, self._next_number)
            for change in changes:
                change.write(batch)
            batch.write()
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")
        self._next_number = batch.next_number
        self._written_at = time.monotonic()
        for change in changes:
            change.committed()
        self._after_commit(changes)


class _Mark:
    """A change of nothing, to see how far the writing is."""

    def __init__(self, reached: threading.Event) -> None:
        self._reached = reached

    def write(self, batch: Batch) -> None:
        """There is nothing to write."""

    def committed(self) -> None:
        self._reached.set()


def _explained(error: Exception) -> Exception:
    if isinstance(error, sqlite3.Error):
        return LedgerError(
            f"the ledger cannot be written: {error}; check free space, permissions and the disk, "
            "then restart (what was not settled is tried again)"
        )
    return error
