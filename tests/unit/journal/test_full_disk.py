# SPDX-License-Identifier: Apache-2.0
"""A full disk costs a journal nothing that was durable."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from journal import Journal, JournalFailed, Limits
from journal.marker import Marker
from tests.support.journals import append_all, open_journal, wait_until
from tests.support.small_disk import fill, small_disk

BLOCK = 100_000


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of one megabyte."""
    with small_disk(tmp_path / "disk", "1m"):
        yield tmp_path / "disk"


def done(journal: Journal) -> None:
    """Wait until a helper has ended, and take note of what became of it."""
    helper = journal._compaction._helper
    assert helper is not None
    wait_until(lambda: helper.process.poll() is not None)
    journal.durable()


def test_a_compaction_without_space_is_tried_again(disk: Path) -> None:
    """The files in use stay as they are, appending goes on, and with space it succeeds."""
    journal, _ = open_journal(disk / "slot", limits=Limits(compact_bytes=BLOCK))
    append_all(journal, [bytes(BLOCK), bytes(BLOCK)])
    before = journal.sync()
    ballast = fill(disk, leave=BLOCK)
    journal.durable()
    assert journal.compacting
    done(journal)
    assert "No space left" in (journal.last_compaction_error or "")
    append_all(journal, [b"meanwhile"])
    after = journal.sync()
    assert before != after
    ballast.unlink()
    while not journal.compacting:
        journal.durable()
    done(journal)
    assert journal.last_compaction_error is None
    marker = journal.sync()
    journal.close()
    assert Marker.decode(marker, 3).base is not None
    again, state = open_journal(disk / "slot", marker, "second")
    again.close()
    assert [BLOCK, BLOCK, len(b"meanwhile")] == list(map(len, state.lines))


def test_an_append_without_space_leaves_the_last_marker(disk: Path) -> None:
    """It is one error, after which nothing is taken; what was synced before is there."""
    journal, _ = open_journal(disk / "slot")
    append_all(journal, [b"durable"])
    marker = journal.sync()
    ballast = fill(disk, leave=4096)
    with pytest.raises(JournalFailed, match="No space left on device; check free space"):
        append_all(journal, [bytes(BLOCK)])
    journal.close()
    ballast.unlink()
    again, state = open_journal(disk / "slot", marker, "second")
    again.close()
    assert [b"durable"] == state.lines
