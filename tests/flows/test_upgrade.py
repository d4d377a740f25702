# SPDX-License-Identifier: Apache-2.0
"""State that an earlier release wrote is resumed, and written state is what it says it is."""

import json
import pickle
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from connectors.kafka.delivered import decode_state
from journal.directory import StateDirectory
from schemas.events import StockEvent
from tests.support.flows import ScriptedSource
from tests.support.golden import (
    IDENTITY,
    NOTIFICATIONS_FILE,
    POLICY,
    SCRIPT,
    GoldenRig,
    connector_bytes,
    slot_bytes,
    stored_rows,
    write_directory,
)
from waitlist.line import Line
from waitlist.migrations import OLDEST_VERSION, VERSION
from waitlist.policy import load_policy
from waitlist.queue import Queue
from waitlist.redo import decode
from waitlist.slot import Slot

GOLDEN = Path(__file__).parent / "golden"
VERSIONS = sorted(folder.name for folder in GOLDEN.iterdir())
CURRENT = GOLDEN / f"v{VERSION}"
KINDS_BY_NUMBER = (2, 5)
"""Chunks of variants and of figures."""
OPERATIONS = {*range(9), *range(11, 14)}

_every_version = pytest.mark.parametrize("version", VERSIONS)


def _told(values: Iterable[bytes]) -> list[dict[str, Any]]:
    """Notifications in an order that does not hang on how waves took turns.

    The clock is that of the script, and moves when a batch is read, maybe before the one ahead of
    it has been dealt with: so the time of a wave is left out.
    """
    return sorted(
        ({**json.loads(value), "triggered_at": None} for value in values),
        key=lambda one: (one["variant_id"], one["cycle"], one["wave"], one["position"]),
    )


def _written(rig: GoldenRig) -> list[dict[str, Any]]:
    return _told(value for topic, value in rig.sink.records if topic == "notifications")


