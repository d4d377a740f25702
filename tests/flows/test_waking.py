# SPDX-License-Identifier: Apache-2.0
"""Why the first batch of every epoch wakes every slot.

Bytewax 0.21.1 writes snapshots and the epoch that makes them count in two transactions,
deletes nothing at resume and counts epochs anew: a row that was never committed comes
back, unless the repeated epoch writes the row again.
"""

import sqlite3
from pathlib import Path

import pytest
from bytewax.errors import BytewaxRuntimeError

from journal.errors import JournalMissing
from tests.flows.test_restock import told
from tests.support.flows import Idle, Rig, ScriptedSource, Step, sign_up, stock

FAIL_TO_COMMIT = """
    CREATE TRIGGER no_commit BEFORE INSERT ON fronts WHEN NEW.worker_frontier > {last}
    BEGIN SELECT RAISE(ABORT, 'crash between the transactions'); END
"""


class Store:
    """The recovery store of a rig, between two runs."""

    def __init__(self, rig: Rig) -> None:
        self._file = rig.directory / "recovery" / "part-0.sqlite3"

    def ask(self, statement: str) -> list[tuple[object, ...]]:
        """Execute a statement and return its rows."""
        store = sqlite3.connect(self._file)
        try:
            with store:
                return store.execute(statement).fetchall()
        finally:
            store.close()


def crash_between_the_transactions(rig: Rig, script: list[Step], *, after: int, wake: bool) -> None:
    """Commit ``after`` epochs, then write the snapshots of one more, but not its commit."""
    store = Store(rig)
    (newest,) = store.ask("SELECT max(worker_frontier) FROM fronts")[0]
    assert isinstance(newest, int)
    store.ask(FAIL_TO_COMMIT.format(last=newest + after))
    with pytest.raises(BaseException, match="crash between the transactions"):
        rig.run(ScriptedSource(script, rig.clock, wake=wake))
    store.ask("DROP TRIGGER no_commit")


def live_through_it(rig: Rig, *, wake: bool) -> list[tuple[str, str]]:
    """Two crashes in a row, of which the first leaves rows that were never committed."""
    script: list[Step] = [Idle(), [sign_up("shoe", "P1", 1)], [stock("shoe", 1, 2)], Idle()]
    rig.run(ScriptedSource(script[:1], rig.clock, wake=wake))
    crash_between_the_transactions(rig, script, after=0, wake=wake)
    assert [("restock.waitlist",)] == Store(rig).ask(
        "SELECT DISTINCT step_id FROM snaps WHERE step_id = 'restock.waitlist'"
    )
    # Now the epoch is repeated without the sign-up, which comes in the next: and a crash again.
    script.insert(1, Idle())
    crash_between_the_transactions(rig, script, after=1, wake=wake)
    rig.run(ScriptedSource(script, rig.clock, wake=wake))
    return told(rig.notifications())


def test_with_waking_a_row_that_was_never_committed_is_overwritten(tmp_path: Path) -> None:
    """The run after the second crash finds the state as of the last durable epoch."""
    assert [("shoe", "P1")] == live_through_it(Rig(tmp_path, slots=1), wake=True)


def test_without_waking_it_comes_back(tmp_path: Path) -> None:
    """Its marker names journal files that are gone: the third run refuses to start."""
    with pytest.raises(BytewaxRuntimeError) as raised:
        live_through_it(Rig(tmp_path, slots=1), wake=False)
    causes = []
    error: BaseException | None = raised.value
    while error is not None:
        causes.append(error)
        error = error.__cause__
    assert any(isinstance(cause, JournalMissing) for cause in causes)
