# SPDX-License-Identifier: Apache-2.0
"""The state directory: one user, one identity, and the fact that it once counted."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from journal import (
    JournalCorrupt,
    JournalFailed,
    JournalMissing,
    JournalVersion,
    StateDirectory,
    StateLocked,
    StateMismatch,
)

IDENTITY: dict[str, str | int] = {
    "flow": "restock",
    "shard": 3,
    "shards": 16,
    "slots": 8,
    "recovery_partitions": 4,
}
CREATED = "2026-11-21T00:00:00Z"
ROOT = Path(__file__).parents[3]


def open_directory(path: Path, **changed: str | int) -> StateDirectory:
    """Opens a state directory with the usual identity, or another."""
    return StateDirectory.open(path, {**IDENTITY, **changed}, created=CREATED)


def test_a_directory_is_created_with_its_identity(tmp_path: Path) -> None:
    """A new directory says whose it is, in a file that people can read."""
    path = tmp_path / "new" / "state"
    with open_directory(path) as directory:
        assert path == directory.path
        assert IDENTITY == directory.identity
        assert not directory.was_durable
        assert path / "slots" / "0007" == directory.slot_directory(7)

    stored = json.loads((path / "identity.json").read_text())
    state_id = stored.pop("state_id")
    assert {"format": 1, "created": CREATED, "identity": IDENTITY} == stored
    with open_directory(path) as directory:
        assert state_id == directory.state_id
    assert IDENTITY == StateDirectory.read_identity(path)


def test_a_directory_is_used_by_one_at_a_time(tmp_path: Path) -> None:
    """A second user is told who the first is, and may come after it."""
    first = open_directory(tmp_path)
    with pytest.raises(StateLocked, match=rf"in use by another process \(pid {os.getpid()}\)"):
        open_directory(tmp_path)
    first.close()
    first.close()

    open_directory(tmp_path).close()


def test_a_lock_is_seen_by_other_processes_and_ends_with_its_holder(tmp_path: Path) -> None:
    """The lock belongs to the process: a killed holder leaves nothing that must be removed."""
    program = (
        "import sys, pathlib; from journal import StateDirectory\n"
        f"held = StateDirectory.open(pathlib.Path(sys.argv[1]), {IDENTITY}, created='')\n"
        "print('held', flush=True); sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        assert holder.stdout is not None
        assert b"held\n" == holder.stdout.readline()
        with pytest.raises(StateLocked) as caught:
            open_directory(tmp_path)
        holder.kill()
        holder.wait()

    assert holder.pid == caught.value.holder
    open_directory(tmp_path).close()


def test_a_lock_without_a_number_is_still_a_lock(tmp_path: Path) -> None:
    """A lock file that says nothing changes the message, not the answer."""
    with open_directory(tmp_path):
        (tmp_path / "lock").write_text("")
        with pytest.raises(StateLocked, match="another process: stop it first"):
            open_directory(tmp_path)


def test_a_place_that_cannot_be_used_is_named_once(tmp_path: Path) -> None:
    """The operating system's reason stands in the line without its number and without the path."""
    place = tmp_path / "file"
    place.write_text("")
    with pytest.raises(JournalFailed) as caught:
        open_directory(place)

    assert str(caught.value).startswith(f"cannot create the folder {place}: File exists; check ")


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("shards", 4, "shards is 16 there, but 4 in this run: run with shards 16"),
        ("flow", "other", "flow is 'restock' there, but 'other' in this run"),
        ("extra", 1, "extra is absent there, but 1 in this run"),
    ],
)
def test_another_identity_is_refused(
    tmp_path: Path, field: str, value: str | int, message: str
) -> None:
    """The message names the field, both values and the remedy; the directory stays free."""
    open_directory(tmp_path).close()
    with pytest.raises(StateMismatch, match=message):
        open_directory(tmp_path, **{field: value})

    open_directory(tmp_path).close()


