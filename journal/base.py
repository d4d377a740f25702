# SPDX-License-Identifier: Apache-2.0
"""A base: the file with a slot's whole state, closed by a footer that says it is complete."""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING
from zlib import crc32

from journal.errors import JournalCorrupt
from journal.files import private_opener, sync_directory
from journal.frames import FRAME_OVERHEAD, FileReader, Kind, encode_frame, encode_header
from journal.marker import FileEntry, Marker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

__all__ = ["check_base", "read_chunks", "write_base"]

_FOOTER = struct.Struct(">QQII")  # chunks, records folded, checksum of the sources, of all before
_FOOTER_FRAME = FRAME_OVERHEAD + _FOOTER.size
_WRITE_BUFFER = 1 << 20


def write_base(
    directory: Path,
    name: str,
    chunks: Iterable[bytes],
    sources: Marker,
    crash_point: Callable[[str], None],
) -> None:
    """Write a base under a temporary name, check it, and give it its name, all of it durably.

    Args:
        directory: The slot's folder.
        name: Name of the new file.
        chunks: The whole state.
        sources: What was folded into it.
        crash_point: Called between the steps.

    Raises:
        OSError: If a step fails; what may be left is the temporary file.
        JournalError: If what was written cannot be read back.
    """
    temporary = directory / f"{name}.tmp"
    header, checksum = encode_header(Kind.BASE, sources.slot, name)
    length, count = len(header), 0
    with open(temporary, "xb", buffering=_WRITE_BUFFER, opener=private_opener) as stream:
        stream.write(header)
        for chunk in chunks:
            frame, checksum = encode_frame(chunk, checksum)
            length += stream.write(frame)
            count += 1
        footer = _FOOTER.pack(count, sources.records(), crc32(sources.encode()), checksum)
        frame, checksum = encode_frame(footer, checksum)
        length += stream.write(frame)
        stream.flush()
        crash_point("compact-written")
        os.fsync(stream.fileno())
    crash_point("compact-synced")
    entry = FileEntry(name, length, checksum, count)
    temporary.rename(directory / name)
    sync_directory(directory)
    crash_point("compact-renamed")
    for _ in read_chunks(directory, entry, sources.slot):
        pass


def read_chunks(directory: Path, entry: FileEntry, slot: int) -> Iterator[bytes]:
    """Give the chunks of a base, checking each one, and the footer after the last.

    Args:
        directory: The slot's folder.
        entry: The base as the marker names it.
        slot: The slot that it must belong to.

    Raises:
        JournalError: If it is not what was written.
    """
    with FileReader(directory, entry, Kind.BASE, slot) as reader:
        count = 0
        for chunk in reader.frames(entry.length - _FOOTER_FRAME):
            count += 1
            yield chunk
        position, checksum = reader.position, reader.checksum
        footer = b"".join(reader.frames(entry.length))
        if len(footer) != _FOOTER.size or _parts(footer) != (count, checksum):
            raise JournalCorrupt("its footer does not fit", reader.file, position)
        if (count, reader.checksum) != (entry.frames, entry.checksum):
            raise JournalCorrupt(
                "its content is not the one that the marker names", reader.file, position
            )


def check_base(directory: Path, name: str, sources: Marker) -> FileEntry:
    """Look at a finished base's two ends (the writer has read it all) and describe it.

    Args:
        directory: The slot's folder.
        name: Name of the file.
        sources: What must have been folded into it.

    Raises:
        JournalError: If it is not a complete base made of these sources.
        OSError: If it cannot be read.
    """
    file = directory / name
    with FileReader(directory, FileEntry(name, 0, 0, 0), Kind.BASE, sources.slot) as reader:
        start = reader.position
    with file.open("rb") as stream:
        length = stream.seek(0, os.SEEK_END)
        end = max(start, length - _FOOTER_FRAME)
        stream.seek(end)
        frame = stream.read()
    footer = frame[FRAME_OVERHEAD:]
    if len(footer) == _FOOTER.size:
        count, records, origin, checksum = _FOOTER.unpack(footer)
        expected, checksum = encode_frame(footer, checksum)
        if (frame, records, origin) == (expected, sources.records(), crc32(sources.encode())):
            return FileEntry(name, length, checksum, count)
    raise JournalCorrupt("its footer is missing or belongs to other sources", file, end)


def _parts(footer: bytes) -> tuple[int, int]:
    count, _, _, checksum = _FOOTER.unpack(footer)
    return count, checksum
