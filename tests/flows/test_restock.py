# SPDX-License-Identifier: Apache-2.0
"""The flow under Bytewax: what it decides, and that a crash anywhere changes nothing."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from bytewax.testing import TestingSink, TestingSource

from connectors.kafka.records import Outgoing
from dataflows.restock import build_flow
from tests.support.flows import (
    INVENTORY,
    NOTIFICATIONS,
    STATUSES,
    SUBSCRIPTIONS,
    Crash,
    Idle,
    Rig,
    ScriptedMessage,
    ScriptedSource,
    Step,
    batch,
    sign_up,
    stock,
)

WAVES = {"per_unit": 2, "wait": "30s", "min_quantity": 1}
EPOCHS = [timedelta(0), timedelta(hours=1)]


def story() -> list[ScriptedMessage]:
    """Three variants, of which two come back, in waves; some sign off, one signs up again."""
    messages = [stock(variant, 0, 0) for variant in ("shoe", "coat", "hat")]
    messages += [sign_up("shoe", f"P{number}", 1 + number) for number in range(9)]
    messages += [sign_up("coat", f"P{number}", 11 + number) for number in range(3)]
    messages += [
        sign_up("shoe", "P1", 15, "unsubscribe"),
        stock("shoe", 1, 20),
        sign_up("shoe", "P0", 25),
        stock("shoe", 2, 60),
        stock("coat", 5, 61),
        stock("shoe", 0, 100),
        sign_up("hat", "P5", 110),
        stock("shoe", 9, 120),
        stock("hat", 0, 190),
    ]
    return messages


EXPECTED = [
    ("shoe", "P0"), ("shoe", "P2"), ("shoe", "P3"), ("shoe", "P4"), ("shoe", "P5"), ("shoe", "P6"),
    ("coat", "P0"), ("coat", "P1"), ("coat", "P2"), ("shoe", "P7"), ("shoe", "P8"), ("shoe", "P0"),
]  # fmt: skip


def told(notifications: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Who was told about what, in order."""
    return [(record["variant_id"], record["profile"]["id"]) for record in notifications]


def ids(outgoing: list[tuple[str, Outgoing]]) -> Iterator[str]:
    """The ids of all notification records, repeats included."""
    for _, item in outgoing:
        if item.topic == NOTIFICATIONS:
            for _, value in item.records:
                yield json.loads(value or b"")["id"]


@pytest.mark.parametrize("size", [1, 2, 1000])
@pytest.mark.parametrize("slots", [1, 4])
def test_everybody_is_told_once_in_order(tmp_path: Path, size: int, slots: int) -> None:
    """Batches of any size tell the same people, each variant's in the order of its queue."""
    rig = Rig(tmp_path, slots=slots)
    people = [f"P{number}" for number in range(20)]
    messages = [sign_up(variant, person, 1) for person in people for variant in ("shoe", "coat")]
    messages += [*messages[:10], stock("shoe", 1, 2), stock("coat", 1, 2), stock("hat", 1, 2)]
    steps = [messages[at : at + size] for at in range(0, len(messages), size)]
    rig.run(ScriptedSource(steps, rig.clock))
    found = told(rig.notifications())
    assert [("coat", person) for person in people] == [one for one in found if one[0] == "coat"]
    assert [("shoe", person) for person in people] == [one for one in found if one[0] == "shoe"]
    assert 40 == len(found)


def test_a_crash_after_any_item_changes_nothing(tmp_path: Path) -> None:
    """Bytewax's own sources and sinks with ABORT after each item: the same ids come out."""
    items: list[object] = [batch(message) for message in story()]
    whole: list[tuple[str, Outgoing]] = []
    rig = Rig(tmp_path / "whole", WAVES)
    rig.run(rig.testing_source(items), TestingSink(whole))
    expected = set(ids(whole))
    assert len(EXPECTED) == len(expected)
    for at in range(1, len(items) + 1):
        crashing = [*items[:at], TestingSource.ABORT(), *items[at:]]
        found: list[tuple[str, Outgoing]] = []
        rig = Rig(tmp_path / f"crash-{at}", WAVES)
        for _ in range(2):
            rig.run(rig.testing_source(crashing), TestingSink(found))
        assert expected == set(ids(found)), f"crash after item {at}"


@pytest.mark.parametrize("epoch", EPOCHS, ids=["short epochs", "one epoch"])
def test_a_crash_anywhere_tells_nobody_twice(tmp_path: Path, epoch: timedelta) -> None:
    """With a sink that knows what it has written, each id is written once, in the same order."""
    batches: list[Step] = [[message] for message in story()]
    for at in range(len(batches) + 1):
        rig = Rig(tmp_path / f"crash-{at}", WAVES)
        script = [*batches[:at], Crash(), *batches[at:]]
        for _ in range(2):
            rig.run(ScriptedSource(script, rig.clock), epoch=epoch)
        assert EXPECTED == told(rig.notifications()), f"crash before batch {at}"


