# SPDX-License-Identifier: Apache-2.0
"""Ending the run in one line before its disk is full.

The journals can meet a full disk at any write. Bytewax's SQLite cannot: it panics, with pages of
stack. So once an epoch the free space is looked at, and the run ends while there still is some.
"""

import os
from pathlib import Path

from restock.errors import StateError

__all__ = ["check_space"]

_MEBIBYTE = 1 << 20


def check_space(directory: Path, at_least: int) -> None:
    """Make sure that a directory can be written to; takes some microseconds.

    Args:
        directory: The directory.
        at_least: Bytes that must be free for a process without privileges; 0: not looked at.

    Raises:
        StateError: Fewer are free, or the file system has become read-only.
    """
    try:
        found = os.statvfs(directory)
    except OSError as error:
        message = f"{directory} cannot be looked at: {error.strerror}"
        raise StateError(message) from error
    if found.f_flag & os.ST_RDONLY:
        message = (
            f"{directory} is on a file system that is read-only: look for what the kernel says "
            "about the disk, mount it for writing, then restart"
        )
        raise StateError(message)
    free = found.f_bavail * found.f_frsize
    if free < at_least:
        message = (
            f"{directory}: {free / _MEBIBYTE:.1f} MiB are free on its disk, fewer than the "
            f"{at_least / _MEBIBYTE:.1f} of [state] min_free_bytes: free some space, then restart "
            "(the run resumes from the last durable epoch)"
        )
        raise StateError(message)
