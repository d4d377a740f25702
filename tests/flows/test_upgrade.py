# SPDX-License-Identifier: Apache-2.0
"""State that an earlier release wrote is resumed, and written state is what it says it is."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.support.golden import (
    POLICY,
    GoldenRig,
)
from waitlist.line import Line
from waitlist.migrations import VERSION
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
    found = []
    for variant_id in sorted(slot._state.variants.ids):
        one = slot._state.variant(variant_id)
        queue = one.queue or Queue()
        people = [_people(lines) for lines in (queue.lines, queue.parked)]
        found.append((variant_id, one.facts(), one.told, people))
    return found


def _people(lines: dict[int, Line]) -> list[Any]:
    return [(priority, list(lines[priority])) for priority in sorted(lines)]


def _all(slot: Slot) -> list[Any]:
    """Everything, in an order that does not hang on the variants' numbers."""
    taken = [(one.variant_id, one.taken) for one in slot._state.variants]
    others = [one for one in map(decode, slot.dump()) if one[0] not in KINDS_BY_NUMBER]
    return [_variants(slot), sorted(taken), others]


def _names(directory: Path) -> set[str]:
    """Paths below a directory, without what tells one journal file of a kind from another."""
    return {
        str(path.relative_to(directory).with_name(path.name.partition("-run")[0]))
        for path in directory.rglob("*")
    }
