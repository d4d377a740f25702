# SPDX-License-Identifier: Apache-2.0
"""Damage to stored bytes is an error, never another state."""

import errno
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import msgspec
import pytest
from typing_extensions import override

from journal import (
    JournalCorrupt,
    JournalError,
    JournalFailed,
    JournalMissing,
    JournalVersion,
    Limits,
)
from journal.marker import Marker
from journal.resume import fold
from journal.segment import SegmentWriter
from tests.support.journals import InlineHelper, Lines, append_all, contents, open_journal

RECORDS = [b"%d" % number for number in range(20)] + [b"", b"\0\0\0\0\0\0\0\0", b"end"]


@dataclass(frozen=True)
class Stored:
    """A journal at rest: its folder and the marker of its last sync."""

    directory: Path
    marker: bytes

    @property
    def names(self) -> Marker:
        """What the marker names."""
        return Marker.decode(self.marker, 3)


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Stored:
    """A journal with a base and two segments."""
    directory = tmp_path_factory.mktemp("pristine") / "0003"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("journal.compaction.subprocess.Popen", InlineHelper)
        journal, _ = open_journal(directory, limits=Limits(compact_bytes=100))
        append_all(journal, RECORDS[:12])
        journal.sync()
        journal.durable()
        journal.durable()
        append_all(journal, RECORDS[12:16])
        marker = journal.sync()
        journal.durable()
        journal.close()
    journal, _ = open_journal(directory, marker, "second")
    append_all(journal, RECORDS[16:])
    marker = journal.sync()
    journal.close()
    return Stored(directory, marker)


@pytest.fixture
def stored(pristine: Stored, directory: Path) -> Stored:
    """A copy of it that may be damaged."""
    shutil.copytree(pristine.directory, directory)
    return Stored(directory, pristine.marker)


def flips(data: bytes) -> Iterator[bytes]:
    """Gives the data with each of its bits flipped in turn."""
    for index in range(len(data)):
        for bit in range(8):
            flipped = bytearray(data)
            flipped[index] ^= 1 << bit
            yield bytes(flipped)


def test_the_undamaged_journal_is_read(stored: Stored) -> None:
    """The journal that the other tests damage is sound: a base and two segments."""
    assert stored.names.base is not None
    assert 2 == len(stored.names.segments)
    assert RECORDS == open_journal(stored.directory, stored.marker, "third")[1].lines


@pytest.mark.parametrize("which", [0, 1, 2])
def test_every_flipped_bit_of_a_file_is_noticed(stored: Stored, which: int) -> None:
    """No bit of a base or a segment can change without an error, which changes nothing itself."""
    file = stored.directory / stored.names.files()[which].name
    content = file.read_bytes()
    for damaged in flips(content):
        file.write_bytes(damaged)
        with pytest.raises(JournalError):
            open_journal(stored.directory, stored.marker, "third")
        assert damaged == file.read_bytes()
    file.write_bytes(content)
    assert RECORDS == open_journal(stored.directory, stored.marker, "third")[1].lines


def test_every_flipped_bit_of_a_marker_is_noticed(stored: Stored) -> None:
    """No bit of a marker can change without an error, which changes nothing itself."""
    before = contents(stored.directory)
    for damaged in flips(stored.marker):
        with pytest.raises(JournalError):
            open_journal(stored.directory, damaged, "third")
    assert before == contents(stored.directory)


@pytest.mark.parametrize("which", [0, 1, 2])
def test_every_truncation_of_a_named_part_is_refused(stored: Stored, which: int) -> None:
    """A file shorter than its marker says is an error at every length, and stays as it is."""
    file = stored.directory / stored.names.files()[which].name
    content = file.read_bytes()
    for length in range(len(content)):
        file.write_bytes(content[:length])
        with pytest.raises(JournalCorrupt, match="the marker says"):
            open_journal(stored.directory, stored.marker, "third")
        assert length == file.stat().st_size


