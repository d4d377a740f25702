# SPDX-License-Identifier: Apache-2.0
"""Backups are whole or not there, and a restore never deletes anything."""

import json
import pickle
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from bytewax.recovery import init_db_dir

from dataflows.folding import FACTORY, empty
from journal import Journal, StateDirectory
from restock.cli import main
from restock.errors import StartupError, StateError
from restock.recovery_store import open_recovery_store
from restock.shards import Shard
from restock.state_check import check_shard
from restock.state_copy import back_up, restore
from restock.state_places import find_shards
from restock.state_store import copy_store
from schemas.decode import decode_subscription
from waitlist.redo import VERSION
from waitlist.slot import empty_slot

NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
ARRIVAL = 1_790_000_000_000


class Run:
    """Writes a shard's state as a run of the program would, an epoch at a time.

    Args:
        state: The state directory.
        shard: Which shard.
    """

    def __init__(self, state: Path, shard: Shard) -> None:
        self.directory = state / f"shard-{shard.index}-of-{shard.count}"
        self.directory.mkdir(parents=True)
        identity = {"flow": "restock", "state_format": VERSION, "shard": str(shard), "slots": 1}
        (self.directory / "identity.json").write_text(
            json.dumps({"format": 1, "identity": identity})
        )
        (self.directory / "durable").touch()
        (self.directory / "recovery").mkdir()
        init_db_dir(self.directory / "recovery", 1)
        self.slots = self.directory / "slots" / "0000"
        self._epoch = 0
        self._restarts = 0
        self._slot = empty_slot()
        self._marker: bytes | None = None
        self._open()

    def epoch(self, person: str) -> None:
        """Somebody signs up, and it becomes durable."""
        value = {
            "type": "subscribe",
            "variant_id": "shoe",
            "profile": {"id": person},
            "occurred_at": ARRIVAL - 1000,
        }
        event = decode_subscription(json.dumps(value).encode(), ARRIVAL)
        self._slot.apply([event], ARRIVAL)
        for record in self._slot.take_records():
            self._journal.append(record)
        self._marker = self._journal.sync()
        self._epoch += 1
        with closing(sqlite3.connect(self.directory / "recovery" / "part-0.sqlite3")) as store:
            store.execute("INSERT OR IGNORE INTO exs (ex_num, worker_count, resume_epoch) "
                          "VALUES (0, 1, 0)")  # fmt: skip
            store.execute("INSERT OR REPLACE INTO fronts (ex_num, worker_index, worker_frontier) "
                          "VALUES (0, 0, ?)", (self._epoch + 1,))  # fmt: skip
            store.execute("INSERT INTO snaps (step_id, state_key, snap_epoch, ser_change) "
                          "VALUES ('restock.waitlist', 'slot-0000', ?, ?)",
                          (self._epoch, pickle.dumps(self._marker)))  # fmt: skip
            store.commit()
        self._journal.durable()

    def replace_files(self) -> None:
        """Commit an epoch whose marker names other files, and delete those it replaced."""
        old = list(self.slots.iterdir())
        self._journal.close()
        for file in old:
            file.unlink()
        self._slot = empty_slot()
        self._marker = None
        self._open()
        self.epoch("somebody else")

    def close(self) -> None:
        """Close the journal."""
        self._journal.close()

    def _open(self) -> None:
        self._restarts += 1
        self._journal = Journal.open(
            self.slots, 0, self._marker, empty(), token=f"t{self._restarts}", factory=FACTORY
        )


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state directory with one shard and two people in it."""
    run = Run(tmp_path / "state", Shard())
    run.epoch("A")
    run.epoch("B")
    run.close()
    return tmp_path / "state"


def everything(directory: Path) -> dict[str, bytes]:
    """All files of a directory but its lock."""
    return {
        str(file.relative_to(directory)): file.read_bytes()
        for file in directory.rglob("*")
        if file.is_file() and file.name != "lock"
    }


def test_a_backup_holds_what_the_state_holds(state: Path, tmp_path: Path) -> None:
    """And the state stays as it is."""
    before = everything(state)
    (report,) = back_up(state, tmp_path / "backup", None)
    assert (3, 1, 2) == (report.epoch, report.variants, report.waiting)
    assert tmp_path / "backup" / "shard-0-of-1" == report.directory
    assert before == everything(state)
    assert [] == check_shard(report.directory).problems


def test_a_backup_of_a_rebuild_under_way_says_so(state: Path, tmp_path: Path) -> None:
    """Restored, it is gone on with: half of the past must not be taken for all of it."""
    (state / "shard-0-of-1" / "rebuilding.json").write_text("{}")
    (report,) = back_up(state, tmp_path / "backup", None)
    assert [] == report.beside
    assert (report.directory / "rebuilding.json").exists()
    assert report.rebuilding


def test_a_check_tells_of_a_rebuild_under_way(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Sound, but not all of it: whoever looks is told that the next run goes on with it."""
    words = ["state", "check", "--state-directory", str(state)]
    assert 0 == main(words)
    assert "rebuild" not in capsys.readouterr().out
    (state / "shard-0-of-1" / "rebuilding.json").write_text("{}")
    assert 0 == main(words)
    assert "  a rebuild is under way: the next `restock run` goes on with it\n" in (
        capsys.readouterr().out
    )
    assert 0 == main([*words, "--json"])
    assert json.loads(capsys.readouterr().out)["shards"][0]["rebuilding"]


