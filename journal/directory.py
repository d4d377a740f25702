# SPDX-License-Identifier: Apache-2.0
"""The state directory of a shard: who uses it, whose it is, and whether it ever counted."""

from __future__ import annotations

import fcntl
import json
import os
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

from journal.errors import (
    JournalCorrupt,
    JournalFailed,
    JournalMissing,
    JournalVersion,
    StateLocked,
    StateMismatch,
)
from journal.files import make_directory, private_opener, write_atomically

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from types import TracebackType

__all__ = ["StateDirectory", "locked"]

_FORMAT = 1
_LOCK = "lock"
_IDENTITY = "identity.json"
_DURABLE = "durable"
_SLOTS = "slots"
_LONGEST_PID = 20


class StateDirectory:
    """A locked directory whose identity was checked.

    It holds `lock` (with the holder's pid), `identity.json`, `durable` (present once an epoch was
    committed), `slots/` with a folder for each slot's journal, and whatever else the program puts
    beside them, the recovery store above all: the directory is one unit for backup and restore.
    """

    def __init__(
        self,
        directory: Path,
        lock: int,
        identity: Mapping[str, str | int],
        state_id: str,
        outdated: Mapping[str, str | int],
    ) -> None:
        """Take over a checked directory; use `open`."""
        self._outdated = dict(outdated)
        self._directory = directory
        self._lock: int | None = lock
        self._identity = dict(identity)
        self._state_id = state_id
        self._was_durable = (directory / _DURABLE).exists()

    @classmethod
    def open(
        cls,
        directory: Path,
        identity: Mapping[str, str | int],
        *,
        created: str,
        oldest: Mapping[str, int] | None = None,
    ) -> Self:
        """Lock a state directory, and create it or check that it belongs to this run.

        Args:
            directory: The directory; created when it does not exist.
            identity: What must never change while the state lives (flow, shard and their count,
                number of slots and of recovery partitions ...).
            created: When it was created, if it is created now; kept for people, not compared.
            oldest: For fields that count up from release to release, the lowest value that this
                run can go on from; see `raise_identity`.

        Raises:
            StateLocked: If another process uses it.
            StateMismatch: If it was made with another identity.
            JournalMissing: If it holds state, but no identity.
            JournalCorrupt: If its identity cannot be read.
            JournalVersion: If its identity is of another format, or a field of `oldest` is lower or
                higher than this run can go on from.
            JournalFailed: If the operating system refuses.
        """
        make_directory(directory)
        lock = _lock(directory)
        try:
            if (directory / _IDENTITY).exists():
                found = cls.read_identity(directory)
                outdated = _outdated(directory, found, identity, oldest or {})
                raised = {field: identity[field] for field in outdated}
                _compare(directory, {**found, **raised}, identity)
            else:
                _create(directory, identity, created)
                outdated = {}
            return cls(directory, lock, identity, _state_id(directory), outdated)
        except BaseException:
            os.close(lock)
            raise

    @staticmethod
    def read_identity(directory: Path) -> dict[str, str | int]:
        """Read whose a directory is, without locking it.

        Args:
            directory: The state directory.

        Raises:
            JournalMissing: If it has no identity.
            JournalCorrupt: If its identity cannot be read.
            JournalVersion: If its identity is of another format.
        """
        file = directory / _IDENTITY
        try:
            stored = json.loads(file.read_bytes())
            version, identity = stored["format"], stored["identity"]
        except FileNotFoundError as error:
            raise JournalMissing(file, "the state directory") from error
        except OSError as error:
            raise JournalFailed("read", file, error) from error
        except (ValueError, TypeError, KeyError) as error:
            raise JournalCorrupt(f"it is not an identity ({error!r})", file) from error
        if version != _FORMAT:
            raise JournalVersion("format version", file, version, _FORMAT)
        if not isinstance(identity, dict):
            raise JournalCorrupt("its identity is not an object", file)
        return identity

    @property
    def path(self) -> Path:
        """The directory itself."""
        return self._directory

    @property
    def identity(self) -> dict[str, str | int]:
        """The identity that was checked."""
        return dict(self._identity)

    def raise_identity(self) -> dict[str, str | int]:
        """Let the directory say that this release writes it, so that an earlier one refuses it.

        To be called before anything is written that an earlier release cannot read.

        Returns:
            What the fields were that an earlier release had written lower; empty mostly.

        Raises:
            JournalFailed: If the operating system refuses.
        """
        outdated, self._outdated = self._outdated, {}
        if outdated:
            file = self._directory / _IDENTITY
            try:
                content = json.loads(file.read_bytes())
            except OSError as error:
                raise JournalFailed("read", file, error) from error
            _write(self._directory, {**content, "identity": self._identity})
        return outdated

    @property
    def state_id(self) -> str:
        """Tells this state from every other one, even one that was made in the same place.

        A copy has it as well.
        """
        return self._state_id

    @property
    def lock_file(self) -> os.stat_result:
        """The lock file, for whoever wants to know whether two directories are one.

        Raises:
            JournalFailed: If the operating system refuses, or the directory is closed.
        """
        try:
            return os.fstat(-1 if self._lock is None else self._lock)
        except OSError as error:
            raise JournalFailed("look at", self._directory / _LOCK, error) from error

    @property
    def was_durable(self) -> bool:
        """Whether an epoch was ever committed here.

        A run that finds no marker although this is true must refuse to start: its recovery store
        was deleted, emptied, or belongs elsewhere.
        """
        return self._was_durable

    def mark_durable(self) -> None:
        """Keep the fact that an epoch was committed; costs nothing but the first time.

        Raises:
            JournalFailed: If the operating system refuses.
        """
        if not self._was_durable:
            write_atomically(self._directory / _DURABLE, b"an epoch was committed\n")
            self._was_durable = True

    def slot_directory(self, slot: int) -> Path:
        """Give the folder for a slot's journal, which the journal creates.

        Args:
            slot: Number of the slot.
        """
        return self._directory / _SLOTS / f"{slot:04d}"

    def close(self) -> None:
        """Give the lock back. Can be called again."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def __enter__(self) -> Self:
        """Give the directory itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give the lock back."""
        self.close()


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Keep every run from a directory for a while, whatever it holds.

    Args:
        directory: An existing directory.

    Raises:
        StateLocked: If a process uses it.
        JournalFailed: If the operating system refuses.
    """
    descriptor = _lock(directory)
    try:
        yield
    finally:
        os.close(descriptor)


