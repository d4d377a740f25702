# SPDX-License-Identifier: Apache-2.0
"""A small but rich state directory, always written in the same way: the bytes of a release.

Ten variants whose states differ in kind, in three runs of the flow, with a base and several
segments, stopped while waves are on their way out; the bytes of a slot; those of the connectors.

``python -m tests.support.golden tests/flows/golden/vN`` writes them for a new version.
"""

import json
import pickle
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from connectors.kafka.delivered import encode_state
from dataflows import pace, waitlist_step
from dataflows.folding import FACTORY, SlotState, empty
from journal import Journal
from journal import compact as helper
from journal.base import write_base
from journal.directory import StateDirectory
from journal.limits import DEFAULT_LIMITS, Limits
from journal.marker import Marker
from journal.resume import fold
from schemas.decode import decode_inventory, decode_subscription
from schemas.encode import encode_slice
from schemas.events import Event
from schemas.told import read_told
from tests.support.flows import (
    INVENTORY,
    START,
    SUBSCRIPTIONS,
    Rig,
    ScriptedMessage,
    ScriptedSource,
)
from waitlist.migrations import VERSION
from waitlist.past import Past
from waitlist.policy import load_policy
from waitlist.recall import RecallingSlot
from waitlist.slot import Slot

__all__ = [
    "IDENTITY",
    "NOTIFICATIONS_FILE",
    "POLICY",
    "SCRIPT",
    "GoldenRig",
    "connector_bytes",
    "slot_bytes",
    "stored_rows",
    "write_directory",
    "write_golden",
]

NOTIFICATIONS_FILE = "notifications.jsonl"
IDENTITY: dict[str, str | int] = {
    "flow": "restock",
    "state_format": 1,
    "shard": "0/1",
    "slots": 2,
    "recovery_parts": 1,
}
POLICY: dict[str, object] = {
    "late_grace": "30s",
    "override": [
        {"variants": ["slow-*"], "per_unit": 2, "wait": "100s"},
        {"variants": ["dwell-*"], "dwell": "300s", "min_quantity": 3, "safety_stock": 1},
    ],
}
_RUNS = (6, 8, 10)
"""Where in the script the runs before the kept state end."""


def _stock(variant_id: str, quantity: int | None, at: int, **fields: object) -> ScriptedMessage:
    arrival = START + 1000 * int(str(fields.pop("arrival", at)))
    value = {"variant_id": variant_id, "quantity": quantity, "occurred_at": START + 1000 * at}
    return ScriptedMessage(INVENTORY, json.dumps({**value, **fields}).encode(), arrival)


def _ask(variant_id: str, profile: dict[str, str], at: int, **fields: object) -> ScriptedMessage:
    arrival = START + 1000 * int(str(fields.pop("arrival", at)))
    value = {
        "type": "subscribe", "variant_id": variant_id, "profile": profile,
        "occurred_at": START + 1000 * at, **fields,
    }  # fmt: skip
    return ScriptedMessage(SUBSCRIPTIONS, json.dumps(value).encode(), arrival)


def _crowd(variant_id: str, people: int, at: int) -> list[ScriptedMessage]:
    return [
        _ask(variant_id, {"id": f"{variant_id}/{number}"}, at, priority=number % 3)
        for number in range(people)
    ]


_SOUL = {"id": "s1", "external_id": "x-1", "email": " Soul@Example.com ", "phone_number": "+49 30"}

