# SPDX-License-Identifier: Apache-2.0
"""The format is a promise: journals of earlier versions are read, written bytes do not drift."""

import shutil
from pathlib import Path

import pytest

from tests.support.journals import append_all, contents, open_journal

GOLDEN = Path(__file__).parent / "golden"
RECORDS = [b"%d" % number for number in range(110)]


def write(directory: Path) -> bytes:
    """Writes the journal whose bytes are kept: a base, the rest in segments of two executions."""
    journal, _ = open_journal(directory, None, "golden1")
    append_all(journal, RECORDS[:100])
    journal.sync()
    journal.durable()
    journal.durable()
    append_all(journal, RECORDS[100:105])
    marker = journal.sync()
    journal.durable()
    journal.close()
    journal, _ = open_journal(directory, marker, "golden2")
    append_all(journal, RECORDS[105:])
    marker = journal.sync()
    journal.close()
    return marker


@pytest.mark.parametrize("version", sorted(folder.name for folder in GOLDEN.iterdir()))
def test_journals_of_every_version_are_read(directory: Path, version: str) -> None:
    """A journal that any release wrote can be resumed."""
    shutil.copytree(GOLDEN / version, directory)
    _, state = open_journal(directory, (directory / "marker").read_bytes(), "now")

    assert RECORDS == state.lines


@pytest.mark.usefixtures("inline_helper")
def test_the_written_bytes_are_those_of_version_1(directory: Path) -> None:
    """Changed bytes need a new format version, and a new folder of golden files."""
    marker = write(directory)

    assert contents(GOLDEN / "v1") == {**contents(directory), "marker": marker}
