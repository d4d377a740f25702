# SPDX-License-Identifier: Apache-2.0
"""Steps on the file system that survive a power loss."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from journal.errors import JournalFailed

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["make_directory", "private_opener", "sync_data", "sync_directory", "write_atomically"]


def private_opener(file: str | Path, flags: int) -> int:
    """Open a file that only its owner's group may read: states hold addresses of people.

    Args:
        file: The file.
        flags: As for `os.open`.

    Raises:
        OSError: If it cannot be opened.
    """
    return os.open(file, flags | os.O_CLOEXEC, 0o640)


def sync_data(descriptor: int) -> None:
    """Bring a file's content (and length) to the disk.

    Args:
        descriptor: An open file.

    Raises:
        OSError: If the system cannot promise it. Do not try again: the pages may be lost.
    """
    getattr(os, "fdatasync", os.fsync)(descriptor)


def sync_directory(directory: Path) -> None:
    """Bring a folder's list of names to the disk: new files exist only after this.

    Args:
        directory: The folder.

    Raises:
        OSError: If the system cannot promise it.
    """
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_directory(directory: Path) -> None:
    """Create a folder and its missing parents, durably.

    Args:
        directory: The folder; nothing happens when it exists.

    Raises:
        JournalFailed: If it cannot be made.
    """
    if directory.is_dir():
        return
    try:
        make_directory(directory.parent)
        directory.mkdir(exist_ok=True)
        sync_directory(directory.parent)
    except OSError as error:
        raise JournalFailed("create the folder", directory, error) from error


def write_atomically(file: Path, content: bytes) -> None:
    """Write a small file so that a crash leaves the old content or the new, never half of it.

    Args:
        file: The file; its folder exists.
        content: All of its bytes.

    Raises:
        JournalFailed: If it cannot be written.
    """
    temporary = file.with_name(f"{file.name}.tmp")
    try:
        with temporary.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(file)
        sync_directory(file.parent)
    except OSError as error:
        raise JournalFailed("write", file, error) from error
