# SPDX-License-Identifier: Apache-2.0
"""A great wave is handed over in portions, between which the flow reads."""

from functools import partial
from itertools import count
from pathlib import Path

from connectors.kafka.records import Outgoing
from dataflows.folding import FACTORY, SlotState
from dataflows.items import SlotBatch
from dataflows.pace import Pace
from dataflows.waitlist_step import StepSettings, WaitlistStep
from journal import Journal
from schemas.events import Profile, StockEvent, SubscribeEvent
from waitlist.policy import PolicyBook

NOW = 1_795_000_000_000
PEOPLE = 5_000
PORTION = 2_000
LEAST = 100


def _open(directory: Path, slot: int, marker: bytes | None, state: SlotState) -> Journal:
    return Journal.open(directory, slot, marker, state, token="t", factory=FACTORY)


def _step(directory: Path, pace: Pace) -> WaitlistStep:
    opener = partial(_open, directory)
    policies = PolicyBook()
    settings = StepSettings(policies, "told", "status", 10**9, opener, lambda: NOW, pace=pace)
    return WaitlistStep(settings, None)


def _sold_out_and_back() -> SlotBatch:
    people = [Profile(f"P{number}") for number in range(PEOPLE)]
    wishes = [SubscribeEvent("shoe", NOW - 10, who, (f"id:{who.id}",)) for who in people]
    return SlotBatch(0, [*wishes, StockEvent("shoe", 1, NOW - 5)], opens_epoch=True)


def _told(out: list[Outgoing]) -> int:
    return sum(len(one.records) for one in out if one.topic == "told")


def test_one_portion_a_poll(tmp_path: Path) -> None:
    """However often the step is woken, nothing more is handed over before the flow has read."""
    polls = [0]
    pace = Pace(lambda: polls[0])
    step = _step(tmp_path, pace)
    out, _ = step.on_batch([_sold_out_and_back()])
    assert PORTION == _told(out)
    for _ in range(3):
        assert step.notify_at() is not None
        out, _ = step.on_notify()
        assert 0 == _told(out)
    polls[0] += 1
    out, _ = step.on_notify()
    assert PORTION == _told(out)
    assert pace.is_busy()
    polls[0] += 1
    out, _ = step.on_notify()
    assert PEOPLE - 2 * PORTION == _told(out)
    assert not pace.is_busy()


def test_no_more_than_there_is_room_for(tmp_path: Path) -> None:
    """A full output gets few at a time, and is asked again after a pause; never nobody."""
    room = [500]
    pace = Pace(count().__next__, lambda: room[0])
    step = _step(tmp_path, pace)
    out, _ = step.on_batch([_sold_out_and_back()])
    assert 500 == _told(out)
    at_once = step.notify_at()
    room[0] = 0
    out, _ = step.on_notify()
    assert LEAST == _told(out)
    later = step.notify_at()
    assert at_once is not None
    assert later is not None
    assert later > at_once
