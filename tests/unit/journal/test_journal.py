# SPDX-License-Identifier: Apache-2.0
"""The journal's promises while nothing goes wrong with the files themselves."""

import errno
import os
from pathlib import Path

import pytest
from typing_extensions import override

from journal import Foldable, Journal, JournalError, JournalFailed, JournalVersion, Limits
from journal.files import sync_data, sync_directory
from tests.support.journals import Lines, append_all, contents, open_journal


def test_what_was_synced_is_rebuilt_in_order(directory: Path) -> None:
    """A marker brings back exactly the records before it, whatever came after."""
    journal, _ = open_journal(directory)
    append_all(journal, [b"one", b"", b"two" * 100])
    marker = journal.sync()
    journal.append(b"too late")
    journal.close()

    _, state = open_journal(directory, marker, "second")

    assert [b"one", b"", b"two" * 100] == state.lines


def test_an_empty_journal_has_a_marker_and_no_files(directory: Path) -> None:
    """A slot that nothing happened to costs no file and can be resumed."""
    journal, _ = open_journal(directory)
    marker = journal.sync()
    journal.durable()
    journal.close()

    again, state = open_journal(directory, marker, "second")

    assert [] == state.lines
    assert marker == again.sync()
    assert {} == contents(directory)


def test_a_slot_without_a_marker_starts_afresh(directory: Path) -> None:
    """Leftovers of an execution that never committed anything are deleted, other files are not."""
    journal, _ = open_journal(directory)
    journal.append(b"never committed")
    journal.sync()
    journal.close()
    (directory / "base-first-9.journal.tmp").write_bytes(b"half a base")
    (directory / "notes.txt").write_bytes(b"an operator's")

    _, state = open_journal(directory, None, "second")

    assert [] == state.lines
    assert {"notes.txt": b"an operator's"} == contents(directory)


def test_a_resume_never_appends_to_an_old_file(directory: Path) -> None:
    """Each execution writes to files of its own, after cutting what the marker does not cover."""
    journal, _ = open_journal(directory)
    journal.append(b"kept")
    marker = journal.sync()
    before = contents(directory)
    journal.append(b"lost")
    journal.sync()
    journal.close()

    again, _ = open_journal(directory, marker, "second")
    assert before == contents(directory)
    again.append(b"new")
    last = again.sync()

    assert before.items() <= contents(directory).items()
    assert ["segment-first-1.journal", "segment-second-1.journal"] == sorted(contents(directory))
    assert [b"kept", b"new"] == open_journal(directory, last, "third")[1].lines


def test_a_token_is_refused_the_second_time(directory: Path) -> None:
    """A file name never comes back, since an orphan might still write to it."""
    journal, _ = open_journal(directory)
    journal.append(b"one")
    marker = journal.sync()

    with pytest.raises(JournalError, match="each execution needs a new one"):
        open_journal(directory, marker, "first")


@pytest.mark.parametrize("token", ["", "a b", "a/b", "..", "a-b", "a\n"])
def test_a_token_must_fit_into_a_file_name(directory: Path, token: str) -> None:
    """A token is letters and digits."""
    with pytest.raises(JournalError, match="letters and digits"):
        open_journal(directory, None, token)


@pytest.mark.parametrize("factory", ["", "module", ":callable", "module:"])
def test_a_factory_must_name_a_callable(directory: Path, factory: str) -> None:
    """A factory that no helper could use is refused at the start, not at the first compaction."""
    with pytest.raises(JournalError, match="module:callable"):
        open_journal(directory, factory=factory)


def test_a_marker_of_another_slot_is_refused(directory: Path) -> None:
    """A slot cannot be resumed from another slot's marker."""
    journal, _ = open_journal(directory)
    journal.append(b"one")

    with pytest.raises(JournalVersion, match="has slot 3, but 4 is needed"):
        Journal.open(directory, 4, journal.sync(), Lines(), token="b", factory="m:f")


def test_a_marker_is_small(directory: Path) -> None:
    """A marker is about a hundred bytes and the same again for two segments."""
    journal, _ = open_journal(directory)
    journal.append(b"one" * 1000)

    assert 120 > len(journal.sync())


