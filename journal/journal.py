# SPDX-License-Identifier: Apache-2.0
"""The journal of one slot: what was applied since its last base, on the disk before it counts."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

from journal.compaction import Compaction, CompactionCounts
from journal.errors import JournalError, JournalFailed
from journal.files import make_directory
from journal.limits import DEFAULT_LIMITS
from journal.marker import Marker
from journal.resume import check_token, clean, cut, fold
from journal.segment import SegmentWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from journal.limits import Limits
    from journal.state import Foldable
    from journal.turns import Turns

__all__ = ["Journal"]


def _go_on(_: str) -> None:
    """Stand in for a test's crash point."""


class Journal:
    """Keeps one slot's redo records in files, and names those files in a marker.

    The caller's part, once in an epoch: `append` what it applied, `sync` and store the marker, and
    call `durable` when (and only when) that marker is known to be committed. Until then everything
    that the marker before names stays as it is, so either of the two can be resumed from.

    A marker that was never committed may come back: Bytewax 0.21.1 writes snapshots and the epoch
    that makes them count in two transactions. So the first batch of every epoch must wake every
    slot: the stale row is then overwritten before it could count.

    One thread at a time; one journal for a folder at a time (see `StateDirectory`'s lock).
    """

    def __init__(
        self,
        directory: Path,
        marker: Marker,
        *,
        token: str,
        factory: str,
        limits: Limits,
        turns: Turns | None,
        crash_point: Callable[[str], None],
    ) -> None:
        """Take over a checked folder; use `open`."""
        self._directory = directory
        self._slot = marker.slot
        self._token = token
        self._limits = limits
        self._crash_point = crash_point
        self._compaction = Compaction(directory, factory, turns)
        self._base = marker.base
        self._closed = list(marker.segments)
        self._segment: SegmentWriter | None = None
        self._named = marker
        self._encoded = marker.encode()
        self._replaced: list[str] = []
        self._numbered = 0
        # How much work had been done when the newest records of the base, and of the closed
        # segments, were written.
        self._work_in_base = 0
        self._work_closed = 0
        self._unusable: str | None = None

    @classmethod
    def open(  # noqa: PLR0913 - what it works with, by keyword
        cls,
        directory: Path,
        slot: int,
        marker: bytes | None,
        state: Foldable,
        *,
        token: str,
        factory: str,
        limits: Limits = DEFAULT_LIMITS,
        turns: Turns | None = None,
        crash_point: Callable[[str], None] = _go_on,
    ) -> Self:
        """Rebuild a slot's state and go on after it.

        Everything that the marker names is checked and loaded before anything changes on the disk.
        Then the end of a segment behind the marker is cut, and the journal files that the marker
        does not name are deleted. What comes next goes to a new segment.

        Args:
            directory: The slot's own folder; created when it does not exist.
            slot: Number of the slot, at least 0.
            marker: The last marker that was committed, None for a slot without a past (leftovers
                in its folder are deleted).
            state: An empty state, filled here; of no use when an error is raised.
            token: Letters and digits that no other execution ever used; part of all new names.
            factory: "module:callable" that makes an empty state in the helper process.
            limits: When to write and to compact.
            turns: Shared by journals that must not all compact at once; None: on its own.
            crash_point: Called with a name at points where a test may end the process.

        Raises:
            JournalMissing: If a file that the marker names does not exist.
            JournalCorrupt: If the marker or a file is not what was written.
            JournalVersion: If they are of another format or slot.
            JournalFailed: If the operating system refuses.
            JournalError: If the token or the factory does not fit.
        """
        module, _, name = factory.partition(":")
        if not module or not name:
            raise JournalError(f"factory {factory!r} does not fit: write it as module:callable")
        named = Marker(slot) if marker is None else Marker.decode(marker, slot)
        make_directory(directory)
        check_token(directory, token)
        fold(directory, named, state)
        crash_point("open-loaded")
        cut(directory, named)
        crash_point("open-cut")
        clean(directory, named)
        crash_point("open-cleaned")
        return cls(
            directory,
            named,
            token=token,
            factory=factory,
            limits=limits,
            turns=turns,
            crash_point=crash_point,
        )

    @property
    def last_compaction_error(self) -> str | None:
        """Why the last compaction failed, None when it did not; it is tried again by itself."""
        return self._compaction.last_error

    @property
    def compacting(self) -> bool:
        """Whether a helper process works on a new base, or has made one that is not taken yet."""
        return self._compaction.running

    @property
    def compactions(self) -> CompactionCounts:
        """What became of the compactions so far."""
        return self._compaction.counts

    @property
    def size(self) -> int:
        """Bytes of the files that the next marker would name; any thread may ask."""
        return sum(entry.length for entry in self._files().files())

    def append(self, record: bytes) -> None:
        """Add one redo record; it counts once a marker after it is committed.

        Args:
            record: Any bytes, also none; below 4 GiB.

        Raises:
            JournalFailed: If the operating system refuses.
            JournalError: If the journal is closed or failed before, or the record is too long.
        """
        if self._segment is None:
            with self._writing("create a segment in"):
                self._segment = SegmentWriter(self._directory, self._name("segment"), self._slot)
        elif self._unusable is not None:
            self._check_usable()
        self._segment.append(record)
        self._crash_point("appended")
        if self._segment.buffered >= self._limits.write_buffer:
            with self._writing("write to"):
                self._segment.write()
            self._crash_point("written")

    def sync(self) -> bytes:
        """Bring everything appended to the disk and name it.

        Returns:
            The marker: about a hundred bytes of ASCII, and some sixty more for each segment. The
            same bytes as before when nothing changed; then the disk is not touched.

        Raises:
            JournalFailed: If the operating system refuses; a sync is never tried twice.
            JournalError: If the journal is closed or failed before.
        """
        self._check_usable()
        if self._segment is not None:
            with self._writing("sync"):
                self._segment.sync()
        self._crash_point("synced")
        files = self._files()
        if files != self._named:
            self._named = files
            self._encoded = files.encode()
        return self._encoded

    def durable(self, work: int = 0) -> None:
        """Take note that the last marker given by `sync` (or to `open`) is committed.

        Only here files are deleted that it no longer names, a finished new base is adopted for the
        next marker, and a compaction starts when it is due.

        Args:
            work: What the owner of the state counts while it applies records, live or again, and
                not while it loads a base: what redoing all of them would cost, in its own unit
                (see `Limits.compact_work`). A few bytes of log can stand for the work of minutes.

        Raises:
            JournalFailed: If the operating system refuses.
            JournalError: If the journal is closed or failed before.
        """
        self._check_usable()
        self._delete_replaced()
        self._adopt()
        due = self._limits.compaction_due(self._files(), work - self._work_in_base)
        if due and self._compaction.ready():
            self._compact(work)

    def close(self) -> None:
        """Stop a running helper and close the files; nothing is written. Can be called again."""
        self._unusable = "it is closed"
        self._compaction.stop()
        if self._segment is not None:
            self._segment.close()
            self._segment = None

    def _files(self) -> Marker:
        segments = self._closed if self._segment is None else [*self._closed, self._segment.entry()]
        return Marker(self._slot, self._base, tuple(segments))

    def _delete_replaced(self) -> None:
        named = {entry.name for entry in self._named.files()}
        kept = []
        for name in self._replaced:
            try:
                if name in named:
                    kept.append(name)
                else:
                    (self._directory / name).unlink(missing_ok=True)
                    self._crash_point("unlinked")
            except OSError:
                kept.append(name)  # does no harm where it is; the next call tries again
        self._replaced = kept

    def _adopt(self) -> None:
        result = self._compaction.take()
        if result is None:
            return
        sources, base = result
        self._replaced += [entry.name for entry in sources.files()]
        self._base = base
        self._work_in_base = self._work_closed
        del self._closed[: len(sources.segments)]
        self._crash_point("base-adopted")

    def _compact(self, work: int) -> None:
        # After a failure the same closed files serve again: a segment for each attempt would make
        # the marker grow for as long as the cause stays.
        if not (self._closed and self._compaction.failed):
            self._work_closed = work
            if self._segment is not None:
                self._rotate(self._segment)
        self._compaction.start(
            Marker(self._slot, self._base, tuple(self._closed)), self._name("base")
        )
        self._crash_point("helper-started")

    def _rotate(self, segment: SegmentWriter) -> None:
        with self._writing("sync"):
            segment.sync()
            segment.close()
        self._closed.append(segment.entry())
        self._segment = None
        self._crash_point("rotated")

    def _name(self, kind: str) -> str:
        self._numbered += 1
        return f"{kind}-{self._token}-{self._numbered}.journal"

    def _check_usable(self) -> None:
        if self._unusable is not None:
            raise JournalError(
                f"the journal in {self._directory} takes nothing more: {self._unusable}; "
                "restart (the run resumes from the last durable epoch)"
            )

    @contextmanager
    def _writing(self, what: str) -> Iterator[None]:
        # How far an interrupted write or sync came is unknown: everything after it must be refused.
        self._check_usable()
        self._unusable = f"a step that should {what} it did not finish"
        try:
            yield
        except OSError as error:
            raise JournalFailed(f"{what} the journal in", self._directory, error) from error
        self._unusable = None