def test_every_truncation_behind_the_marker_is_ignored(directory: Path) -> None:
    """What stands behind the marker, whole frames or parts of them, never counts."""
    journal, _ = open_journal(directory)
    append_all(journal, [b"one", b"two"])
    marker = journal.sync()
    file = directory / "segment-first-1.journal"
    sound = file.read_bytes()
    append_all(journal, [b"three", b"four"])
    journal.sync()
    longer = file.read_bytes()
    for length in range(len(sound), len(longer) + 1):
        file.write_bytes(longer[:length])
        _, state = open_journal(directory, marker, "second")
        assert [b"one", b"two"] == state.lines
        assert sound == file.read_bytes()


@pytest.mark.parametrize("which", [0, 1, 2])
def test_a_missing_file_is_refused(stored: Stored, which: int) -> None:
    """A file that the marker names must exist; the message names it and the remedy."""
    name = stored.names.files()[which].name
    (stored.directory / name).unlink()

    with pytest.raises(JournalMissing, match=f"{name} is missing.*restore a backup"):
        open_journal(stored.directory, stored.marker, "third")


def test_a_lost_folder_is_refused(directory: Path, stored: Stored) -> None:
    """A marker without the slot's folder is not a fresh start."""
    shutil.rmtree(directory)

    with pytest.raises(JournalMissing):
        open_journal(directory, stored.marker, "third")


def test_a_longer_base_is_refused(stored: Stored) -> None:
    """Nobody appends to a base, so one that is longer is not the one that was named."""
    base = stored.names.files()[0].name
    with (stored.directory / base).open("ab") as stream:
        stream.write(b"x")

    with pytest.raises(JournalCorrupt, match="the marker says"):
        open_journal(stored.directory, stored.marker, "third")


def test_swapped_files_are_refused(directory: Path) -> None:
    """Two segments of the same length cannot take each other's place."""
    journal, _ = open_journal(directory)
    journal.append(b"one")
    marker = journal.sync()
    journal.close()
    journal, _ = open_journal(directory, marker, "other")
    journal.append(b"two")
    marker = journal.sync()
    first, second = (directory / entry.name for entry in Marker.decode(marker, 3).segments)
    content = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(content)

    with pytest.raises(JournalCorrupt, match="belongs to another file"):
        open_journal(directory, marker, "third")


def test_zeros_are_no_records(directory: Path) -> None:
    """A tail of zeros within the named length, as a power loss leaves it, is damage."""
    journal, _ = open_journal(directory)
    append_all(journal, [b"one", b"two"])
    marker = journal.sync()
    file = directory / "segment-first-1.journal"
    content = file.read_bytes()
    file.write_bytes(content[:-22] + bytes(22))

    with pytest.raises(JournalCorrupt, match="checksum of a frame"):
        open_journal(directory, marker, "second")


def test_an_older_content_of_the_same_length_is_refused(directory: Path, tmp_path: Path) -> None:
    """The marker vouches for the content: sound frames of the same size do not pass for it."""
    markers = []
    for content in (b"one", b"two"):
        folder = tmp_path / content.decode()
        journal, _ = open_journal(folder)
        journal.append(content)
        markers.append(journal.sync())
    shutil.copytree(tmp_path / "one", directory)

    with pytest.raises(JournalCorrupt, match="not the one that the marker names"):
        open_journal(directory, markers[1], "second")


def test_a_base_must_be_the_one_that_the_marker_names(stored: Stored) -> None:
    """A sound base of the right length is refused when the marker promises another content."""
    base = stored.names.files()[0]
    for changed in (
        msgspec.structs.replace(base, checksum=base.checksum ^ 1),
        msgspec.structs.replace(base, frames=base.frames + 1),
    ):
        marker = msgspec.structs.replace(stored.names, base=changed).encode()
        with pytest.raises(JournalCorrupt, match="not the one that the marker names"):
            open_journal(stored.directory, marker, "third")


def test_a_base_must_end_with_its_footer(stored: Stored) -> None:
    """A base without a footer is incomplete even where the marker says that it ends there."""
    base = stored.names.files()[0]
    file = stored.directory / base.name
    with file.open("r+b") as stream:
        stream.truncate(base.length - 32)
    shorter = msgspec.structs.replace(base, length=base.length - 32)
    marker = msgspec.structs.replace(stored.names, base=shorter).encode()

    with pytest.raises(JournalCorrupt):
        open_journal(stored.directory, marker, "third")