def test_a_field_that_is_no_longer_asked_for_is_a_mismatch(tmp_path: Path) -> None:
    """An identity with more fields than this run knows belongs to another release."""
    open_directory(tmp_path, region="north").close()

    with pytest.raises(StateMismatch, match="region is 'north' there, but absent in this run"):
        open_directory(tmp_path)


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"format": 1, "identity": 3}'])
def test_an_unreadable_identity_is_refused(tmp_path: Path, content: str) -> None:
    """A damaged identity is never replaced by a new one."""
    (tmp_path / "identity.json").write_text(content)

    with pytest.raises(JournalCorrupt, match=r"identity\.json is damaged"):
        open_directory(tmp_path)


def test_a_newer_identity_is_refused(tmp_path: Path) -> None:
    """A directory of a later release is named as such."""
    (tmp_path / "identity.json").write_text('{"format": 2, "identity": {}}')

    with pytest.raises(JournalVersion, match="format version 2, but 1 is needed"):
        open_directory(tmp_path)


@pytest.mark.parametrize("beside", ["durable", "slots"])
def test_state_without_an_identity_is_refused(tmp_path: Path, beside: str) -> None:
    """An identity that was lost is not made up from this run's settings."""
    (tmp_path / beside).mkdir()

    with pytest.raises(JournalMissing, match=r"identity\.json is missing.*restore a backup"):
        open_directory(tmp_path)


def test_a_directory_that_nobody_opened_has_no_identity(tmp_path: Path) -> None:
    """Reading the identity of any folder fails by name."""
    with pytest.raises(JournalMissing):
        StateDirectory.read_identity(tmp_path)


@pytest.mark.parametrize(
    ("name", "message"), [("lock", "cannot open"), ("identity.json", "cannot read")]
)
def test_a_folder_in_the_place_of_a_file_is_refused(
    tmp_path: Path, name: str, message: str
) -> None:
    """What is not a file is named."""
    (tmp_path / name).mkdir()

    with pytest.raises(JournalFailed, match=message):
        open_directory(tmp_path)


def test_a_file_system_without_locks_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a lock two runs could write to one state, so there is no run."""

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("fcntl.flock", refuse)

    with pytest.raises(JournalFailed, match=r"cannot lock .*No locks available"):
        open_directory(tmp_path)


def test_a_file_in_the_place_of_the_directory_is_refused(tmp_path: Path) -> None:
    """What is not a folder is named."""
    (tmp_path / "state").write_text("")

    with pytest.raises(JournalFailed, match="cannot create the folder"):
        open_directory(tmp_path / "state")


def test_the_first_durable_epoch_is_kept_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once marked, a directory stays marked, and marking again does not touch the disk."""
    with open_directory(tmp_path) as directory:
        directory.mark_durable()
        assert directory.was_durable
        monkeypatch.setattr("journal.files.os.fsync", None)
        directory.mark_durable()

    with open_directory(tmp_path) as directory:
        assert directory.was_durable
        directory.mark_durable()


def test_a_directory_that_cannot_be_written_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refused write names the file, and what was there before stays."""

    def refuse(_: int) -> None:
        message = "disk on fire"
        raise OSError(message)

    with open_directory(tmp_path) as directory, monkeypatch.context() as patch:
        patch.setattr("journal.files.os.fsync", refuse)
        with pytest.raises(JournalFailed, match=r"cannot write .*durable: disk on fire"):
            directory.mark_durable()
        assert not directory.was_durable


def test_every_state_has_an_id(tmp_path: Path) -> None:
    """Two states differ in it; one made before there were ids gets one that it keeps."""
    with open_directory(tmp_path / "one") as one, open_directory(tmp_path / "two") as two:
        assert one.state_id != two.state_id
    file = tmp_path / "one" / "identity.json"
    content = json.loads(file.read_text())
    del content["state_id"]
    file.write_text(json.dumps(content))
    with open_directory(tmp_path / "one") as one:
        given = one.state_id
        assert given != two.state_id
        assert IDENTITY == one.identity
    with open_directory(tmp_path / "one") as one:
        assert given == one.state_id
        assert (tmp_path / "one" / "lock").stat().st_ino == one.lock_file.st_ino
    file.write_text(json.dumps({**content, "state_id": 7}))
    with pytest.raises(JournalCorrupt, match="its state_id is not text"):
        open_directory(tmp_path / "one")
