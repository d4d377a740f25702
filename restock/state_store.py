# SPDX-License-Identifier: Apache-2.0
"""Reading Bytewax's recovery store as Bytewax 0.21.1 reads it, without Bytewax.

The store counts executions (table `exs`) and how far each came (`fronts`); what a step remembers is
in `snaps`, a row for each epoch in which it changed. A resume takes, of each step and key, the
newest row below the resume epoch. A row's content is a pickle: nothing but plain values is
accepted in it, so that a manipulated file cannot run code.
"""

import io
import pickle
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from typing_extensions import override

from connectors.errors import ConnectorError
from connectors.kafka.delivered import decode_state
from connectors.kafka.records import Partition
from dataflows.restock import FLOW_ID
from restock.errors import StateError

__all__ = ["StoreContents", "copy_store", "read_store", "store_file", "store_problem"]

_TABLES: Final = frozenset({"parts", "exs", "fronts", "commits", "snaps"})
_SOURCE: Final = f"{FLOW_ID}.kafka-in"
_WAITLIST: Final = f"{FLOW_ID}.waitlist"
_SINK: Final = f"{FLOW_ID}.kafka-out"
_STEPS: Final = frozenset({_SOURCE, _WAITLIST, _SINK})

# Every worker of the last execution came at least as far as this.
_RESUME_EPOCH: Final = """
SELECT MAX(resume_epoch, CASE COUNT(worker_index)
    WHEN worker_count THEN MIN(worker_frontier) ELSE resume_epoch END)
FROM exs LEFT JOIN fronts USING (ex_num)
WHERE ex_num = (SELECT MAX(ex_num) FROM exs)
GROUP BY ex_num
"""
# SQLite gives the other columns of the row that holds the maximum.
_NEWEST: Final = """
SELECT step_id, state_key, ser_change, MAX(snap_epoch) FROM snaps
WHERE snap_epoch < ? GROUP BY step_id, state_key
"""


@dataclass(frozen=True, slots=True)
class StoreContents:
    """What a resume would find.

    Attributes:
        resume_epoch: The epoch that it would begin with; None: the store was never used.
        offsets: For each input partition the offset of the next record to be read.
        written: For each output partition the end that was noted.
        markers: Each slot's marker, by the key of its state.
    """

    resume_epoch: int | None
    offsets: dict[Partition, int]
    written: dict[Partition, int]
    markers: dict[str, bytes]


def store_file(directory: Path) -> Path:
    """The only file of the store in a shard's directory."""
    return directory / "recovery" / "part-0.sqlite3"


def store_problem(file: Path) -> str | None:
    """What is wrong with a file of the store as a database; None when it can be used."""
    if not file.is_file():
        return f"{file} is missing"
    try:
        with closing(sqlite3.connect(_uri(file, "rw"), uri=True)) as store:
            return _problem(file, store)
    except sqlite3.Error as error:
        return f"{file} cannot be read ({error})"


def copy_store(source: Path, target: Path) -> None:
    """Copy the store as it is at one moment, what its log holds included.

    Args:
        source: The file, which may be written to meanwhile.
        target: The file to make; its folder exists.

    Raises:
        StateError: It cannot be read or written.
    """
    if not source.is_file():
        message = f"{source} is missing"
        raise StateError(message)
    try:
        with (
            closing(sqlite3.connect(_uri(source, "ro"), uri=True)) as store,
            closing(sqlite3.connect(target)) as copy,
        ):
            store.backup(copy)
    except sqlite3.Error as error:
        message = f"{source} cannot be copied to {target} ({error})"
        raise StateError(message) from error


