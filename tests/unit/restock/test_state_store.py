# SPDX-License-Identifier: Apache-2.0
"""The recovery store is read as Bytewax reads it, and never trusted with code."""

import pickle
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from bytewax.recovery import init_db_dir
from typing_extensions import override

from connectors.kafka.delivered import encode_state
from restock.errors import StateError
from restock.state_store import copy_store, read_store, store_problem

OFFSETS = {("in", 0): 7}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A store that was never used."""
    init_db_dir(tmp_path, 1)
    return tmp_path / "part-0.sqlite3"


@pytest.fixture
def store(file: Path) -> Iterator[sqlite3.Connection]:
    """A connection to it that commits each statement."""
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        yield connection


def snap(store: sqlite3.Connection, step: str, key: str, epoch: int, value: object) -> None:
    """What Bytewax writes for a step's state; None: the state was given up."""
    content = None if value is None else pickle.dumps(value)
    store.execute(
        "INSERT INTO snaps (step_id, state_key, snap_epoch, ser_change) VALUES (?, ?, ?, ?)",
        (f"restock.{step}", key, epoch, content),
    )


def execution(store: sqlite3.Connection, number: int, resume: int, frontier: int | None) -> None:
    """An execution that came as far as a frontier; None: nowhere yet."""
    store.execute(
        "INSERT INTO exs (ex_num, worker_count, resume_epoch) VALUES (?, 1, ?)", (number, resume)
    )
    if frontier is not None:
        store.execute(
            "INSERT INTO fronts (ex_num, worker_index, worker_frontier) VALUES (?, 0, ?)",
            (number, frontier),
        )


def test_a_store_that_was_never_used_is_empty(file: Path) -> None:
    """No execution, no epoch, no state."""
    found = read_store(file)
    assert (None, {}, {}) == (found.resume_epoch, found.offsets, found.markers)
    assert store_problem(file) is None


def test_the_newest_row_below_the_resume_epoch_counts(
    file: Path, store: sqlite3.Connection
) -> None:
    """A row of an epoch that was never committed does not count, nor does one that is older."""
    execution(store, 0, 1, 5)
    execution(store, 1, 5, 9)
    for epoch, marker in ((4, b"old"), (8, b"new"), (9, b"never committed")):
        snap(store, "waitlist", "slot-0000", epoch, marker)
    snap(store, "waitlist", "slot-0001", 7, b"given up")
    snap(store, "waitlist", "slot-0001", 8, None)
    snap(store, "kafka-in", "all", 8, OFFSETS)
    snap(store, "kafka-out", "all", 8, encode_state({("out", 1): 3}, {}))
    found = read_store(file)
    assert 9 == found.resume_epoch
    assert {"slot-0000": b"new"} == found.markers
    assert OFFSETS == found.offsets
    assert {("out", 1): 3} == found.written


def test_an_execution_that_came_nowhere_resumes_where_it_began(
    file: Path, store: sqlite3.Connection
) -> None:
    """It wrote no frontier, or one that lies behind its own beginning."""
    execution(store, 0, 1, 5)
    execution(store, 1, 5, None)
    assert 5 == read_store(file).resume_epoch


def test_a_copy_holds_what_is_only_in_the_log(
    file: Path, store: sqlite3.Connection, tmp_path: Path
) -> None:
    """While a program has the store open, the newest epochs are in the log beside it."""
    execution(store, 0, 1, 5)
    snap(store, "waitlist", "slot-0000", 4, b"marker")
    assert file.with_name(f"{file.name}-wal").stat().st_size > 0
    copy_store(file, tmp_path / "copy")
    assert {"slot-0000": b"marker"} == read_store(tmp_path / "copy").markers
    assert [] == list(tmp_path.glob("copy-*"))


class Trap:
    """Runs code when it is unpickled by whoever trusts it."""

    @override
    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        """What a manipulated store would hold."""
        return pytest.fail, ("code of a stored pickle was run",)


@pytest.mark.parametrize(
    ("step", "value", "words"),
    [
        ("waitlist", Trap(), "cannot be decoded"),
        ("waitlist", 7, "is not made of bytes"),
        ("kafka-in", {"in": 7}, "is not a table of offsets"),
        ("kafka-in", {("in", 0): -1}, "is not a table of offsets"),
        ("kafka-out", b"?", "cannot be read"),
        ("mystery", b"", "which this release does not have"),
    ],
)
def test_what_no_release_writes_is_an_error(
    file: Path, store: sqlite3.Connection, step: str, value: object, words: str
) -> None:
    """Foreign objects are neither made nor taken for state; the message names the file."""
    execution(store, 0, 1, 5)
    snap(store, step, "all", 4, value)
    with pytest.raises(StateError, match=words) as caught:
        read_store(file)
    assert str(file) in str(caught.value)


def test_rows_deleted_beyond_the_resume_epoch_are_an_error(
    file: Path, store: sqlite3.Connection
) -> None:
    """Bytewax would refuse it as well: the file is newer than what it would be resumed from."""
    execution(store, 0, 1, 5)
    store.execute("INSERT INTO commits (part_index, commit_epoch) VALUES (0, 5)")
    with pytest.raises(StateError, match="only epochs after 5"):
        read_store(file)


@pytest.mark.parametrize("content", [b"", b"garbage" * 1000])
def test_what_is_no_database_is_an_error(file: Path, content: bytes) -> None:
    """Neither read nor copied."""
    file.write_bytes(content)
    with pytest.raises(StateError, match=r"part-0\.sqlite3"):
        read_store(file)
    assert store_problem(file) is not None
    file.unlink()
    for attempt in (read_store, lambda place: copy_store(place, place.with_name("copy"))):
        with pytest.raises(StateError, match="is missing"):
            attempt(file)
