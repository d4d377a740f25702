# SPDX-License-Identifier: Apache-2.0
"""A segment: the file that redo records are appended to."""

from __future__ import annotations

import os
import weakref
from typing import TYPE_CHECKING

from journal.files import private_opener, sync_data, sync_directory
from journal.frames import Kind, encode_frame, encode_header
from journal.marker import FileEntry

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["SegmentWriter"]


class SegmentWriter:
    """Writes a new segment; it is never opened for writing a second time.

    The methods that touch the disk raise OSError; what was written by then is unknown, so the
    writer must not be used after that.

    Args:
        directory: The slot's folder.
        name: Name of the new file.
        slot: Number of the slot.

    Raises:
        OSError: If the file cannot be created, or exists.
    """

    def __init__(self, directory: Path, name: str, slot: int) -> None:
        self._directory = directory
        self._name = name
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
        self._descriptor = private_opener(directory / name, flags)
        # Bytewax drops a step's state without a word: what is not closed must not leak.
        self._close = weakref.finalize(self, os.close, self._descriptor)
        header, self._checksum = encode_header(Kind.SEGMENT, slot, name)
        self._buffer = bytearray(header)
        self._length = len(header)
        self._frames = 0
        self._synced = 0

    @property
    def buffered(self) -> int:
        """Bytes that were appended but not yet given to the operating system."""
        return len(self._buffer)

    @property
    def length(self) -> int:
        """Bytes of the file once everything is written."""
        return self._length

    def append(self, record: bytes) -> None:
        """Add a record to the buffer.

        Args:
            record: One redo record.

        Raises:
            JournalError: If it is too long; nothing was added then.
        """
        frame, self._checksum = encode_frame(record, self._checksum)
        self._buffer += frame
        self._length += len(frame)
        self._frames += 1

    def write(self) -> None:
        """Give the buffer to the operating system (a killed process loses nothing of it)."""
        with memoryview(self._buffer) as remaining:
            written = 0
            while written < len(remaining):
                written += os.write(self._descriptor, remaining[written:])
        self._buffer.clear()

    def sync(self) -> None:
        """Bring everything appended so far to the disk; free of charge when it is there."""
        if self._synced == self._length:
            return
        self.write()
        sync_data(self._descriptor)
        if not self._synced:
            sync_directory(self._directory)
        self._synced = self._length

    def entry(self) -> FileEntry:
        """Give the file as a marker names it, with everything appended so far."""
        return FileEntry(self._name, self._length, self._checksum, self._frames)

    def close(self) -> None:
        """Close the file without writing or syncing. Can be called again."""
        self._close()