def test_a_file_of_another_slot_is_refused(directory: Path) -> None:
    """A segment of another slot does not pass for this one's, whatever the marker says."""
    directory.mkdir(parents=True)
    segment = SegmentWriter(directory, "segment-first-1.journal", 4)
    segment.append(b"one")
    segment.sync()
    segment.close()

    with pytest.raises(JournalVersion, match="has slot 4, but 3 is needed"):
        open_journal(directory, Marker(3, None, (segment.entry(),)).encode(), "second")


def test_a_segment_is_no_base(stored: Stored) -> None:
    """A file of one kind does not pass for the other."""
    names = stored.names
    marker = Marker(3, names.segments[0]).encode()

    with pytest.raises(JournalCorrupt, match="belongs to another file"):
        open_journal(stored.directory, marker, "third")


def test_what_is_no_file_cannot_be_read(stored: Stored) -> None:
    """A folder in the place of a file is a failure that names it."""
    file = stored.directory / stored.names.files()[1].name
    file.unlink()
    file.mkdir()

    with pytest.raises(JournalFailed, match=rf"cannot open .*{file.name}"):
        open_journal(stored.directory, stored.marker, "third")


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ("pathlib.Path.iterdir", "cannot list"),
        ("pathlib.Path.stat", "cannot look at"),
        ("journal.resume.os.fsync", "cannot cut the end of"),
        ("journal.resume.sync_directory", "cannot delete leftovers in"),
    ],
)
def test_a_resume_that_the_system_refuses_says_at_what(
    stored: Stored, monkeypatch: pytest.MonkeyPatch, step: str, message: str
) -> None:
    """Each step of a resume that fails is named, and the resume can be repeated."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with (stored.directory / stored.names.segments[-1].name).open("ab") as stream:
        stream.write(b"tail")
    (stored.directory / "base-first-99.journal.tmp").write_bytes(b"")
    with monkeypatch.context() as patch:
        patch.setattr("journal.journal.make_directory", lambda _: None)
        patch.setattr(step, refuse)
        with pytest.raises(JournalFailed, match=message):
            open_journal(stored.directory, stored.marker, "third")

    assert RECORDS == open_journal(stored.directory, stored.marker, "third")[1].lines


def test_a_newer_file_format_is_refused(stored: Stored) -> None:
    """A file of a later release is named as such, not as damage."""
    file = stored.directory / stored.names.files()[2].name
    content = bytearray(file.read_bytes())
    content[9] = 2
    file.write_bytes(content)

    with pytest.raises(JournalVersion, match="format version 2, but 1 is needed"):
        open_journal(stored.directory, stored.marker, "third")


def test_a_newer_marker_format_is_refused(directory: Path) -> None:
    """A marker of a later release is named as such, whatever follows."""
    with pytest.raises(JournalVersion, match="format version 2, but 1 is needed"):
        open_journal(directory, b"RJ2 00000000 {}", "first")


@pytest.mark.parametrize("content", [b"[3,null]x", b'[3,null,[["../x",1,1,1]]]', b"{}"])
def test_a_marker_with_a_fitting_checksum_must_still_be_one(
    directory: Path, content: bytes
) -> None:
    """A marker that names what no journal writes is refused before any file is touched."""
    marker = b"RJ1 %08x %b" % (crc32(content), content)
    with pytest.raises(JournalCorrupt):
        open_journal(directory, marker)


def test_a_state_need_not_read_its_base_to_the_end(stored: Stored) -> None:
    """The base is checked to its last byte even if the state stops early."""

    class Hasty(Lines):
        @override
        def load(self, chunks: Iterator[bytes]) -> None:
            self.lines = [next(chunks)]

    base = stored.directory / stored.names.files()[0].name
    content = bytearray(base.read_bytes())
    content[-1] ^= 1
    base.write_bytes(content)

    with pytest.raises(JournalCorrupt):
        fold(stored.directory, stored.names, Hasty())
