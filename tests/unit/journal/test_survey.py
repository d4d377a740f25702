# SPDX-License-Identifier: Apache-2.0
"""A slot's folder is looked at and copied while somebody else writes there."""

import os
from pathlib import Path

import pytest

from journal import JournalCorrupt, JournalMissing, StateLocked
from journal.directory import locked
from journal.marker import Marker
from journal.survey import copy_named, journal_files, survey
from tests.support.journals import Lines, append_all, open_journal

RECORDS = [b"one", b"two", b"three"]


def test_a_survey_counts_what_is_named_and_lists_the_rest(tmp_path: Path) -> None:
    """What was written after the marker, and what does not belong there, lies beside."""
    journal, _ = open_journal(tmp_path)
    append_all(journal, RECORDS)
    marker = journal.sync()
    append_all(journal, [b"later"])
    journal.sync()
    (tmp_path / "base-old-1.journal.tmp").touch()
    (tmp_path / "notes").touch()
    state = Lines()
    seen = survey(tmp_path, 3, marker, state)
    journal.close()
    assert RECORDS == state.lines
    assert (1, Marker.decode(marker, 3).segments[0].length) == (seen.named, seen.length)
    assert ("base-old-1.journal.tmp", "notes") == seen.beside
    assert 2 == len(journal_files(tmp_path))
    assert [] == journal_files(tmp_path / "nowhere")


def test_a_copy_ends_where_the_marker_says(tmp_path: Path) -> None:
    """Bytes after the named length are not copied, and the copy is a file of its own."""
    journal, _ = open_journal(tmp_path / "original")
    append_all(journal, RECORDS)
    marker = journal.sync()
    append_all(journal, [b"later"])
    journal.sync()
    journal.close()
    copied = copy_named(tmp_path / "original", tmp_path / "copy", 3, marker)
    (file,) = (tmp_path / "copy").iterdir()
    assert copied == file.stat().st_size == Marker.decode(marker, 3).segments[0].length
    assert 1 == file.stat().st_nlink
    state = Lines()
    survey(tmp_path / "copy", 3, marker, state)
    assert RECORDS == state.lines


def test_a_copy_of_what_is_gone_or_too_short_is_an_error(tmp_path: Path) -> None:
    """A file that was deleted since asks for a newer marker; a short one is damage."""
    journal, _ = open_journal(tmp_path / "original")
    append_all(journal, RECORDS)
    marker = journal.sync()
    journal.close()
    (file,) = (tmp_path / "original").iterdir()
    os.truncate(file, file.stat().st_size - 1)
    with pytest.raises(JournalCorrupt, match="the marker says"):
        copy_named(tmp_path / "original", tmp_path / "short", 3, marker)
    file.unlink()
    with pytest.raises(JournalMissing):
        copy_named(tmp_path / "original", tmp_path / "gone", 3, marker)


def test_a_lock_keeps_others_out_for_a_while(tmp_path: Path) -> None:
    """Whoever restores a state must not meet a run that starts on it."""
    with locked(tmp_path), pytest.raises(StateLocked), locked(tmp_path):
        pass
    with locked(tmp_path):
        pass
