# SPDX-License-Identifier: Apache-2.0
"""The bytes of a journal's files.

A file is a header and frames. The header is magic, format version, kind, slot and the file's own
name, closed by a CRC-32 of all that, so that two files cannot be mistaken for each other. A frame
is length, CRC-32 and payload. Each frame's checksum covers its length and continues the checksum
before it, the header's at first: frames that are swapped, repeated or left out are as visible as
flipped bits, and a run of zeros (what a power loss likes to leave) is never a valid frame.
All numbers are big-endian and unsigned.
"""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import TYPE_CHECKING, Self
from zlib import crc32

from journal.errors import (
    JournalCorrupt,
    JournalError,
    JournalFailed,
    JournalMissing,
    JournalVersion,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType

    from journal.marker import FileEntry

__all__ = ["FRAME_OVERHEAD", "FileReader", "Kind", "encode_frame", "encode_header"]

_MAGIC = b"RSTKJRNL"
_VERSION = 1
_HEADER = struct.Struct(">8sHBIB")  # magic, version, kind, slot, length of the name
_CHECKSUM = struct.Struct(">I")
_LENGTH = struct.Struct(">I")
_FRAME = struct.Struct(">II")
_MAX_PAYLOAD = 2**32 - 1
_READ_BUFFER = 1 << 20

FRAME_OVERHEAD = _FRAME.size
"""Bytes of a frame besides its payload."""


class Kind(IntEnum):
    """What a file holds."""

    SEGMENT = 1
    BASE = 2


def encode_header(kind: Kind, slot: int, name: str) -> tuple[bytes, int]:
    """Give a file's first bytes, and the checksum that its first frame continues.

    Args:
        kind: What the file will hold.
        slot: Number of the slot.
        name: The file's name, without folder.
    """
    title = name.encode("ascii")
    content = _HEADER.pack(_MAGIC, _VERSION, kind, slot, len(title)) + title
    checksum = crc32(content)
    return content + _CHECKSUM.pack(checksum), checksum


def encode_frame(payload: bytes, checksum: int) -> tuple[bytes, int]:
    """Give a frame and its checksum.

    Args:
        payload: The content, at most 4 GiB - 1.
        checksum: The checksum of the frame before, or of the header.

    Raises:
        JournalError: If the payload is too long.
    """
    if len(payload) > _MAX_PAYLOAD:
        raise JournalError(
            f"a record of {len(payload)} bytes is too long: at most {_MAX_PAYLOAD} fit"
        )
    length = _LENGTH.pack(len(payload))
    checksum = crc32(payload, crc32(length, checksum))
    return b"%b%b%b" % (length, _CHECKSUM.pack(checksum), payload), checksum


class FileReader:
    """Reads one file that a marker names, checking every byte up to the length it names.

    Args:
        directory: The slot's folder.
        entry: The file as the marker names it.
        kind: What it must hold.
        slot: The slot that it must belong to.

    Raises:
        JournalMissing: If there is no such file.
        JournalCorrupt: If its length or its header does not fit.
        JournalVersion: If it is of another format version.
        JournalFailed: If the system cannot read it.
    """

    def __init__(self, directory: Path, entry: FileEntry, kind: Kind, slot: int) -> None:
        self.file = directory / entry.name
        self._entry = entry
        self._position = 0
        self._checksum = 0
        self._count = 0
        try:
            self._stream = self.file.open("rb", buffering=_READ_BUFFER)
        except FileNotFoundError as error:
            raise JournalMissing(self.file) from error
        except OSError as error:
            raise JournalFailed("open", self.file, error) from error
        try:
            self._read_header(kind, slot)
        except BaseException:
            self._stream.close()
            raise

    def __enter__(self) -> Self:
        """Give the reader itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the file."""
        self._stream.close()

    @property
    def position(self) -> int:
        """Where the next frame begins, in bytes."""
        return self._position

    @property
    def checksum(self) -> int:
        """The checksum of everything read so far."""
        return self._checksum

    def frames(self, end: int) -> Iterator[bytes]:
        """Give the payloads of the frames up to a position, each after it was checked.

        Args:
            end: Where the last frame must end.

        Raises:
            JournalCorrupt: If a frame is not what was written.
            JournalFailed: If the system cannot read it.
        """
        while self._position < end:
            yield self._read_frame(end)

    def finish(self) -> None:
        """Check that all that the marker promises was read.

        Raises:
            JournalCorrupt: If the checksum or the number of frames differs from the marker's.
        """
        found = (self._position, self._checksum, self._count)
        if found != (self._entry.length, self._entry.checksum, self._entry.frames):
            raise self._damage("its content is not the one that the marker names")

    def _read_header(self, kind: Kind, slot: int) -> None:
        fixed = self._read(_HEADER.size)
        magic, version, found_kind, found_slot, title_length = _HEADER.unpack(fixed)
        if magic != _MAGIC:
            raise self._damage("it does not begin like a journal file")
        if version != _VERSION:
            raise JournalVersion("format version", self.file, version, _VERSION)
        title = self._read(title_length)
        self._checksum = crc32(fixed + title)
        if self._read(_CHECKSUM.size) != _CHECKSUM.pack(self._checksum):
            raise self._damage("the checksum of its header does not fit")
        if found_slot != slot:
            raise JournalVersion("slot", self.file, found_slot, slot)
        if (found_kind, title) != (kind, self._entry.name.encode("ascii")):
            raise self._damage("its header belongs to another file")
        self._position = self._stream.tell()

    def _read_frame(self, end: int) -> bytes:
        if end - self._position < _FRAME.size:
            raise self._damage("a frame is cut off")
        prefix = self._read(_FRAME.size)
        length, checksum = _FRAME.unpack(prefix)
        if end - self._position - _FRAME.size < length:
            raise self._damage("a frame reaches beyond the end")
        payload = self._read(length)
        if crc32(payload, crc32(prefix[: _LENGTH.size], self._checksum)) != checksum:
            raise self._damage("the checksum of a frame does not fit")
        self._position += _FRAME.size + length
        self._checksum = checksum
        self._count += 1
        return payload

    def _read(self, size: int) -> bytes:
        try:
            data = self._stream.read(size)
        except OSError as error:
            raise JournalFailed("read", self.file, error) from error
        if len(data) != size:
            raise self._damage("the file ends too early")
        return data

    def _damage(self, what: str) -> JournalCorrupt:
        return JournalCorrupt(what, self.file, self._position)
