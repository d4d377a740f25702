# SPDX-License-Identifier: Apache-2.0
"""The notifications as they were found, each beside the sign-up that it answers."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from typing import Final

from typing_extensions import override

from tests.torture.contents import TopicRecord
from tests.torture.facts import Entry
from tests.torture.history import History
from tests.torture.verdict import Problem

__all__ = ["Note", "VariantNotes", "read_notes"]

_EPOCH: Final = datetime.fromtimestamp(0, UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


class Note:
    """A notification.

    Attributes:
        entry: the sign-up that it answers.
        id: as in the record.
        partition: where the record lies.
        offset: where in it.
        wave: cycle, number in it, and start: what all records of one attempt at a wave share.
        position: in the wave.
        quantity: units that the wave is said to have been for.
        opened_at: when the cycle is said to have opened, epoch milliseconds.
    """

    __slots__ = ("entry", "id", "offset", "opened_at", "partition", "position", "quantity", "wave")

    def __init__(
        self,
        entry: Entry,
        id: str,  # noqa: A002 - named as on the wire
        record: TopicRecord,
        wave: tuple[int, int, int],
        position: int,
        quantity: int,
        opened_at: int,
    ) -> None:
        self.entry = entry
        self.id = id
        self.partition = record.partition
        self.offset = record.offset
        self.wave = wave
        self.position = position
        self.quantity = quantity
        self.opened_at = opened_at

    @property
    def cycle(self) -> int:
        """Number of the cycle."""
        return self.wave[0]

    @property
    def triggered_at(self) -> int:
        """When the wave started."""
        return self.wave[2]

    @override
    def __str__(self) -> str:
        cycle, wave, _ = self.wave
        return (
            f"{self.id} of {self.entry.person} (cycle {cycle}, wave {wave}, position "
            f"{self.position}) at [{self.partition}] {self.offset}, "
            f"signed up at offset {self.entry.offset}"
        )


VariantNotes = dict[str, list[Note]]
"""By variant, in the order of partition and offset."""


def read_notes(
    records: Iterable[TopicRecord], history: History, problems: list[Problem]
) -> VariantNotes:
    """Find for each notification its sign-up.

    Args:
        records: the notifications.
        history: what was sent.
        problems: where those are added that answer nothing, and second ones.
    """
    notes: VariantNotes = {name: [] for name in history.variants}
    told: dict[str, TopicRecord] = {}
    for record in records:
        where = f"[{record.partition}] {record.offset}"
        try:
            value = json.loads((record.value or b"").decode())
            name, id_ = value["variant_id"], value["id"]
            subscribed_at = value["subscribed_at"]
            key = (record.key or b"").decode()
            subscribed = _milliseconds(subscribed_at)
            wave = (value["cycle"], value["wave"], _moment(value["triggered_at"]))
            opened_at = _moment(value["cycle_opened_at"])
            position, quantity = value["position"], value["quantity"]
            priority = value["priority"]
        except (ValueError, KeyError, TypeError) as error:
            problems.append(Problem("foreign", f"{where}: no notification ({error!r})"))
            continue
        if id_ != sha256(f"{name}\0{key}\0{subscribed}".encode()).hexdigest()[:32]:
            text = f"{where}: {id_} is not the id of {name}, {key}, {subscribed_at}"
            problems.append(Problem("foreign", text))
            continue
        variant = history.variants.get(name)
        entry = variant.entries.get((key, subscribed)) if variant is not None else None
        if entry is None:
            text = f"{name}: {id_} of {key} at {where}: has not signed up at {subscribed_at}"
            problems.append(Problem("ineligible", text))
            continue
        first = told.setdefault(id_, record)
        if first is not record:
            text = f"{name}: {id_} of {key} at [{first.partition}] {first.offset} and {where}"
            problems.append(Problem("duplicated", text))
            continue
        note = Note(entry, id_, record, wave, position, quantity, opened_at)
        if priority != entry.priority:
            text = f"{name}: {note}: priority {priority} instead of {entry.priority}"
            problems.append(Problem("foreign", text))
        notes[name].append(note)
    return notes


def _milliseconds(text: str) -> int:
    return (datetime.fromisoformat(text) - _EPOCH) // _MILLISECOND


_moment = lru_cache(maxsize=4096)(_milliseconds)