def test_a_backup_says_what_it_is_of(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With defaults and relative names, nobody else tells which directory was copied."""
    words = ["state", "backup", "--state-directory", str(state)]
    assert 0 == main([*words, str(state.parent / "one")])
    assert f"copied from  {state}\n" in capsys.readouterr().out
    assert 0 == main([*words, str(state.parent / "two"), "--json"])
    assert str(state) == json.loads(capsys.readouterr().out)["source"]


def test_a_backup_into_a_folder_that_is_not_there_is_refused(state: Path, tmp_path: Path) -> None:
    """The line names that folder, and not the hidden one in which the copy is made."""
    target = tmp_path / "backups" / "monday"
    with pytest.raises(StateError) as caught:
        back_up(state, target, None)
    expected = f"{target} cannot be made: {target.parent} does not exist; make it first, or "
    assert str(caught.value).startswith(expected)


def test_a_backup_begins_again_when_files_are_replaced_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program committed an epoch, and deleted what it replaced, between store and journals."""
    run = Run(tmp_path / "state", Shard())
    run.epoch("A")
    copies = []

    def copy_and_be_overtaken(source: Path, target: Path) -> None:
        copy_store(source, target)
        copies.append(target)
        if len(copies) == 1:
            run.replace_files()

    monkeypatch.setattr("restock.state_copy.copy_store", copy_and_be_overtaken)
    (report,) = back_up(tmp_path / "state", tmp_path / "backup", None)
    run.close()
    assert 2 == len(copies)
    assert (3, []) == (report.epoch, report.problems)


def test_a_backup_gives_up_on_files_that_stay_away(state: Path, tmp_path: Path) -> None:
    """What is missing again and again is missing; nothing is left of the attempts."""
    for file in (state / "shard-0-of-1" / "slots" / "0000").iterdir():
        file.unlink()
    with pytest.raises(StateError, match="is missing"):
        back_up(state, tmp_path / "backup", None)
    assert ["state"] == [file.name for file in tmp_path.iterdir()]


def test_a_backup_of_damaged_state_is_refused(state: Path, tmp_path: Path) -> None:
    """A flipped byte is found in the copy, and told of the original."""
    (file,) = (state / "shard-0-of-1" / "slots" / "0000").iterdir()
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(StateError, match="is not sound") as caught:
        back_up(state, tmp_path / "backup", None)
    assert str(file) in str(caught.value)
    assert ["state"] == [file.name for file in tmp_path.iterdir()]


def test_nothing_is_overwritten(state: Path, tmp_path: Path) -> None:
    """Neither by a backup nor by a restore; what is replaced gets another name."""
    back_up(state, tmp_path / "backup", None)
    with pytest.raises(StateError, match="exists"):
        back_up(state, tmp_path / "backup", None)
    with pytest.raises(StateError, match="--replace"):
        restore(tmp_path / "backup", state, replace=False, now=NOW)
    before = everything(state / "shard-0-of-1")
    ((report, aside),) = restore(tmp_path / "backup", state, replace=True, now=NOW)
    assert state / "replaced-20261120T100000-shard-0-of-1" == aside
    assert before == everything(aside)
    assert [] == report.problems
    assert 2 == len(list(state.iterdir()))


def test_a_state_in_use_is_not_replaced(state: Path, tmp_path: Path) -> None:
    """Also with --replace the program must be stopped first."""
    back_up(state, tmp_path / "backup", None)
    shard = state / "shard-0-of-1"
    identity = StateDirectory.read_identity(shard)
    with (
        StateDirectory.open(shard, identity, created=""),
        pytest.raises(StateError, match="in use"),
    ):
        restore(tmp_path / "backup", state, replace=True, now=NOW)
    assert [shard] == list(state.iterdir())


def test_a_damaged_backup_is_not_restored(state: Path, tmp_path: Path) -> None:
    """The state that is there stays in its place."""
    back_up(state, tmp_path / "backup", None)
    shutil.rmtree(tmp_path / "backup" / "shard-0-of-1" / "slots")
    before = everything(state)
    with pytest.raises(StateError, match="is not sound"):
        restore(tmp_path / "backup", state, replace=True, now=NOW)
    assert before == everything(state)


def test_shards_are_copied_together_or_alone(tmp_path: Path) -> None:
    """And never restored among shards of another count."""
    for index in range(2):
        run = Run(tmp_path / "state", Shard(index, 2))
        run.epoch("A")
        run.close()
    both = back_up(tmp_path / "state", tmp_path / "both", None)
    (one,) = back_up(tmp_path / "state", tmp_path / "one", Shard(1, 2))
    assert (["0/2", "1/2"], "1/2") == ([report.shard for report in both], one.shard)
    restored = restore(tmp_path / "one", tmp_path / "new", replace=False, now=NOW)
    assert [("1/2", None)] == [(report.shard, aside) for report, aside in restored]
    run = Run(tmp_path / "other", Shard())
    run.epoch("A")
    run.close()
    with pytest.raises(StateError, match="another shard count"):
        restore(tmp_path / "one", tmp_path / "other", replace=True, now=NOW)
    with pytest.raises(StateError, match="no state of shard 0/1"):
        find_shards(tmp_path / "both", Shard())
    with pytest.raises(StateError, match="no state"):
        find_shards(tmp_path, None)


def test_journals_are_never_taken_for_leftovers(state: Path) -> None:
    """With the mark of durability lost, the store must know of each journal there is."""
    shard = state / "shard-0-of-1"
    identity = StateDirectory.read_identity(shard)
    (shard / "durable").unlink()
    with StateDirectory.open(shard, identity, created="") as directory:
        open_recovery_store(directory)
        with closing(sqlite3.connect(shard / "recovery" / "part-0.sqlite3")) as store:
            store.execute("DELETE FROM snaps")
            store.commit()
        with pytest.raises(StartupError, match="knows nothing of it"):
            open_recovery_store(directory)
        shutil.rmtree(shard / "recovery")
        with pytest.raises(StartupError, match="is missing"):
            open_recovery_store(directory)
        shutil.rmtree(shard / "slots")
        open_recovery_store(directory)
    assert (shard / "recovery" / "part-0.sqlite3").exists()
