# SPDX-License-Identifier: Apache-2.0
"""Compaction: a helper process makes a new base while the journal goes on."""

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from journal import Journal, JournalCorrupt, Limits, compact
from journal.base import check_base
from journal.compaction import Compaction
from journal.marker import Marker
from tests.support.journals import (
    GATE_VARIABLE,
    InlineHelper,
    Lines,
    append_all,
    contents,
    gone,
    open_journal,
    wait_until,
)

GATED = "tests.support.journals:gated_lines"
UNWILLING = "tests.support.journals:unwilling_lines"
ROOT = Path(__file__).parents[3]


@pytest.fixture
def gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that a helper with the gated factory waits for."""
    monkeypatch.setenv(GATE_VARIABLE, str(tmp_path / "gate.open"))
    return tmp_path / "gate.open"


def numbers(start: int, end: int) -> list[bytes]:
    """Gives records that are large enough to make a compaction due after a hundred."""
    return [b"%d" % number for number in range(start, end)]


def commit(journal: Journal) -> bytes:
    """Goes through the end of an epoch."""
    marker = journal.sync()
    journal.durable()
    return marker


def until_taken(journal: Journal) -> None:
    """Calls `durable` until a running helper has ended and its result is taken."""

    def taken() -> bool:
        journal.durable()
        return not journal.compacting

    wait_until(taken)


def test_a_helper_compacts_while_writing_goes_on(directory: Path, gate: Path) -> None:
    """The new base replaces its sources in the next marker, on the disk once that is durable."""
    journal, _ = open_journal(directory, factory=GATED)
    append_all(journal, numbers(0, 100))
    commit(journal)
    wait_until(gate.with_suffix(".pid").exists)
    append_all(journal, numbers(100, 120))
    before = commit(journal)
    assert journal.compacting
    gate.touch()
    until_taken(journal)
    assert before != journal.sync()

    assert {
        "segment-first-1.journal",
        "base-first-2.journal",
        "segment-first-3.journal",
    } == set(contents(directory))
    append_all(journal, numbers(120, 130))
    marker = commit(journal)
    journal.close()

    assert journal.last_compaction_error is None
    assert {"base-first-2.journal", "segment-first-3.journal"} == set(contents(directory))
    assert numbers(0, 130) == open_journal(directory, marker, "second")[1].lines


def test_a_finished_helper_is_no_zombie(directory: Path, gate: Path) -> None:
    """The process is waited for when its result is taken."""
    journal, _ = open_journal(directory, factory=GATED)
    append_all(journal, numbers(0, 100))
    commit(journal)
    wait_until(gate.with_suffix(".pid").exists)
    helper = Path("/proc", gate.with_suffix(".pid").read_text())
    assert helper.exists()
    gate.touch()
    until_taken(journal)

    assert not helper.exists()


@pytest.mark.parametrize("how", ["closed", "dropped"])
def test_a_journal_takes_its_helper_along(directory: Path, gate: Path, how: str) -> None:
    """No helper is left behind, however the journal ends."""
    journal, _ = open_journal(directory, factory=GATED)
    append_all(journal, numbers(0, 100))
    marker = commit(journal)
    wait_until(gate.with_suffix(".pid").exists)
    helper = Path("/proc", gate.with_suffix(".pid").read_text())
    if how == "closed":
        journal.close()
    del journal

    assert not helper.exists()
    assert numbers(0, 100) == open_journal(directory, marker, "second")[1].lines


def test_a_helper_dies_with_its_process(directory: Path, gate: Path) -> None:
    """When the process is killed its helper is killed by the kernel."""
    program = (
        "import os, signal, sys; from pathlib import Path\n"
        "from tests.support.journals import *\n"
        "journal, _ = open_journal(Path(sys.argv[1]), factory=sys.argv[2])\n"
        "append_all(journal, [b'%d' % number for number in range(100)])\n"
        "journal.sync(); journal.durable()\n"
        f"wait_until(Path({str(gate.with_suffix('.pid'))!r}).exists)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(directory), GATED], cwd=ROOT, check=False
    )
    helper = int(gate.with_suffix(".pid").read_text())

    assert -9 == done.returncode
    wait_until(lambda: gone(helper))


def test_an_orphan_does_not_even_begin(directory: Path) -> None:
    """A helper whose starter is not its parent gives up before it writes."""
    journal, _ = open_journal(directory, limits=Limits())
    journal.append(b"one")
    marker = journal.sync()
    command = [sys.executable, "-m", "journal.compact", "--directory", str(directory)]
    command += ["--slot", "3", "--sources", marker.decode(), "--target", "base-first-9.journal"]
    command += ["--factory", "tests.support.journals:Lines", "--parent", "1"]
    before = contents(directory)
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)

    assert (1, "JournalError: the process that wanted this compaction is gone\n") == (
        done.returncode,
        done.stderr,
    )
    assert before == contents(directory)


@pytest.mark.usefixtures("inline_helper")
def test_an_orphans_base_never_counts(directory: Path) -> None:
    """What a helper of an earlier execution still writes is ignored, and deleted later."""
    journal, _ = open_journal(directory)
    append_all(journal, numbers(0, 100))
    marker = journal.sync()
    sources = Marker.decode(marker, 3)
    orphan = Compaction(directory, "m:f")
    again, _ = open_journal(directory, marker, "second")
    orphan.start(sources, "base-first-2.journal")
    append_all(again, numbers(100, 300))
    commit(again)
    again.durable()
    last = commit(again)
    assert "base-first-2.journal" in contents(directory)

    _, state = open_journal(directory, last, "third")
    assert numbers(0, 300) == state.lines
    assert "base-first-2.journal" not in contents(directory)


def test_an_orphan_without_its_sources_fails(directory: Path) -> None:
    """A helper whose sources a later execution deleted writes nothing."""
    journal, _ = open_journal(directory)
    append_all(journal, numbers(0, 10))
    sources = Marker.decode(journal.sync(), 3)
    (directory / "segment-first-1.journal").unlink()
    orphan = Compaction(directory, "tests.support.journals:Lines")
    orphan.start(sources, "base-first-2.journal")
    wait_until(lambda: orphan.take() or not orphan.running)

    assert "segment-first-1.journal is missing" in (orphan.last_error or "")
    assert {} == contents(directory)


@pytest.mark.parametrize(
    "point", ["compact-loaded", "compact-written", "compact-synced", "compact-renamed"]
)
def test_a_killed_helper_does_no_harm_and_is_replaced(
    directory: Path, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    """Wherever a helper dies, the state stays, the error is told, and a later helper succeeds."""
    monkeypatch.setenv(compact.CRASH_VARIABLE, point)
    journal, _ = open_journal(directory)
    append_all(journal, numbers(0, 100))
    marker = commit(journal)
    until_taken(journal)

    assert "the helper ended with signal 9: it said nothing" == journal.last_compaction_error
    assert {"segment-first-1.journal"} == set(contents(directory))
    assert numbers(0, 100) == open_journal(directory, marker, f"x{point[8:]}")[1].lines

    monkeypatch.delenv(compact.CRASH_VARIABLE)
    append_all(journal, numbers(100, 110))
    commit(journal)
    for _ in range(2):
        journal.durable()
    assert journal.compacting
    until_taken(journal)
    last = commit(journal)
    journal.close()

    assert journal.last_compaction_error is None
    assert Marker.decode(last, 3).base is not None
    assert numbers(0, 110) == open_journal(directory, last, "second")[1].lines


def test_a_failing_helper_is_told_about_in_one_line(directory: Path) -> None:
    """What the helper says on its way out is what the journal reports."""
    journal, _ = open_journal(directory, factory=UNWILLING)
    append_all(journal, numbers(0, 100))
    commit(journal)
    until_taken(journal)

    assert "the helper ended with exit code 1: RuntimeError: no state today" == (
        journal.last_compaction_error
    )


class FailingHelper(InlineHelper):
    """A helper that ends badly at once."""

    started = 0

    def __init__(self, *_: object, **__: object) -> None:
        """Counts the attempts."""
        type(self).started += 1
        self.returncode = 1


def test_failing_helpers_come_more_and_more_seldom(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Attempts back off, and an attempt that is repeated does not add segments."""
    monkeypatch.setattr("journal.compaction.subprocess.Popen", FailingHelper)
    monkeypatch.setattr(FailingHelper, "started", 0)
    journal, _ = open_journal(directory)
    append_all(journal, numbers(0, 100))
    attempts = []
    for epoch in range(40):
        journal.append(b"%d" % epoch)
        marker = commit(journal)
        attempts.append(FailingHelper.started)

    assert [1, 1, 1, 2, 2, 2, 2, 2, 3] == attempts[:9]
    assert 5 == attempts[-1]
    assert 2 == len(Marker.decode(marker, 3).segments)