def read_store(file: Path) -> StoreContents:
    """Read what a resume would find, from a copy in memory: the store may be written to meanwhile.

    Args:
        file: The store's file.

    Raises:
        StateError: It is missing or damaged, or holds what this release does not write.
    """
    if not file.is_file():
        message = f"{file} is missing"
        raise StateError(message)
    try:
        with closing(sqlite3.connect(":memory:")) as store:
            with closing(sqlite3.connect(_uri(file, "ro"), uri=True)) as original:
                original.backup(store)
            problem = _problem(file, store)
            if problem is not None:
                raise StateError(problem)
            return _contents(file, store)
    except sqlite3.Error as error:
        message = f"{file} cannot be read ({error})"
        raise StateError(message) from error


def _contents(file: Path, store: sqlite3.Connection) -> StoreContents:
    found = store.execute(_RESUME_EPOCH).fetchone()
    epoch = None if found is None else found[0]
    if epoch is None:
        return StoreContents(None, {}, {}, {})
    (committed,) = store.execute("SELECT MAX(commit_epoch) FROM commits").fetchone()
    if committed is not None and committed >= epoch:
        message = (
            f"{file} would be resumed from epoch {epoch}, but only epochs after {committed} are "
            "still there"
        )
        raise StateError(message)
    # A NULL is the tombstone of a state that was given up.
    rows = {
        (step, key): _unpickled(file, step, content)
        for step, key, content, _ in store.execute(_NEWEST, (epoch,))
        if content is not None
    }
    if strange := sorted({step for step, _ in rows} - _STEPS):
        message = f"{file} holds state of step {strange[0]!r}, which this release does not have"
        raise StateError(message)
    markers = {key: content for (step, key), content in rows.items() if step == _WAITLIST}
    offsets = rows.get((_SOURCE, "all"), {})
    written = rows.get((_SINK, "all"), b"")
    if not isinstance(offsets, dict) or not _are_offsets(offsets):
        message = f"{file}: the state of step {_SOURCE} is not a table of offsets"
        raise StateError(message)
    blobs = {key: value for key, value in markers.items() if isinstance(value, bytes)}
    if len(blobs) < len(markers) or not isinstance(written, bytes):
        message = f"{file}: a state of step {_WAITLIST} or {_SINK} is not made of bytes"
        raise StateError(message)
    return StoreContents(epoch, offsets, _ends(file, written), blobs)


def _ends(file: Path, state: bytes) -> dict[Partition, int]:
    if not state:
        return {}
    try:
        return {(topic, number): end for topic, number, end in decode_state(state).ends}
    except ConnectorError as error:
        message = f"{file}: {error}"
        raise StateError(message) from error


def _are_offsets(values: dict[object, object]) -> bool:
    return all(
        isinstance(key, tuple)
        and tuple(map(type, key)) == (str, int)
        and isinstance(offset, int)
        and offset >= 0
        for key, offset in values.items()
    )


def _problem(file: Path, store: sqlite3.Connection) -> str | None:
    (found,) = store.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        return f"{file} is damaged ({found})"
    rows = store.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    if missing := _TABLES - {name for (name,) in rows}:
        return f"{file} is damaged (it lacks the table {min(missing)})"
    return None


class _PlainValues(pickle.Unpickler):
    """Reads tables, tuples, numbers, texts and bytes, and no object of any class."""

    @override
    def find_class(self, module_name: str, global_name: str, /) -> object:
        message = f"it names {module_name}.{global_name}"
        raise pickle.UnpicklingError(message)


def _unpickled(file: Path, step: str, content: bytes) -> object:
    try:
        return _PlainValues(io.BytesIO(content)).load()
    except Exception as error:
        # Damaged pickles raise whatever the opcode at hand stumbles over.
        message = f"{file}: the state of step {step} cannot be decoded ({error})"
        raise StateError(message) from error


def _uri(file: Path, mode: str) -> str:
    # Without a log nobody has it open; SQLite need not make files beside it to read it then.
    alone = mode == "ro" and not file.with_name(f"{file.name}-wal").exists()
    return f"{file.absolute().as_uri()}?mode={mode}{'&immutable=1' if alone else ''}"