def test_an_unchanged_journal_is_not_synced(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sync without news gives the same marker and leaves the disk alone."""
    journal, _ = open_journal(directory)
    journal.append(b"one")
    marker = journal.sync()
    monkeypatch.setattr("journal.segment.sync_data", None)

    assert marker == journal.sync()


def test_the_file_and_its_folder_are_synced_before_the_marker(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new file is synced with its folder, a longer one alone, and only then it is named."""
    done: list[str] = []

    def data(descriptor: int) -> None:
        sync_data(descriptor)
        done.append("file")

    def folder(path: Path) -> None:
        sync_directory(path)
        done.append("folder")

    monkeypatch.setattr("journal.segment.sync_data", data)
    monkeypatch.setattr("journal.segment.sync_directory", folder)
    journal, _ = open_journal(directory, crash_point=done.append)
    done.clear()
    journal.append(b"one")
    journal.sync()
    journal.append(b"two")
    journal.sync()

    assert ["appended", "file", "folder", "synced", "appended", "file", "synced"] == done


def test_records_reach_the_system_in_buffers(directory: Path) -> None:
    """Appending writes whenever the buffer is full, and not before."""
    points: list[str] = []
    journal, _ = open_journal(
        directory, limits=Limits(write_buffer=1000), crash_point=points.append
    )
    append_all(journal, [b"x" * 100] * 30)

    assert 3 == points.count("written")
    assert 3000 < (directory / "segment-first-1.journal").stat().st_size < 3400


def test_short_writes_are_continued(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A system that takes a few bytes at a time loses none."""
    write = os.write
    journal, _ = open_journal(directory)
    with monkeypatch.context() as patch:
        patch.setattr("journal.segment.os.write", lambda file, data: write(file, data[:7]))
        append_all(journal, [b"x" * 100, b"y" * 50])
        marker = journal.sync()

    assert [b"x" * 100, b"y" * 50] == open_journal(directory, marker, "second")[1].lines


@pytest.mark.parametrize("step", ["os.write", "sync_data", "sync_directory"])
def test_after_a_failed_write_or_sync_nothing_is_promised(
    directory: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """What the disk holds after a failure is unknown: no second try, no marker, a clear message."""

    def refuse(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    journal, _ = open_journal(directory)
    with monkeypatch.context() as patch:
        patch.setattr(f"journal.segment.{step}", refuse)
        journal.append(b"one")
        with pytest.raises(JournalFailed, match=r"No space left.*check free space"):
            journal.sync()
    calls = (journal.sync, journal.durable, lambda: journal.append(b"two"))
    for call in calls:
        with pytest.raises(JournalError, match="takes nothing more"):
            call()
    journal.close()


def test_a_journal_that_cannot_create_a_file_says_so(directory: Path) -> None:
    """A folder that vanished under a running journal is a failure, not a silent loss."""
    journal, _ = open_journal(directory)
    directory.rmdir()

    with pytest.raises(JournalFailed, match="create a segment in"):
        journal.append(b"one")
    with pytest.raises(JournalError, match="takes nothing more"):
        journal.sync()


def test_a_record_that_is_too_long_changes_nothing(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A record beyond the format's limit is refused, and the journal goes on without it."""
    monkeypatch.setattr("journal.frames._MAX_PAYLOAD", 10)
    journal, _ = open_journal(directory)
    journal.append(b"x" * 10)
    with pytest.raises(JournalError, match="a record of 11 bytes is too long: at most 10 fit"):
        journal.append(b"x" * 11)
    journal.append(b"y")

    assert [b"x" * 10, b"y"] == open_journal(directory, journal.sync(), "second")[1].lines


def test_a_closed_journal_takes_nothing(directory: Path) -> None:
    """After close, which may be called twice, every use is refused."""
    journal, _ = open_journal(directory)
    journal.append(b"one")
    journal.close()
    journal.close()

    with pytest.raises(JournalError, match="it is closed"):
        journal.append(b"two")
    with pytest.raises(JournalError, match="it is closed"):
        journal.sync()


def test_a_dropped_journal_leaks_no_file(directory: Path) -> None:
    """A journal that nobody closes gives its descriptor back when it goes."""
    journal, _ = open_journal(directory)
    journal.append(b"one")
    assert journal._segment is not None
    descriptor = journal._segment._descriptor
    del journal

    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


def test_a_record_that_cannot_be_applied_names_its_place(directory: Path) -> None:
    """An error of the state itself passes through, says where, and leaves the disk as it was."""

    class Picky(Lines):
        @override
        def apply(self, record: bytes) -> None:
            message = f"what is {record!r}?"
            raise ValueError(message)

    journal, _ = open_journal(directory)
    journal.append(b"one")
    marker = journal.sync()
    journal.append(b"two")
    journal.sync()
    before = contents(directory)
    picky: Foldable = Picky()

    with pytest.raises(ValueError, match="what is b'one'") as caught:
        Journal.open(directory, 3, marker, picky, token="b", factory="m:f")

    assert any("segment-first-1.journal at byte" in note for note in caught.value.__notes__)
    assert before == contents(directory)
