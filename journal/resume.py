# SPDX-License-Identifier: Apache-2.0
"""From a marker to a state and a clean folder: a resume trusts nothing that the marker omits."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from journal.base import read_chunks
from journal.errors import JournalCorrupt, JournalError, JournalFailed, JournalMissing
from journal.files import sync_directory
from journal.frames import FileReader, Kind
from journal.marker import FILE_NAME

if TYPE_CHECKING:
    from pathlib import Path

    from journal.marker import Marker
    from journal.state import Foldable

__all__ = ["check_token", "clean", "cut", "fold"]


def fold(directory: Path, marker: Marker, state: Foldable) -> None:
    """Load what a marker names into an empty state; nothing on the disk changes.

    Args:
        directory: The slot's folder.
        marker: What to load.
        state: An empty state; of no use when an error is raised.

    Raises:
        JournalError: If anything that the marker names is missing or damaged.
    """
    _check_lengths(directory, marker)
    if marker.base is not None:
        chunks = read_chunks(directory, marker.base, marker.slot)
        state.load(chunks)
        for _ in chunks:  # also what `load` has no use for must be sound
            pass
    for entry in marker.segments:
        with FileReader(directory, entry, Kind.SEGMENT, marker.slot) as reader:
            offset = reader.position
            for record in reader.frames(entry.length):
                try:
                    state.apply(record)
                except Exception as error:
                    error.add_note(f"while applying the record in {reader.file} at byte {offset}")
                    raise
                offset = reader.position
            reader.finish()


def cut(directory: Path, marker: Marker) -> None:
    """Cut what stands in segments behind the lengths that a marker names, durably.

    Args:
        directory: The slot's folder.
        marker: What counts; its files were checked.

    Raises:
        JournalFailed: If the system refuses.
    """
    for entry in marker.segments:
        file = directory / entry.name
        try:
            if file.stat().st_size > entry.length:
                with file.open("r+b") as stream:
                    stream.truncate(entry.length)
                    os.fsync(stream.fileno())
        except OSError as error:
            raise JournalFailed("cut the end of", file, error) from error


def clean(directory: Path, marker: Marker) -> None:
    """Delete the journal files that a marker does not name, and nothing else.

    Args:
        directory: The slot's folder.
        marker: What counts.

    Raises:
        JournalFailed: If the system refuses.
    """
    named = {entry.name for entry in marker.files()}
    try:
        leftovers = [
            file
            for file in directory.iterdir()
            if file.name not in named and FILE_NAME.fullmatch(file.name)
        ]
        for file in leftovers:
            file.unlink(missing_ok=True)
        if leftovers:
            sync_directory(directory)
    except OSError as error:
        raise JournalFailed("delete leftovers in", directory, error) from error


def check_token(directory: Path, token: str) -> None:
    """Make sure that an execution's token can stand in file names and was not used before.

    Args:
        directory: The slot's folder.
        token: The token.

    Raises:
        JournalError: If it does not fit, or a file of this name exists.
    """
    if FILE_NAME.fullmatch(f"segment-{token}-0.journal") is None:
        raise JournalError(f"token {token!r} does not fit: use letters and digits only")
    try:
        files = list(directory.iterdir())
    except OSError as error:
        raise JournalFailed("list", directory, error) from error
    for file in files:
        match = FILE_NAME.fullmatch(file.name)
        if match is not None and match["token"] == token:
            raise JournalError(
                f"{file} already carries the token of this execution: each execution needs a new "
                "one, since a file name must never come back"
            )


def _check_lengths(directory: Path, marker: Marker) -> None:
    for entry in marker.files():
        file = directory / entry.name
        try:
            size = file.stat().st_size
        except FileNotFoundError as error:
            raise JournalMissing(file) from error
        except OSError as error:
            raise JournalFailed("look at", file, error) from error
        if size < entry.length or (entry is marker.base and size != entry.length):
            raise JournalCorrupt(f"it has {size} bytes, the marker says {entry.length}", file, size)
