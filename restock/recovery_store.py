# SPDX-License-Identifier: Apache-2.0
"""Bytewax's recovery store: made for a new state, checked before it is resumed from.

Bytewax meets every error of SQLite with the panic of a Rust thread and pages of stack; so what
can be wrong with the file is found out here, and said in one line.
"""

import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Final

from bytewax.recovery import RecoveryConfig, init_db_dir

from journal.directory import StateDirectory
from restock.errors import StartupError

__all__ = ["RECOVERY_PARTS", "open_recovery_store"]

RECOVERY_PARTS: Final = 1
"""Files of the store; fixed for the life of a state."""

_FOLDER: Final = "recovery"
_TABLES: Final = frozenset({"parts", "exs", "fronts", "commits", "snaps"})


def open_recovery_store(state: StateDirectory) -> RecoveryConfig:
    """Make or check the recovery store of a state directory.

    Args:
        state: Locked; as long as it never was durable, nothing in the store counts, and a file
            that cannot be used (its making may have been cut short) is made anew.

    Raises:
        StartupError: The state was durable, and the store is missing or damaged.
    """
    directory = state.path / _FOLDER
    files = [directory / f"part-{part}.sqlite3" for part in range(RECOVERY_PARTS)]
    problem = next(filter(None, map(_problem, files)), None)
    if problem is not None and state.was_durable:
        message = (
            f"{problem}: it belongs to the journals beside it; restore a backup of the whole state "
            "directory"
        )
        raise StartupError(message)
    if problem is not None:
        try:
            directory.mkdir(exist_ok=True)
            for leftover in directory.glob("part-*.sqlite3*"):
                leftover.unlink()
        except OSError as error:
            message = f"{directory}: the recovery store cannot be made: {error.strerror}"
            raise StartupError(message) from error
        init_db_dir(directory, RECOVERY_PARTS)
    return RecoveryConfig(directory, timedelta(0))


def _problem(file: Path) -> str | None:
    """What is wrong with a file of the store; None when it can be used."""
    if not file.is_file():
        return f"{file} is missing"
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=rw", uri=True)) as store:
            (found,) = store.execute("PRAGMA quick_check(1)").fetchone()
            rows = store.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            tables = {name for (name,) in rows}
    except sqlite3.Error as error:
        return f"{file} cannot be read ({error})"
    if found != "ok":
        return f"{file} is damaged ({found})"
    if missing := _TABLES - tables:
        return f"{file} is damaged (it lacks the table {min(missing)})"
    return None
