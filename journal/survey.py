# SPDX-License-Identifier: Apache-2.0
"""Looking at a slot's folder, and copying it, without being the one who writes there.

Nothing here changes the folder or needs its lock. While a run writes, the files that a marker names
stay until a later marker is committed: a file that has gone since means that the marker is old.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from journal.errors import JournalCorrupt, JournalFailed, JournalMissing
from journal.files import make_directory, private_opener, sync_directory
from journal.marker import FILE_NAME, Marker
from journal.resume import fold

if TYPE_CHECKING:
    from pathlib import Path
    from typing import IO

    from journal.state import Foldable

__all__ = ["Survey", "copy_named", "journal_files", "survey"]

_PORTION = 1 << 20


@dataclass(frozen=True, slots=True)
class Survey:
    """What a slot's folder holds, seen from a marker.

    Attributes:
        named: Files that the marker names.
        length: Their bytes that count.
        beside: Names of everything else in the folder: leftovers, or newer than the marker.
    """

    named: int
    length: int
    beside: tuple[str, ...]


def survey(directory: Path, slot: int, marker: bytes, state: Foldable) -> Survey:
    """Read all that a marker names, checking every byte, and fold it into an empty state.

    Args:
        directory: The slot's folder.
        slot: Number of the slot.
        marker: The marker to believe.
        state: An empty state; of no use when an error is raised.

    Raises:
        JournalError: If the marker or a file that it names is missing or damaged.
    """
    decoded = Marker.decode(marker, slot)
    fold(directory, decoded, state)
    files = decoded.files()
    names = {entry.name for entry in files}
    beside = tuple(name for name in _names(directory) if name not in names)
    return Survey(len(files), sum(entry.length for entry in files), beside)


def journal_files(directory: Path) -> list[str]:
    """List the journal files in a slot's folder, finished ones and others.

    Args:
        directory: The slot's folder; it need not exist.

    Raises:
        JournalFailed: If it cannot be read.
    """
    return [name for name in _names(directory) if FILE_NAME.fullmatch(name)]


def copy_named(source: Path, target: Path, slot: int, marker: bytes) -> int:
    """Copy the files that a marker names, up to the lengths that it names, durably.

    They are copied and never linked: a resume cuts the end of a segment, and would cut it in the
    other directory as well.

    Args:
        source: The slot's folder, which may be written to meanwhile.
        target: The folder to make.
        slot: Number of the slot.
        marker: What to copy.

    Returns:
        Bytes copied.

    Raises:
        JournalMissing: If a file has gone: a newer marker no longer needs it.
        JournalCorrupt: If the marker cannot be read, or a file is shorter than it says.
        JournalFailed: If the operating system refuses.
    """
    decoded = Marker.decode(marker, slot)
    make_directory(target)
    with ExitStack() as stack:
        # Opened before the first byte is copied: what is open stays, also when it is deleted.
        opened = [
            (entry, stack.enter_context(_open(source / entry.name))) for entry in decoded.files()
        ]
        for entry, stream in opened:
            _copy(stream, source / entry.name, target / entry.name, entry.length)
    try:
        sync_directory(target)
    except OSError as error:
        raise JournalFailed("sync", target, error) from error
    return sum(entry.length for entry in decoded.files())


def _names(directory: Path) -> list[str]:
    try:
        return sorted(file.name for file in directory.iterdir())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise JournalFailed("list", directory, error) from error


def _open(file: Path) -> IO[bytes]:
    try:
        return file.open("rb", buffering=0)
    except FileNotFoundError as error:
        raise JournalMissing(file) from error
    except OSError as error:
        raise JournalFailed("open", file, error) from error


def _copy(stream: IO[bytes], source: Path, target: Path, length: int) -> None:
    left = length
    try:
        with open(target, "xb", opener=private_opener) as copy:
            while left:
                portion = stream.read(min(left, _PORTION))
                if not portion:
                    raise JournalCorrupt(
                        f"it has {length - left} bytes, the marker says {length}", source
                    )
                copy.write(portion)
                left -= len(portion)
            copy.flush()
            os.fsync(copy.fileno())
    except OSError as error:
        raise JournalFailed(f"copy {source} to", target, error) from error
