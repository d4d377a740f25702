# SPDX-License-Identifier: Apache-2.0
"""Any sequence of appends, syncs, commits and crashes equals a plain list."""

import os
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from typing_extensions import override

from journal import Limits
from tests.support.journals import InlineHelper, open_journal

LIMITS = Limits(write_buffer=40, compact_bytes=200, compact_ratio=0.3, compact_segments=3)


@dataclass
class Kept:
    """A marker, and what it must bring back."""

    marker: bytes | None = None
    lines: list[bytes] = field(default_factory=list)


class SlowHelper(InlineHelper):
    """A helper that has ended when the test says so, and badly when the test says so."""

    done = False
    status = 0

    @override
    def poll(self) -> int:
        """Says whether it has ended; None means not yet."""
        self.returncode = self.status
        return self.status if self.done else None  # type: ignore[return-value]


class JournalAndList(RuleBasedStateMachine):
    """Does the same to a journal and to a list."""

    def __init__(self) -> None:
        """Makes a folder of its own."""
        super().__init__()
        self.root = Path(tempfile.mkdtemp())
        self.directory = self.root / "0003"
        self.run = 0
        self.lines: list[bytes] = []
        self.committed = Kept()
        self.returned = Kept()
        self.names: set[str] = set()
        self.present: set[str] = set()
        self.patch = pytest.MonkeyPatch()
        for sync in ("fsync", "fdatasync"):  # no power is lost here
            self.patch.setattr(os, sync, lambda _: None)
        self.patch.setattr("journal.compaction.subprocess.Popen", SlowHelper)

    @initialize()
    def begin(self) -> None:
        """Starts the first execution."""
        SlowHelper.done, SlowHelper.status = False, 0
        self.open(Kept())

    def open(self, kept: Kept) -> None:
        """Starts an execution and compares what it finds with what must be there."""
        self.run += 1
        self.journal, state = open_journal(
            self.directory, kept.marker, f"run{self.run}", limits=LIMITS
        )
        assert kept.lines == state.lines
        self.lines = list(kept.lines)
        self.committed = self.returned = kept

    @rule(records=st.lists(st.binary(max_size=60), max_size=8))
    def append(self, records: list[bytes]) -> None:
        """Appends some records."""
        for record in records:
            self.journal.append(record)
        self.lines += records

    @rule(records=st.lists(st.binary(min_size=20, max_size=40), min_size=2, max_size=8))
    def go_through_an_epoch(self, records: list[bytes]) -> None:
        """Does what a run without a crash does."""
        self.append(records)
        self.sync()
        self.commit()

    @rule()
    def sync(self) -> None:
        """Takes a marker."""
        self.returned = Kept(self.journal.sync(), list(self.lines))

    @rule()
    def commit(self) -> None:
        """Makes the last marker count."""
        self.committed = self.returned
        if self.committed.marker is not None:
            self.journal.durable()

    @rule(done=st.booleans(), status=st.sampled_from([0, 0, 0, 1, -9]))
    def let_helper(self, done: bool, status: int) -> None:  # noqa: FBT001 - a drawn value
        """Lets helpers end, or not, from now on."""
        SlowHelper.done, SlowHelper.status = done, status

    @rule(later=st.booleans())
    def crash(self, later: bool) -> None:  # noqa: FBT001 - a drawn value
        """Loses the process and resumes from the committed marker or the one that was returned."""
        self.journal.close()
        self.open(self.returned if later else self.committed)

    @invariant()
    def no_name_comes_back(self) -> None:
        """A file that is gone stays gone."""
        if self.directory.exists():
            present = {file.name for file in self.directory.iterdir()}
            assert not (self.names - self.present) & present
            self.names |= present
            self.present = present

    @override
    def teardown(self) -> None:
        """Ends the last execution."""
        self.journal.close()
        self.patch.undo()
        shutil.rmtree(self.root)


TestJournalAndList = JournalAndList.TestCase
TestJournalAndList.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)
