# SPDX-License-Identifier: Apache-2.0
"""Killed at any point, a journal comes back as of its marker: the committed one, or the next."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.journal_program import last_marker
from tests.support.journals import (
    contents,
    open_journal,
    record,
)

ROOT = Path(__file__).parents[3]
RUNNING = [
    "appended",
    "written",
    "synced",
    "returned",
    "committed",
    "rotated",
    "helper-started",
    "base-adopted",
    "unlinked",
]
OPENING = ["open-loaded", "open-cut", "open-cleaned"]


def run_until_killed(directory: Path, token: str, point: str, visit: int) -> None:
    """Runs the program that ends by killing itself."""
    command = [sys.executable, "-m", "tests.support.journal_program", str(directory)]
    command += [str(directory.parent / "markers"), token, point, str(visit)]
    assert -9 == subprocess.run(command, cwd=ROOT, check=False).returncode


def check_both_markers(directory: Path) -> None:
    """Resumes from the last committed marker, and from the last returned one, in copies."""
    for kind in ("committed", "returned"):
        count, marker = last_marker(directory.parent / "markers", kind)
        copy = directory.with_name(f"copy-{kind}")
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(directory, copy)
        journal, state = open_journal(copy, marker, "checked")
        journal.close()
        assert [record(number) for number in range(count)] == state.lines


@pytest.fixture(scope="module")
def crashed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A slot's folder with a base, segments, and a tail that no committed marker covers."""
    directory = tmp_path_factory.mktemp("crashed") / "0003"
    directory.parent.mkdir(exist_ok=True)
    run_until_killed(directory, "run1", "synced", 12)
    return directory


@pytest.mark.parametrize("visit", [1, 3])
@pytest.mark.parametrize("point", RUNNING)
def test_a_killed_journal_resumes_from_its_marker(
    crashed: Path, directory: Path, point: str, visit: int
) -> None:
    """A second run, killed at a named point, leaves a state equal to what its markers say."""
    shutil.copytree(crashed.parent, directory.parent)
    run_until_killed(directory, "run2", point, visit)

    check_both_markers(directory)


@pytest.mark.parametrize("point", OPENING)
def test_a_killed_resume_can_be_repeated(crashed: Path, directory: Path, point: str) -> None:
    """A resume that is killed half-way is as good as one that was never begun."""
    shutil.copytree(crashed.parent, directory.parent)
    run_until_killed(directory, "run2", point, 1)
    run_until_killed(directory, "run3", point, 1)
    count, marker = last_marker(directory.parent / "markers", "committed")
    _, state = open_journal(directory, marker, "run4")

    assert [record(number) for number in range(count)] == state.lines


def test_the_crashed_journal_is_worth_testing(crashed: Path) -> None:
    """The journal that the tests above begin with has a base and a tail behind the marker."""
    committed, _ = last_marker(crashed.parent / "markers", "committed")
    names = contents(crashed)

    assert 7 * 11 == committed
    assert any(name.startswith("base-") for name in names)
    assert any(name.startswith("segment-") for name in names)


@dataclass
class Disk:
    """What a power loss leaves of a folder: only what was synced, under names that were synced."""

    directory: Path
    inodes: dict[int, bytes]
    names: dict[str, int]

    def sync(self, descriptor: int) -> None:
        """Takes note of what a sync of this file or folder makes safe."""
        target = os.stat(descriptor).st_ino
        if target == self.directory.stat().st_ino:
            self.names = {entry.name: entry.inode() for entry in os.scandir(self.directory)}
        for file in self.directory.iterdir():
            if file.stat().st_ino == target:
                self.inodes[target] = file.read_bytes()

    def write_to(self, directory: Path) -> None:
        """Writes what is left to another folder; a file that was never synced is empty."""
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir()
        for name, inode in self.names.items():
            (directory / name).write_bytes(self.inodes.get(inode, b""))


@pytest.mark.usefixtures("inline_helper")
def test_a_power_loss_at_any_point_loses_nothing_that_a_marker_names(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At every named point, what was synced by then is enough for the last marker given."""
    directory.mkdir(parents=True)
    disk = Disk(directory, {}, {})
    copy = directory.with_name("copy")
    given: list[tuple[int, bytes | None]] = [(0, None)]
    visited = set()

    def lose_power(name: str) -> None:
        visited.add(name)
        for count, marker in given[-2:]:
            disk.write_to(copy)
            _, state = open_journal(copy, marker, "checked")
            assert [record(number) for number in range(count)] == state.lines

    with monkeypatch.context() as patch:
        for name in ("fsync", "fdatasync"):
            patch.setattr(os, name, disk.sync)
        journal, _ = open_journal(directory)
        journal._crash_point = lose_power
        for count in range(1, 91):
            journal.append(record(count - 1))
            if count % 3 == 1:
                continue
            if count % 3 == 2 or count % 4:  # at times what was synced is only then known to count
                given.append((count, journal.sync()))
                lose_power("returned")
                del given[:-1]
            journal.durable()
            if count % 2 == 0:  # a marker that may differ by an adopted base alone
                journal.durable()
                given.append((count, journal.sync()))
                lose_power("returned")

    assert {*RUNNING} - {"committed"} == visited