def _lock(directory: Path) -> int:
    file = directory / _LOCK
    try:
        descriptor = private_opener(file, os.O_RDWR | os.O_CREAT)
    except OSError as error:
        raise JournalFailed("open", file, error) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, b"%d\n" % os.getpid(), 0)
    except BlockingIOError as error:
        holder = os.pread(descriptor, _LONGEST_PID, 0).strip()
        os.close(descriptor)
        raise StateLocked(directory, int(holder) if holder.isdigit() else None) from error
    except OSError as error:
        os.close(descriptor)
        raise JournalFailed("lock", file, error) from error
    return descriptor


def _create(directory: Path, identity: Mapping[str, str | int], created: str) -> None:
    # Created before anything else: without it, whatever is there is not what a crash leaves.
    if (directory / _DURABLE).exists() or (directory / _SLOTS).exists():
        raise JournalMissing(directory / _IDENTITY, "the state beside it")
    content = {"format": _FORMAT, "created": created, "identity": dict(identity)}
    _write(directory, content)


def _write(directory: Path, content: Mapping[str, object]) -> None:
    write_atomically(directory / _IDENTITY, json.dumps(content, indent=2).encode() + b"\n")


def _state_id(directory: Path) -> str:
    """Read the state's id; give it one if it was made before there were any."""
    file = directory / _IDENTITY
    try:
        content = json.loads(file.read_bytes())
    except OSError as error:
        raise JournalFailed("read", file, error) from error
    found = content.get("state_id")
    if found is None:
        found = str(uuid.uuid4())
        _write(directory, {**content, "state_id": found})
    elif not isinstance(found, str) or not found:
        raise JournalCorrupt("its state_id is not text", file)
    return found


def _outdated(
    directory: Path,
    found: Mapping[str, str | int],
    expected: Mapping[str, str | int],
    oldest: Mapping[str, int],
) -> dict[str, str | int]:
    """Return the fields that this run goes on from, but will raise."""
    outdated: dict[str, str | int] = {}
    for field, first in oldest.items():
        stored, ours = found.get(field), expected[field]
        if stored == ours:
            continue
        if not isinstance(stored, int) or not isinstance(ours, int) or not first <= stored <= ours:
            readable = f"{ours}" if first == ours else f"{first} to {ours}"
            raise JournalVersion(field, directory / _IDENTITY, stored, readable)
        outdated[field] = stored
    return outdated


def _compare(
    directory: Path, found: Mapping[str, str | int], expected: Mapping[str, str | int]
) -> None:
    for field in [*expected, *(name for name in found if name not in expected)]:
        if found.get(field) != expected.get(field):
            raise StateMismatch(directory, field, found.get(field), expected.get(field))
