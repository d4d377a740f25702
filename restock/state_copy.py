# SPDX-License-Identifier: Apache-2.0
"""A consistent copy of a state directory, made while the program runs, and the way back.

The recovery store is copied first, as it is at one moment; then the journal files that the markers
in that copy name, up to the lengths that they name. A run only appends to such a file, and deletes
it when a later epoch no longer needs it: if that happens meanwhile, the copy begins again.
"""

import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

from dataflows.items import slot_key
from journal.directory import locked
from journal.errors import JournalError, JournalMissing
from journal.files import make_directory, sync_directory
from journal.survey import copy_named
from restock.errors import StateError
from restock.shards import Shard
from restock.state_check import MARKS, ShardReport, check_shard, slot_count
from restock.state_places import find_backup, find_shards
from restock.state_store import copy_store, read_store, store_file

__all__ = ["Restored", "back_up", "restore"]

_TRIES: Final = 10

Restored = list[tuple[ShardReport, Path | None]]
"""Each restored shard, and where what was in its place has been moved to."""


def back_up(state: Path, target: Path, shard: Shard | None) -> list[ShardReport]:
    """Copy a state directory, whether it is in use or not.

    The copy is made under another name in the folder of the target, checked, and named last: what
    has the target's name is whole.

    Args:
        state: The state directory.
        target: The directory to make.
        shard: Only this shard; None: all.

    Returns:
        What the copy holds.

    Raises:
        StateError: The target exists, or the folder to make it in does not; there is no state, it
            is not sound, or a file cannot be read or written.
    """
    _refuse_existing(target)
    _refuse_orphan(target)
    sources = find_shards(state, shard)
    with _telling(), _made_aside(target) as copy:
        for source in sources:
            _copy_shard(source, copy / source.name)
        reports = [check_shard(copy / source.name) for source in sources]
        for report in reports:
            # What is wrong in the copy is wrong in the original: nobody knows the copy's name.
            report.problems = [text.replace(str(copy), str(state)) for text in report.problems]
        _refuse_unsound(reports, str(state))
        _sync_tree(copy)
        _refuse_existing(target)
        _rename(copy, target)
    for report in reports:
        report.directory = target / report.directory.name
    return reports


def restore(backup: Path, state: Path, *, replace: bool, now: datetime) -> Restored:
    """Put a backup in the place of a state directory.

    Args:
        backup: What `back_up` made; it stays as it is.
        state: The state directory.
        replace: Whether to move aside the state that is there.
        now: Part of the name that what is moved aside gets.

    Raises:
        StateError: The backup is not sound; the program runs on the state directory; it holds
            state, or that of another number of shards; a file cannot be read or written.
    """
    sources = find_backup(backup, state)
    _refuse_unsound([check_shard(source) for source in sources], f"the backup {backup}")
    _refuse_other_counts(sources, state)
    with _telling(), ExitStack() as stack:
        make_directory(state)
        places = [state / source.name for source in sources]
        taken = [place for place in places if place.exists()]
        for place in taken:
            stack.enter_context(locked(place))
        held = [place for place in taken if any(file.name != "lock" for file in place.iterdir())]
        if held and not replace:
            message = (
                f"{held[0]} holds state: give --replace to move it aside, or another "
                "--state-directory"
            )
            raise StateError(message)
        done: Restored = []
        copies = [stack.enter_context(_made_aside(place)) for place in places]
        for source, copy in zip(sources, copies, strict=True):
            _copy_shard(source, copy)
            _sync_tree(copy)
        for place, copy in zip(places, copies, strict=True):
            aside = state / f"replaced-{now:%Y%m%dT%H%M%S}-{place.name}" if place in taken else None
            if aside is not None:
                _refuse_existing(aside)
                _rename(place, aside)
            _rename(copy, place)
            done.append((check_shard(place), aside))
    return done


def _copy_shard(source: Path, target: Path) -> None:
    for left in reversed(range(_TRIES)):
        try:
            _copy_once(source, target)
        except JournalMissing:
            if not left:
                raise
            _remove(target)
        else:
            return


def _copy_once(source: Path, target: Path) -> None:
    try:
        target.mkdir(exist_ok=True)
        (target / "recovery").mkdir()
        # Before the store: a copy that is marked as durable has what was durable, and one that is
        # not marked as being rebuilt is complete.
        for name in MARKS:
            if (source / name).exists():
                shutil.copyfile(source / name, target / name)
        copy_store(store_file(source), store_file(target))
        # After it: an upgrade raises the version here before it writes anything.
        shutil.copyfile(source / "identity.json", target / "identity.json")
    except OSError as error:
        message = f"{source} cannot be copied to {target}: {error.strerror}"
        raise StateError(message) from error
    markers = read_store(store_file(target)).markers
    for slot in range(slot_count(source)):
        marker = markers.get(slot_key(slot))
        if marker:
            folder = f"{slot:04d}"
            copy_named(source / "slots" / folder, target / "slots" / folder, slot, marker)


def _refuse_unsound(reports: Sequence[ShardReport], what: str) -> None:
    for report in reports:
        if report.problems:
            message = f"{what} is not sound: {report.problems[0]}"
            raise StateError(message)


@contextmanager
def _telling() -> Iterator[None]:
    try:
        yield
    except JournalError as error:
        raise StateError(str(error)) from error


@contextmanager
def _made_aside(target: Path) -> Iterator[Path]:
    """A folder beside a target, removed unless it was given the target's name."""
    copy = target.parent / f".{target.name}.{secrets.token_hex(4)}.tmp"
    try:
        copy.mkdir(mode=0o750)
    except OSError as error:
        message = f"{copy} cannot be made: {error.strerror}"
        raise StateError(message) from error
    try:
        yield copy
    finally:
        _remove(copy)


def _remove(directory: Path) -> None:
    shutil.rmtree(directory, ignore_errors=True)


def _sync_tree(directory: Path) -> None:
    try:
        for folder, _, names in os.walk(directory, topdown=False):
            for name in names:
                with (Path(folder) / name).open("rb") as stream:
                    os.fsync(stream.fileno())
            sync_directory(Path(folder))
    except OSError as error:
        message = f"{directory} cannot be synced: {error.strerror}"
        raise StateError(message) from error


def _rename(source: Path, target: Path) -> None:
    try:
        source.rename(target)
        sync_directory(target.parent)
    except OSError as error:
        message = f"{source} cannot be renamed to {target}: {error.strerror}"
        raise StateError(message) from error


def _refuse_existing(target: Path) -> None:
    if target.exists() or target.is_symlink():
        message = f"{target} exists: nothing is overwritten, give a name that is not taken"
        raise StateError(message)


def _refuse_orphan(target: Path) -> None:
    folder = target.absolute().parent
    if not folder.is_dir():
        what = "is not a directory" if folder.exists() else "does not exist"
        message = f"{target} cannot be made: {folder} {what}; make it first, or give another name"
        raise StateError(message)


def _refuse_other_counts(sources: Sequence[Path], state: Path) -> None:
    counts = {source.name.rpartition("-of-")[2] for source in sources}
    for other in sorted(state.glob("shard-*-of-*")):
        if other.name.rpartition("-of-")[2] not in counts:
            message = (
                f"{other} holds state of another shard count than the backup: give another "
                "--state-directory"
            )
            raise StateError(message)
