# SPDX-License-Identifier: Apache-2.0
"""The marker: the few bytes in the recovery store that say which files make up a slot's state.

`RJ1 <crc32 in hex> <JSON>`, where the JSON is `[slot, base or null, [segment, ...]]` and a file is
`[name, length, checksum, frames]`. A resume trusts nothing that the marker does not name, and
nothing behind the lengths it names.
"""

from __future__ import annotations

import re
from typing import Self
from zlib import crc32

import msgspec

from journal.errors import JournalCorrupt, JournalVersion

__all__ = ["FILE_NAME", "FileEntry", "Marker"]

FILE_NAME = re.compile(r"(?:segment|base)-(?P<token>[0-9A-Za-z]+)-[0-9]+\.journal(?:\.tmp)?")
"""What a file of a journal is called; everything else in a slot's folder is not ours."""

_VERSION = 1
_SHAPE = re.compile(rb"RJ([0-9]{1,9}) ([0-9a-f]{8}) (.*)", re.DOTALL)
_WHERE = "the slot's marker in the recovery store"


class FileEntry(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One file of a journal as a marker names it.

    Attributes:
        name: File name without folder.
        length: Bytes that count, header included.
        checksum: CRC-32 over everything up to `length` (each frame's checksum continues the
            one before, so this is the last frame's).
        frames: Records of a segment, or chunks of a base.
    """

    name: str
    length: int
    checksum: int
    frames: int


class Marker(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Everything that makes up a slot's state at one moment.

    Attributes:
        slot: Number of the slot.
        base: File with the whole state at an earlier moment, None when there never was one.
        segments: Files with the records since then, oldest first.
    """

    slot: int
    base: FileEntry | None = None
    segments: tuple[FileEntry, ...] = ()

    @classmethod
    def decode(cls, marker: bytes, slot: int) -> Self:
        """Read a marker.

        Args:
            marker: What `encode` gave.
            slot: The slot that it must belong to.

        Raises:
            JournalCorrupt: If the bytes are not a marker.
            JournalVersion: If it is of another format version or of another slot.
        """
        match = _SHAPE.fullmatch(marker)
        if match is None:
            raise JournalCorrupt("it is not a marker", _WHERE)
        version, checksum, content = match.groups()
        if int(version) != _VERSION:
            raise JournalVersion("format version", _WHERE, int(version), _VERSION)
        if b"%08x" % crc32(content) != checksum:
            raise JournalCorrupt("its checksum does not fit", _WHERE)
        try:
            decoded = msgspec.json.decode(content, type=cls)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise JournalCorrupt(f"its content does not fit ({error})", _WHERE) from error
        if decoded.slot != slot:
            raise JournalVersion("slot", _WHERE, decoded.slot, slot)
        for entry in decoded.files():
            if FILE_NAME.fullmatch(entry.name) is None:
                raise JournalCorrupt(f"it names a file {entry.name!r}", _WHERE)
        return decoded

    def encode(self) -> bytes:
        """Give the marker as about a hundred bytes of ASCII, plus some sixty for each file."""
        content = msgspec.json.encode(self)
        return b"RJ%d %08x %b" % (_VERSION, crc32(content), content)

    def files(self) -> tuple[FileEntry, ...]:
        """Give all files in the order in which they are read."""
        return self.segments if self.base is None else (self.base, *self.segments)

    def records(self) -> int:
        """Count the records in all segments."""
        return sum(entry.frames for entry in self.segments)
