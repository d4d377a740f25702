# SPDX-License-Identifier: Apache-2.0
"""Where no state is found, the line says what is there instead, and which directory to name."""

from pathlib import Path

import pytest

from restock.errors import StateError
from restock.shards import Shard
from restock.state_places import find_backup, find_shards, shard_name


def holder(directory: Path, *shards: str) -> Path:
    """A directory that looks as if it held state of these shards."""
    for name in shards or ("shard-0-of-1",):
        (directory / name).mkdir(parents=True)
    return directory


def refused(state: Path, shard: Shard | None = None) -> str:
    """The line that is said of a directory without state."""
    with pytest.raises(StateError) as caught:
        find_shards(state, shard)
    return str(caught.value)


def refused_backup(backup: Path, state: Path) -> str:
    """The line that is said of what is no backup."""
    with pytest.raises(StateError) as caught:
        find_backup(backup, state)
    return str(caught.value)


def test_shards_are_found_by_number(tmp_path: Path) -> None:
    """As numbers, not as text; whatever else is there does not matter."""
    state = holder(tmp_path / "state", "shard-10-of-12", "shard-9-of-12", "replaced-x")
    (state / "shard-3-of-12").touch()
    names = ["shard-9-of-12", "shard-10-of-12"]
    assert names == [folder.name for folder in find_shards(state, None)]
    assert [state / "shard-10-of-12"] == find_shards(state, Shard(10, 12))
    assert ["9/12", "10/12", None] == [shard_name(Path(name)) for name in [*names, "x"]]


def test_a_directory_without_state_is_told_from_one_that_is_not_there(tmp_path: Path) -> None:
    """Each line ends with the setting to correct."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    expected = {"missing": "does not exist", "empty": "holds no state", "file": "is not a dir"}
    for name, words in expected.items():
        line = refused(tmp_path / name)
        assert line.startswith(f"{tmp_path / name} {words}")
        assert line.endswith("name the right [state] directory with --state-directory")


def test_the_folder_of_one_shard_is_not_the_state_directory(tmp_path: Path) -> None:
    """The line names the directory that is."""
    state = holder(tmp_path / "state")
    line = refused(state / "shard-0-of-1")
    assert line.endswith(f"is the folder of one shard: name the directory that it is in, {state}")


def test_another_shard_than_those_there_is_refused_with_their_names(tmp_path: Path) -> None:
    """Whoever has the wrong number sees the right ones."""
    state = holder(tmp_path, "shard-0-of-2", "shard-1-of-2")
    assert "holds no state of shard 0/1, but of 0/2, 1/2: give" in refused(state, Shard())


def test_a_wrong_name_is_answered_with_the_backups_there_are(tmp_path: Path) -> None:
    """Those in the same folder; neither the state itself nor a copy that is not complete."""
    state = holder(tmp_path / "state")
    for name in ("monday", "tuesday", ".wednesday.1a2b3c4d.tmp"):
        holder(tmp_path / name)
    (tmp_path / "pictures").mkdir()
    there = f"name what `restock state backup` made; {tmp_path} holds monday, tuesday"
    assert f"{tmp_path / 'mondy'} does not exist: {there}" == refused_backup(
        tmp_path / "mondy", state
    )
    assert f"{tmp_path / 'pictures'} holds no state: {there}" == refused_backup(
        tmp_path / "pictures", state
    )
    shard = tmp_path / "monday" / "shard-0-of-1"
    assert refused_backup(shard, state).endswith(
        f"name the directory that it is in, {shard.parent}"
    )


def test_of_many_backups_the_newest_names_are_listed(tmp_path: Path) -> None:
    """Named for their day, the last ones are the ones that somebody looks for."""
    for day in range(10, 30):
        holder(tmp_path / f"day-{day}")
    line = refused_backup(tmp_path / "today", tmp_path / "state")
    assert line.endswith(f"{tmp_path} holds ..., day-25, day-26, day-27, day-28, day-29")


def test_without_any_backup_that_is_said(tmp_path: Path) -> None:
    """Also where the folder is not there either."""
    for folder in (tmp_path, tmp_path / "not" / "there"):
        line = refused_backup(folder / "monday", tmp_path / "state")
        assert line.endswith(f"there is none in {folder}")