SCRIPT: list[list[ScriptedMessage]] = [
    # Figures at two places, a price of more than 64 bits, one that is no integer, a tie-break.
    [
        _stock("places", 0, 1, location_id="north", sequence=3),
        _stock("places", 0, 1, location_id="süd", product={"price": 10**25, "title": "Größe"}),
        _stock("total", 0, 1, product={"price": 19.95, "currency": "EUR", "url": "https://a.b/c"}),
        _stock("keeps-selling", 5, 2, policy="continue", available=True, published=False),
    ],
    # People of every form.
    [
        _ask("places", _SOUL, 5, channels=["SMS", "EMAIL"], consent=["SMS"], locale="de-DE"),
        _ask("places", {"email": "b@example.com"}, 6, market="EU", product={"price": 2**70}),
        _ask("total", {"phone_number": "(030) 12"}, 6, expires_at=START + 5_000_000, priority=9),
        _ask("total", {"external_id": "x-2"}, 7, expires_at=START + 60_000),
        _ask("keeps-selling", {"id": "k1"}, 7),
        *_crowd("big", 7, 8),
        *_crowd("slow-one", 9, 9),
        *_crowd("dwell-one", 2, 9),
    ],
    # Told, and asking again while the cycle is open: parked.
    [_stock("again", 4, 20)],
    [_ask("again", {"id": "a1", "email": "a@example.com"}, 10, arrival=21)],
    [_ask("again", {"id": "a1"}, 25), _ask("again", {"id": "a2", "email": "A@example.com"}, 26)],
    # Signed off before and after; the sign-off outlives the entry.
    [
        _ask("total", {"id": "gone", "email": "g@example.com"}, 27),
        _ask("total", {"email": "g@example.com"}, 28, type="unsubscribe"),
        _ask("total", {"id": "gone2", "email": "g@example.com"}, 27, arrival=29),
    ],
    # A late dip opens cycle 2 of `dip`; one person is told in each.
    [_stock("dip", 3, 30), _ask("dip", {"id": "d1"}, 30), _ask("dip", {"id": "d2"}, 39)],
    [_stock("dip", 6, 40), _stock("dip", 0, 35, arrival=41), _ask("dip", {"id": "d3"}, 90)],
    # Somebody expires. The waves that are cut start; nobody of `slow-one`'s second yet.
    [_stock("slow-one", 1, 70), _stock("dwell-one", 9, 70), _stock("removed", 2, 70)],
    [_stock("big", 1, 71), _stock("removed", None, 72), _ask("removed", {"id": "r1"}, 73)],
    # Here the kept state ends. What follows shows that all of it is still known.
    [_ask("total", {"id": "gone"}, 27, arrival=80), _ask("again", {"id": "a3"}, 20, arrival=80)],
    [_stock("places", 2, 90, location_id="süd"), _stock("total", 3, 90)],
    [_stock("dip", 0, 100), _stock("again", 0, 100), _stock("keeps-selling", 5, 100)],
    [_stock("dip", 2, 110), _stock("again", 2, 110), _stock("removed", 1, 71, arrival=111)],
    [_stock("keeps-selling", 5, 200, policy="deny", published=True), _stock("removed", 4, 200)],
    [_stock("slow-one", 2, 250)],
    [_stock("dwell-one", 8, 400), _stock("places", 1, 400)],
    [_stock("slow-one", 0, 500), _stock("nobody", 1, 500)],
    [_stock("slow-one", 9, 600), _stock("places", 0, 600, location_id="süd")],
    [_stock("nobody", 1, 700), _stock("places", 7, 701, location_id="north")],
]


class _InlineHelper:
    """Stands in for the helper process of a compaction: does its work at once."""

    returncode = 0

    def __init__(self, command: list[str], **_: object) -> None:
        options = helper._parse(command[4:])
        sources = Marker.decode(options.sources.encode(), options.slot)
        state = empty()
        fold(options.directory, sources, state)
        write_base(options.directory, options.target, state.dump(), sources, lambda _: None)

    def poll(self) -> int:
        """Says that it has ended well."""
        return self.returncode

    def wait(self) -> int:
        """Says the same."""
        return self.returncode

    def kill(self) -> None:
        """Comes too late."""


@dataclass
class GoldenRig(Rig):
    """A rig whose directory is laid out as the program's."""

    slots: int = 2
    limits: Limits = DEFAULT_LIMITS

    @override
    def _open(self, token: str, slot: int, marker: bytes | None, state: SlotState) -> Journal:
        directory = self.directory / "slots" / f"{slot:04d}"
        return Journal.open(
            directory, slot, marker, state, token=token, factory=FACTORY, limits=self.limits
        )


@contextmanager
def _small_turns(patch: pytest.MonkeyPatch) -> Iterator[None]:
    with patch.context() as scoped:
        scoped.setattr(pace, "_PORTION", 3)
        scoped.setattr(pace, "_LEAST", 1)
        scoped.setattr(waitlist_step, "_PEOPLE_A_WAVE", 2)
        scoped.setattr("journal.compaction.subprocess.Popen", _InlineHelper)
        yield


