# SPDX-License-Identifier: Apache-2.0
"""Whether a stored state could be resumed from, and what it holds.

Everything that a resume would need is read and checked byte by byte; nothing is changed and no lock
is needed, so it may run beside the program. What changes meanwhile is looked at again.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from connectors.kafka.records import Partition
from dataflows.folding import empty
from dataflows.items import slot_key
from dataflows.restock import FLOW_ID
from journal.directory import StateDirectory
from journal.errors import JournalError
from journal.survey import journal_files, survey
from restock.errors import StateError
from restock.state_places import shard_name
from restock.state_store import StoreContents, read_store, store_file
from waitlist.redo import VERSION

__all__ = ["MARKS", "ShardReport", "check_shard", "is_durable", "slot_count"]

_DURABLE: Final = "durable"
_REBUILDING: Final = "rebuilding.json"
MARKS: Final = (_DURABLE, _REBUILDING)
"""Files that are there or not: an epoch was committed, a rebuild is under way."""

_KNOWN: Final = frozenset({"lock", "identity.json", "slots", "recovery", *MARKS})
_LOOKS: Final = 10
_MOST_SLOTS: Final = 1024


@dataclass(slots=True)
class ShardReport:
    """What a shard's part of a state directory holds.

    Attributes:
        directory: The shard's folder.
        shard: Its name i/n.
        rebuilding: Whether a rebuild is under way: the next run goes on with it.
        epoch: The epoch that would be resumed from; None: nothing was durable yet.
        offsets: For each input partition the offset of the next record to be read.
        variants: Variants that are known.
        waiting: People in queues, those whose time is over but who have not left yet included.
        bytes_on_disk: Size of all files.
        beside: Files that a resume does not need, relative to the folder: leftovers of a crash,
            or newer than the last durable epoch.
        problems: One line for each reason why it cannot be resumed from.
    """

    directory: Path
    shard: str
    rebuilding: bool = False
    epoch: int | None = None
    offsets: dict[Partition, int] = field(default_factory=dict)
    variants: int = 0
    waiting: int = 0
    bytes_on_disk: int = 0
    beside: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def is_durable(directory: Path) -> bool:
    """Whether a shard's folder says that an epoch was committed in it."""
    return (directory / _DURABLE).exists()


def slot_count(directory: Path) -> int:
    """The number of slots that a shard's identity names.

    Raises:
        JournalError: There is no identity, or it cannot be read.
        StateError: It names none.
    """
    slots = StateDirectory.read_identity(directory).get("slots")
    if not isinstance(slots, int) or not 1 <= slots <= _MOST_SLOTS:
        message = f"{directory / 'identity.json'} names {slots!r} slots, which cannot be"
        raise StateError(message)
    return slots


def check_shard(directory: Path) -> ShardReport:
    """Check one shard's folder.

    A run may commit an epoch and delete what that one replaced while this reads: then it begins
    again. Only what stands still, or is wrong again and again, is reported.

    Args:
        directory: The shard's folder.
    """
    report = _look(directory)
    for _ in range(_LOOKS):
        if not report.problems:
            break
        again = _look(directory)
        settled = again.epoch == report.epoch and again.problems == report.problems
        report = again
        if settled:
            break
    return report


def _look(directory: Path) -> ShardReport:
    report = ShardReport(directory, shard_name(directory) or directory.name)
    report.rebuilding = (directory / _REBUILDING).exists()
    try:
        report.problems += _identity_problems(directory, report.shard)
        slots = slot_count(directory)
    except (JournalError, StateError) as error:
        report.problems.append(str(error))
        slots = 0
    try:
        store = read_store(store_file(directory))
    except StateError as error:
        # Before an epoch was durable, a store that was cut short is simply made anew.
        if is_durable(directory) or _holds_journals(directory):
            report.problems.append(str(error))
        store = StoreContents(None, {}, {}, {})
    else:
        report.epoch, report.offsets = store.resume_epoch, store.offsets
        if is_durable(directory) and store.resume_epoch is None:
            report.problems.append(
                f"{store_file(directory)} is empty, although an epoch was committed here"
            )
        if slots:
            _check_slots(report, store, slots)
    _measure(report, slots)
    return report


def _identity_problems(directory: Path, shard: str) -> Iterator[str]:
    identity = StateDirectory.read_identity(directory)
    file = directory / "identity.json"
    if identity.get("flow") != FLOW_ID:
        yield f"{file} is of the flow {identity.get('flow')!r}, not of {FLOW_ID!r}"
    if identity.get("shard") != shard:
        yield f"{file} is of shard {identity.get('shard')}, its folder is named for {shard}"
    version = identity.get("state_format")
    if not isinstance(version, int) or version > VERSION:
        yield f"{file} names state format {version}, this release reads up to {VERSION}"


def _check_slots(report: ShardReport, store: StoreContents, slots: int) -> None:
    expected = {slot_key(slot): slot for slot in range(slots)}
    for key in sorted(store.markers.keys() - expected.keys()):
        report.problems.append(
            f"{store_file(report.directory)} holds a marker for {key}, but there are {slots} slots"
        )
    for key, slot in expected.items():
        folder = _slot_folder(report.directory, slot)
        marker = store.markers.get(key)
        if not marker:
            durable = store.resume_epoch is not None and is_durable(report.directory)
            if durable or _journal_files(folder):
                report.problems.append(
                    f"{store_file(report.directory)} holds no marker for {folder}"
                )
            continue
        state = empty()
        try:
            seen = survey(folder, slot, marker, state)
        except JournalError as error:
            report.problems.append(str(error))
        except Exception as error:  # noqa: BLE001 - whatever a record does to the state
            report.problems.append(
                f"{folder} cannot be folded into a state: {type(error).__name__}: {error}"
            )
        else:
            # At time 0 nobody's time is over: how long people wait is a matter of the policy.
            waiting = state.slot.waiting(0)
            variants, _ = state.slot.size()
            report.variants += variants
            report.waiting += waiting
            report.beside += [f"slots/{folder.name}/{name}" for name in seen.beside]


def _slot_folder(directory: Path, slot: int) -> Path:
    return directory / "slots" / f"{slot:04d}"


def _journal_files(folder: Path) -> list[str]:
    try:
        return journal_files(folder)
    except JournalError:
        return []


def _holds_journals(directory: Path) -> bool:
    return any(_journal_files(folder) for folder in (directory / "slots").glob("*"))


def _measure(report: ShardReport, slots: int) -> None:
    known = {f"{slot:04d}" for slot in range(slots)}
    store = store_file(report.directory)
    for file in sorted(report.directory.rglob("*")):
        try:
            report.bytes_on_disk += file.stat().st_size if file.is_file() else 0
        except FileNotFoundError:
            continue  # a run deletes what it has replaced
        folder = file.parent
        strange = (
            (folder == report.directory and file.name not in _KNOWN)
            or (folder == store.parent and not file.name.startswith(store.name))
            or (slots and folder.name == "slots" and file.name not in known)
        )
        if strange:
            report.beside.append(str(file.relative_to(report.directory)))
