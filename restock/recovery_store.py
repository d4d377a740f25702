# SPDX-License-Identifier: Apache-2.0
"""Bytewax's recovery store: made for a new state, checked before it is resumed from.

Bytewax meets every error of SQLite with the panic of a Rust thread and pages of stack; so what
can be wrong with the file is found out here, and said in one line.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Final

from bytewax.recovery import RecoveryConfig, init_db_dir

from dataflows.items import slot_key
from journal.directory import StateDirectory
from journal.errors import JournalError
from journal.survey import journal_files
from restock.errors import StartupError, StateError
from restock.state_store import read_store, store_file, store_problem

__all__ = ["RECOVERY_PARTS", "open_recovery_store", "panics_told"]

RECOVERY_PARTS: Final = 1
"""Files of the store; fixed for the life of a state."""

_REMEDY: Final = "restore a backup of the whole state directory"
_REASON: Final = re.compile(r'SqliteFailure\(.*Some\("(?P<said>[^"]+)"\)')


def open_recovery_store(state: StateDirectory) -> RecoveryConfig:
    """Make or check the recovery store of a state directory.

    Args:
        state: Locked; as long as it never was durable and has no journals, nothing in the store
            counts, and a file that cannot be used (its making may have been cut short) is made
            anew.

    Raises:
        StartupError: There is state, and the store that belongs to it is missing or damaged.
    """
    file = store_file(state.path)
    problem = store_problem(file)
    if problem is not None and state.was_durable:
        message = f"{problem}: it belongs to the journals beside it; {_REMEDY}"
        raise StartupError(message)
    if not state.was_durable:
        # A run writes to its journals only after it was marked as durable: if the mark has got
        # lost, and the store as well, the journals would be taken for leftovers and deleted.
        _refuse_orphans(state, file, problem)
    if problem is not None:
        try:
            file.parent.mkdir(exist_ok=True)
            for leftover in file.parent.glob("part-*.sqlite3*"):
                leftover.unlink()
        except OSError as error:
            message = f"{file.parent}: the recovery store cannot be made: {error.strerror}"
            raise StartupError(message) from error
        with panics_told(file):
            init_db_dir(file.parent, RECOVERY_PARTS)
    return RecoveryConfig(file.parent, timedelta(0))


@contextmanager
def panics_told(file: Path) -> Iterator[None]:
    """Turn Bytewax's panic over an error of SQLite into an error of ours.

    The panic's own pages have gone to standard error by then; the last line there is ours.

    Args:
        file: The store's file, to be named.

    Raises:
        StartupError: SQLite refused.
    """
    try:
        yield
    except BaseException as error:
        found = _REASON.search(str(error))
        # The class lives in the extension module and cannot be imported.
        if found is None or type(error).__name__ not in {"PanicException", "RuntimeError"}:
            raise
        message = (
            f"{file} cannot be written: {found['said']}; check free space, permissions and the "
            "disk, then restart (the run resumes from the last durable epoch)"
        )
        raise StartupError(message) from error


def _refuse_orphans(state: StateDirectory, file: Path, problem: str | None) -> None:
    try:
        known = set() if problem is not None else set(read_store(file).markers)
        folders = sorted((state.path / "slots").glob("[0-9][0-9][0-9][0-9]"))
        for folder in folders:
            if journal_files(folder) and slot_key(int(folder.name)) not in known:
                reason = problem or f"{file} knows nothing of it"
                message = f"{folder} holds a journal, but {reason}; {_REMEDY}"
                raise StartupError(message)
    except (JournalError, StateError) as error:
        raise StartupError(str(error)) from error