def test_a_helper_that_cannot_be_started_does_no_harm(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Too many processes, or a full disk, delay the compaction and nothing else."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    journal, _ = open_journal(directory)
    append_all(journal, numbers(0, 100))
    for refused in ("subprocess.Popen", "_message_file"):
        with monkeypatch.context() as patch:
            patch.setattr(f"journal.compaction.{refused}", refuse)
            attempts = 0
            for _ in range(4):
                commit(journal)
                attempts += not journal.compacting
            assert 4 == attempts
            assert "could not be started" in (journal.last_compaction_error or "")


@pytest.mark.usefixtures("inline_helper")
def test_compactions_follow_the_size_of_the_state(directory: Path) -> None:
    """A compaction is due when the segments outweigh the base, so its cost stays in proportion."""
    journal, _ = open_journal(
        directory, limits=Limits(write_buffer=64, compact_bytes=1000, compact_ratio=1.0)
    )
    bases = set()
    for epoch in range(400):
        append_all(journal, [b"%d" % epoch * 10])
        base = Marker.decode(commit(journal), 3).base
        bases.add(base and base.name)
        journal.durable()

    assert 4 < len(bases) < 8


@pytest.mark.usefixtures("inline_helper")
def test_many_restarts_do_not_pile_up_segments(directory: Path) -> None:
    """Each restart adds a segment; after the limit they become a base."""
    limits = Limits(compact_segments=4)
    marker = None
    most = 0
    for run in range(12):
        journal, state = open_journal(directory, marker, f"run{run}", limits=limits)
        assert numbers(0, run) == state.lines
        journal.append(b"%d" % run)
        commit(journal)
        journal.durable()
        marker = commit(journal)
        most = max(most, len(Marker.decode(marker, 3).segments))
        journal.close()

    assert 4 == most
    assert numbers(0, 12) == open_journal(directory, marker, "last", limits=limits)[1].lines


@pytest.mark.usefixtures("inline_helper")
def test_sources_stay_until_the_new_base_is_durable(directory: Path) -> None:
    """Both markers around an adoption can be resumed from, until the later one is committed."""
    journal, _ = open_journal(directory)
    append_all(journal, numbers(0, 100))
    old = commit(journal)
    for _ in range(3):  # without a new marker nothing may go
        journal.durable()
    new = journal.sync()
    assert Marker.decode(new, 3).base is not None

    for name, marker in (("old", old), ("new", new)):
        copy = directory.with_name(name)
        shutil.copytree(directory, copy)
        assert numbers(0, 100) == open_journal(copy, marker, "second")[1].lines

    journal.durable()
    assert {"base-first-2.journal"} == set(contents(directory))


@pytest.mark.usefixtures("inline_helper")
def test_files_that_cannot_be_deleted_are_tried_again(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that may go but cannot be deleted now disturbs nobody and goes later."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    journal, _ = open_journal(directory)
    append_all(journal, numbers(0, 100))
    commit(journal)
    journal.durable()
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", refuse)
        commit(journal)
    assert {"base-first-2.journal", "segment-first-1.journal"} == set(contents(directory))
    journal.durable()

    assert {"base-first-2.journal"} == set(contents(directory))


@pytest.mark.usefixtures("inline_helper")
def test_an_incomplete_base_is_not_adopted(directory: Path) -> None:
    """A base that lacks its end, or was made of other sources, is refused."""
    journal, _ = open_journal(directory)
    append_all(journal, numbers(0, 100))
    sources = Marker.decode(journal.sync(), 3)
    Compaction(directory, "m:f").start(sources, "base-first-2.journal")
    file = directory / "base-first-2.journal"
    content = file.read_bytes()
    assert 100 == check_base(directory, file.name, sources).frames

    for length in range(len(content) - 40, len(content)):
        file.write_bytes(content[:length])
        with pytest.raises(JournalCorrupt, match="footer"):
            check_base(directory, file.name, sources)
    file.write_bytes(content)
    append_all(journal, [b"more"])
    with pytest.raises(JournalCorrupt, match="other sources"):
        check_base(directory, file.name, Marker.decode(journal.sync(), 3))


def test_lines_are_what_the_helper_makes() -> None:
    """The tests' state obeys the rule for states: a dump loads to the same state."""
    state = Lines()
    state.apply(b"one")
    again = Lines()
    again.load(state.dump())

    assert [b"one"] == again.lines
