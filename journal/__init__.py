# SPDX-License-Identifier: Apache-2.0
"""What is remembered: append-only state files of a slot, compaction, resume.

It imports nothing else of this project.

A slot's state is a base file plus segments of redo records. `Journal.sync` brings what was appended
to the disk and returns a marker, the only thing that the recovery store keeps; `Journal.open` turns
a marker back into the state.
"""

from __future__ import annotations

from journal.directory import StateDirectory
from journal.errors import (
    JournalCorrupt,
    JournalError,
    JournalFailed,
    JournalMissing,
    JournalVersion,
    StateLocked,
    StateMismatch,
)
from journal.journal import Journal
from journal.limits import Limits
from journal.state import Foldable

__all__ = [
    "Foldable",
    "Journal",
    "JournalCorrupt",
    "JournalError",
    "JournalFailed",
    "JournalMissing",
    "JournalVersion",
    "Limits",
    "StateDirectory",
    "StateLocked",
    "StateMismatch",
]