def write_directory(
    directory: Path,
    patch: pytest.MonkeyPatch,
    identity: dict[str, str | int],
    during: Callable[[Path], None] = lambda _: None,
) -> None:
    """Write the state directory whose bytes are kept, with the notifications written so far.

    Args:
        directory: it does not exist yet.
        patch: for smaller turns and a helper within the process.
        identity: of the directory.
        during: called with it once all is written, while it is still locked.
    """
    with StateDirectory.open(directory, identity, created="2026-11-21T00:00:00+00:00") as state:
        rig = GoldenRig(directory, POLICY)
        with _small_turns(patch):
            for number, end in enumerate(_RUNS):
                # The second run makes the base, and goes on behind it.
                rig.limits = Limits(compact_bytes=100) if number == 1 else DEFAULT_LIMITS
                rig.run(ScriptedSource(SCRIPT[:end], rig.clock))
        state.mark_durable()
        lines = [
            value.decode() + "\n" for topic, value in rig.sink.records if topic == "notifications"
        ]
        (directory / NOTIFICATIONS_FILE).write_text("".join(lines))
        during(directory)
    (directory / "lock").unlink()


def slot_bytes() -> dict[str, Any]:
    """What one slot writes down of the whole script, in hexadecimal.

    Returns:
        ``records``: redo records, of every kind that a slot writes. ``image``: the chunks in the
        middle of waves, after ``image_after`` records. ``recalled``: the records of a slot that
        reads the script as its own history.
    """
    slot = Slot(load_policy(POLICY))
    past = Past()
    records: list[bytes] = []
    image: list[bytes] = []
    image_after = 0
    for number, batch in enumerate(SCRIPT):
        now = max(message.arrival for message in batch)
        slot.apply(map(_event, batch), now)
        slot.start_due_waves(now)
        for _, value in chain.from_iterable(map(encode_slice, slot.take_slices(3, 2))):
            told = read_told(value)
            assert told is not None
            past.add(told)
        records += slot.take_records()
        if number == _RUNS[-1]:
            image, image_after = list(slot.dump()), len(records)
    return {
        "records": [record.hex() for record in records],
        "image": [chunk.hex() for chunk in image],
        "image_after": image_after,
        "recalled": [record.hex() for record in _recalled(past)],
    }


def connector_bytes() -> dict[str, str]:
    """What sink and source give to the recovery store, in hexadecimal."""
    ends = {("restock.inventory.dlq", 0): 3, ("restock.notifications", 1): 17}
    unclaimed = {"restock.notifications": {b"a8c86168d5f166542039fcadb8193d17"}}
    offsets = {("restock.inventory", 0): 42, ("restock.subscriptions", 1): 7}
    return {
        "sink": encode_state(ends, unclaimed).hex(),
        "source": pickle.dumps(offsets).hex(),
    }


def write_golden(directory: Path) -> None:
    """Write all golden files of the version at hand."""
    with pytest.MonkeyPatch.context() as patch:
        write_directory(directory / "state", patch, {**IDENTITY, "state_format": VERSION})
    for name, content in (("slot", slot_bytes()), ("connectors", connector_bytes())):
        (directory / f"{name}.json").write_text(json.dumps(content, indent=0) + "\n")


def _recalled(past: Past) -> list[bytes]:
    slot = RecallingSlot(load_policy(POLICY), past)
    for batch in SCRIPT:
        slot.recall(map(_event, batch), [message.arrival for message in batch])
    for variant_id, history in past.histories.items():
        slot.continue_after(variant_id, history)
    return slot.take_records()


def _event(message: ScriptedMessage) -> Event:
    decode = decode_inventory if message.topic() == INVENTORY else decode_subscription
    return decode(message.value() or b"", message.arrival)


def stored_rows(directory: Path) -> list[tuple[str, str, Any]]:
    """What the recovery store would resume from: (step, key, state)."""
    newest = (
        "SELECT step_id, state_key, ser_change FROM snaps AS s WHERE snap_epoch = (SELECT"
        " max(snap_epoch) FROM snaps WHERE step_id = s.step_id AND state_key = s.state_key)"
        " ORDER BY 1, 2"
    )
    with closing(sqlite3.connect(directory / "recovery" / "part-0.sqlite3")) as store:
        rows = store.execute(newest).fetchall()
    return [(step, key, pickle.loads(change)) for step, key, change in rows]  # noqa: S301 - ours


if __name__ == "__main__":
    write_golden(Path(sys.argv[1]))