def test_two_crashes_in_a_row(tmp_path: Path) -> None:
    """A crash while what an earlier crash undid is repeated changes nothing either."""
    batches: list[Step] = [[message] for message in story()]
    for at in range(0, len(batches), 3):
        rig = Rig(tmp_path / f"crash-{at}", WAVES)
        script = [*batches[:at], Crash(), *batches[at : at + 2], Crash(), *batches[at + 2 :]]
        for _ in range(3):
            rig.run(ScriptedSource(script, rig.clock), epoch=timedelta(hours=1))
        assert EXPECTED == told(rig.notifications()), f"crashes at {at}"


def test_records_that_are_not_valid_do_not_stop_the_flow(tmp_path: Path) -> None:
    """Junk becomes a dead letter with its bytes, a tombstone is ignored, the rest goes on."""
    rig = Rig(tmp_path)
    arrival = rig.clock.now
    junk = ScriptedMessage(INVENTORY, b"\xff not json", arrival, place=7)
    tombstone = ScriptedMessage(INVENTORY, None, arrival)
    huge = ScriptedMessage(INVENTORY, b" " * 1_000_001, arrival)
    script: list[Step] = [[sign_up("shoe", "P1", 1), junk, tombstone, huge, stock("shoe", 3, 2)]]
    rig.run(ScriptedSource(script, rig.clock))
    dead = [value for topic, value in rig.sink.records if topic == "inventory.dlq"]
    assert [junk.record_value, huge.record_value] == dead
    assert [("shoe", "P1")] == told(rig.notifications())


def test_a_big_wave_lets_others_through(tmp_path: Path) -> None:
    """While 12,000 people are told in portions, a restock elsewhere is served in between."""
    rig = Rig(tmp_path, slots=1)
    crowd = [sign_up("shoe", f"P{number:05}", 1) for number in range(12_000)]
    script: list[Step] = [
        [sign_up("coat", "C1", 0), *crowd],
        [stock("shoe", 1, 2)],
        [stock("coat", 1, 3)],
    ]
    rig.run(ScriptedSource(script, rig.clock), epoch=timedelta(hours=1))
    # The flow ends with its input; who was still on the way is told by the next run.
    rig.run(ScriptedSource([*script, *[Idle()] * 5], rig.clock))
    found = told(rig.notifications())
    people = [person for variant, person in found if variant == "shoe"]
    assert sorted(people) == people
    assert 12_000 == len(people)
    assert found.index(("coat", "C1")) < 9_000


def test_a_crash_in_the_middle_of_a_wave(tmp_path: Path) -> None:
    """A wave that was told in part when everything stopped goes on where it was."""
    rig = Rig(tmp_path, slots=1)
    crowd = [sign_up("shoe", f"P{number:05}", 1) for number in range(12_000)]
    script: list[Step] = [crowd, [stock("shoe", 1, 2)], Idle(), Crash(), Idle(), Idle()]
    for _ in range(2):
        rig.run(ScriptedSource(script, rig.clock))
    rig.run(ScriptedSource([*script, Idle(), Idle(), Idle()], rig.clock))
    people = [person for _, person in told(rig.notifications())]
    assert [f"P{number:05}" for number in range(12_000)] == people


def test_status_records_say_how_it_stands(tmp_path: Path) -> None:
    """The last status of a variant has its stock, cycle, who waits and who was told."""
    rig = Rig(tmp_path, WAVES)
    rig.run(ScriptedSource([[message] for message in story()], rig.clock))
    statuses = [json.loads(value) for topic, value in rig.sink.records if topic == STATUSES]
    last = {status["variant_id"]: status for status in statuses}
    shoe = last["shoe"]
    assert (9, True, 2, 0, 9) == (
        shoe["quantity"], shoe["offered"], shoe["cycle"], shoe["waiting"], shoe["told"],
    )  # fmt: skip
    assert (0, False, 1) == (
        last["hat"]["quantity"],
        last["hat"]["offered"],
        last["hat"]["waiting"],
    )


def test_the_flow_of_the_program_can_be_imported() -> None:
    """An attribute that is not the flow is missing as in any other module."""
    import dataflows.restock as module  # noqa: PLC0415 - it is the subject

    assert module.build_flow is build_flow
    with pytest.raises(AttributeError, match="no attribute 'floww'"):
        _ = module.floww


def test_an_entry_that_expires_after_the_last_year(tmp_path: Path) -> None:
    """A record dated to the end of time, as by a producer with a wrong clock, is no poison."""
    rig = Rig(tmp_path)
    end = 253_402_300_799_999
    value = {"type": "subscribe", "variant_id": "v", "profile": {"id": "P1"}, "occurred_at": end}
    message = ScriptedMessage(SUBSCRIPTIONS, json.dumps(value).encode(), end)
    rig.run(rig.testing_source([batch(message)]))
    statuses = [json.loads(value) for topic, value in rig.sink.records if topic == STATUSES]
    assert [1] == [status["waiting"] for status in statuses]