def _golden(version: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((GOLDEN / version / f"{name}.json").read_text())
    return found


def _rebuilt(records: list[str]) -> Slot:
    slot = Slot(load_policy(POLICY))
    for record in records:
        slot.apply_record(bytes.fromhex(record))
    return slot


def _variants(slot: Slot) -> list[Any]:
    """Of each variant all but what its waves took."""
    slot._state.settle()
    found = []
    for variant_id in sorted(slot._state.variants.ids):
        one = slot._state.variant(variant_id)
        queue = one.queue or Queue()
        people = [_people(lines) for lines in (queue.lines, queue.parked)]
        found.append((variant_id, one.facts(), one.told, people))
    return found


def _people(lines: Mapping[int, Line]) -> list[Any]:
    return [(priority, list(lines[priority])) for priority in sorted(lines)]


def _all(slot: Slot) -> list[Any]:
    """Everything, in an order that does not hang on the variants' numbers."""
    taken = [(one.variant_id, one.taken) for one in slot._state.variants if one.taken]
    others = [one for one in map(decode, slot.dump()) if one[0] not in KINDS_BY_NUMBER]
    return [_variants(slot), sorted(taken), others]


def test_every_version_that_can_be_read_has_golden_files() -> None:
    """From the oldest version with a way up to the one that is written."""
    assert [f"v{number}" for number in range(OLDEST_VERSION, VERSION + 1)] == VERSIONS


@_every_version
def test_a_state_directory_of_every_version_goes_on(version: str, tmp_path: Path) -> None:
    """Whoever waited is told, each once, as by a run that was never interrupted."""
    directory = tmp_path / "state"
    shutil.copytree(GOLDEN / version / "state", directory)
    whole = GoldenRig(tmp_path / "whole", POLICY)
    whole.run(ScriptedSource(SCRIPT, whole.clock))

    rig = GoldenRig(directory, POLICY)
    before = (directory / NOTIFICATIONS_FILE).read_bytes().splitlines()
    rig.sink.records = [("notifications", value) for value in before]
    rig.run(ScriptedSource(SCRIPT, rig.clock))

    told = _written(rig)
    assert len(before) < len(told) == len({one["id"] for one in told})
    assert _written(whole) == told


@_every_version
def test_a_state_directory_of_every_version_is_opened_and_raised(
    version: str, tmp_path: Path
) -> None:
    """Its identity is accepted, and then names the format that is written from now on."""
    directory = tmp_path / "state"
    shutil.copytree(GOLDEN / version / "state", directory)
    ours: dict[str, str | int] = {**IDENTITY, "state_format": VERSION}
    with StateDirectory.open(
        directory, ours, created="now", oldest={"state_format": OLDEST_VERSION}
    ) as state:
        raised = state.raise_identity()
        assert state.was_durable
    assert ({} if version == CURRENT.name else {"state_format": int(version[1:])}) == raised
    assert ours == StateDirectory.read_identity(directory)


@_every_version
def test_redo_records_and_images_of_every_version_are_read(version: str) -> None:
    """Records alone, and an image with the records behind it, give the state that wrote them."""
    golden, ours = _golden(version, "slot"), slot_bytes()
    expected = _rebuilt(ours["records"])
    alone, behind = _rebuilt(golden["records"]), Slot(load_policy(POLICY))
    behind.load(map(bytes.fromhex, golden["image"]))
    for record in golden["records"][golden["image_after"] :]:
        behind.apply_record(bytes.fromhex(record))
    # Before version 2 there was a marker for each person told, so that it was swept otherwise.
    shown = _variants if version == "v1" else _all
    assert shown(expected) == shown(alone) == shown(behind)


@_every_version
def test_what_is_written_behind_state_of_every_version_is_folded_with_it(version: str) -> None:
    """A compaction finds old and new records in one journal; the new name variants by number."""
    golden = _golden(version, "slot")
    live, folded = Slot(load_policy(POLICY)), Slot(load_policy(POLICY))
    for slot in (live, folded):
        slot.load(map(bytes.fromhex, golden["image"]))
        for record in golden["records"][golden["image_after"] :]:
            slot.apply_record(bytes.fromhex(record))
    known = live._state.variants.ids[:]
    for step, names in enumerate((["new-1", *known], [*known, "new-2"])):
        now = 4_102_447_000_000 + step * 1000
        live.apply([StockEvent(name, step, now) for name in names], now)
        live.start_due_waves(now)
        live.take_slices(2)
        for record in live.take_records(1000 if step == 0 else None):
            folded.apply_record(record)
    assert [*known, "new-1", "new-2"] == folded._state.variants.ids
    assert list(live.dump()) == list(folded.dump())


@_every_version
def test_states_of_the_connectors_of_every_version_are_read(version: str) -> None:
    """The sink's ends and ids, and the source's offsets as the recovery store keeps them."""
    golden = _golden(version, "connectors")
    sink = decode_state(bytes.fromhex(golden["sink"]))
    assert [("restock.inventory.dlq", 0, 3), ("restock.notifications", 1, 17)] == sink.ends
    assert {"restock.notifications": [b"a8c86168d5f166542039fcadb8193d17"]} == sink.unclaimed
    offsets = pickle.loads(bytes.fromhex(golden["source"]))  # noqa: S301 - written by ourselves
    assert {("restock.inventory", 0): 42, ("restock.subscriptions", 1): 7} == offsets


def test_a_slot_writes_the_bytes_of_its_version() -> None:
    """A change of redo records or images needs a new version, and new golden files."""
    golden = _golden(CURRENT.name, "slot")
    assert golden == slot_bytes()
    operations = {
        operation[0]
        for record in [*golden["records"], *golden["recalled"]]
        for operation in decode(bytes.fromhex(record))[1:]
    }
    assert OPERATIONS == operations


def test_the_connectors_write_the_bytes_of_their_version() -> None:
    """A change needs a version of its own in the sink's state, and golden files."""
    assert _golden(CURRENT.name, "connectors") == connector_bytes()


def test_the_state_directory_is_laid_out_as_its_version_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names of files and folders, steps and keys; how often is compacted is free."""
    golden = CURRENT / "state"
    directory = tmp_path / "state"
    write_directory(directory, monkeypatch, {**IDENTITY, "state_format": VERSION})
    ours = StateDirectory.read_identity(directory)
    assert StateDirectory.read_identity(golden) == ours
    assert _names(golden) == _names(directory)
    assert [row[:2] for row in stored_rows(golden)] == [row[:2] for row in stored_rows(directory)]
    golden_lines, lines = (
        (folder / NOTIFICATIONS_FILE).read_bytes().splitlines() for folder in (golden, directory)
    )
    assert _told(golden_lines) == _told(lines)


def _names(directory: Path) -> set[str]:
    """Paths below a directory, without what tells one journal file of a kind from another."""
    return {
        str(path.relative_to(directory).with_name(path.name.partition("-run")[0]))
        for path in directory.rglob("*")
    }
