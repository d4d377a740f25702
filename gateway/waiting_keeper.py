# SPDX-License-Identifier: Apache-2.0
"""The process that keeps the list of who waits.

A process of its own, because a list that is built anew reads millions of records, and sign-ups are
not to wait for that. It ends with its parent: when the pipe is closed.
"""

import fcntl
import logging
import os
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

from connectors.errors import ConnectorError
from gateway.waiting_reader import Reader, Standing, Task
from gateway.waiting_tables import forget, list_file

__all__ = ["keep_list"]

_LOG: Final = logging.getLogger(__name__)
_NICENESS: Final = 10
"""Sign-ups come first where cores are few."""

_DAMAGED: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def keep_list(task: Task, pipe: Connection) -> None:
    """Keep the list until the other end of the pipe is closed.

    Args:
        task: what to read, and where to.
        pipe: takes a `Standing` now and then.
    """
    # A terminal's Ctrl-C goes to all; the parent decides when this one ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.nice(_NICENESS)
    try:
        with _alone(task.directory), _mendable(list_file(task.directory)):
            Reader(task, pipe.send).run(lambda: pipe.poll(0))
    except (ConnectorError, OSError) as error:
        try:
            pipe.send(Standing(None, 0, " ".join(str(error).split())))
        except OSError:
            _LOG.debug("the parent is gone")


@contextmanager
def _mendable(file: Path) -> Iterator[None]:
    """Delete a list that turns out to be damaged: the next process makes it anew.

    Raises:
        ConnectorError: the file cannot be used.
    """
    try:
        yield
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGED:
            forget(file)
        raise ConnectorError(f"{file}: {error}; is there space, and is it writable?") from None


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """Make sure that no other process keeps a list in a directory.

    Raises:
        ConnectorError: another one does.
    """
    directory.mkdir(parents=True, exist_ok=True)
    lock = os.open(directory / "waiting.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            message = (
                f"{directory} is in use: another gateway keeps its list there; give each one "
                "a gateway.directory of its own"
            )
            raise ConnectorError(message) from None
        yield
    finally:
        os.close(lock)
