# SPDX-License-Identifier: Apache-2.0
"""The demo's checker: content with a run by the rules, and finding every fault planted in one."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import orjson
import pytest

from restock.demo.checker import Findings, check
from restock.demo.evidence import Evidence, LoggedRecord
from restock.demo.rules import Rule
from schemas.encode import notification_id
from schemas.timestamps import format_timestamp, parse_timestamp
from tests.support.demo_runs import rehearse
from waitlist.policy import load_policy

SIZE_42 = "$shopify:::$default:::44100100042"
SERUM_30 = "$custom:::$default:::DEW-SERUM-30"

Edit = Callable[[dict[str, Any]], None]


def judge(evidence: Evidence) -> Findings:
    """Check what has been made of the rehearsed run."""
    run = rehearse()
    return check(evidence, run.policies, run.script.rejected)


def rules_broken(evidence: Evidence) -> set[Rule]:
    """The rules that the checker finds broken."""
    return {violation.rule for violation in judge(evidence).violations}


def notes() -> list[LoggedRecord]:
    """The notifications of the rehearsed run."""
    return list(rehearse().evidence.notifications)


def told(records: list[LoggedRecord]) -> Evidence:
    """The rehearsed run with other notifications."""
    return replace(rehearse().evidence, notifications=tuple(records))


def fields_of(record: LoggedRecord) -> dict[str, Any]:
    """A notification's fields."""
    fields: dict[str, Any] = orjson.loads(record.value or b"")
    return fields


def edited(record: LoggedRecord, **changes: object) -> LoggedRecord:
    """A notification with other fields."""
    return replace(record, value=orjson.dumps(fields_of(record) | changes))


def wave(records: list[LoggedRecord], variant_id: str, cycle: int, number: int) -> list[int]:
    """Where the notifications of a wave stand, by position."""
    found = [
        (fields["position"], place)
        for place, fields in enumerate(map(fields_of, records))
        if (variant_id, cycle, number) == (fields["variant_id"], fields["cycle"], fields["wave"])
    ]
    return [place for _, place in sorted(found)]


@pytest.mark.parametrize("seconds", [5, 20, 60])
@pytest.mark.parametrize("people", [20, 900])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_run_by_the_rules_passes(seconds: float, people: int, seed: int) -> None:
    """What the waitlist package decides breaks no rule, whatever the sale's length and size."""
    run = rehearse(seconds=seconds, people=people, seed=seed)
    findings = check(run.evidence, run.policies, run.script.rejected)
    assert () == findings.violations
    assert sum(len(found.people) for of in findings.waves.values() for found in of) == len(
        run.evidence.notifications
    )


def test_it_finds_a_duplicate() -> None:
    """The same notification twice on the topic is a person told twice."""
    records = notes()
    assert {Rule.ONCE} == rules_broken(told([*records, records[17]]))


def test_it_finds_somebody_told_twice_in_a_cycle() -> None:
    """A second notification under another id, for a sign-up that never waited, is found."""
    records = notes()
    first = records[0]
    later = parse_timestamp(fields_of(first)["subscribed_at"]) + 1
    variant_id = fields_of(first)["variant_id"]
    second = edited(
        first,
        id=notification_id(variant_id, first.key.decode(), later),
        subscribed_at=format_timestamp(later),
    )
    texts = [violation.text for violation in judge(told([*records, second])).violations]
    assert any(f"{first.key.decode()} 2 times in cycle" in text for text in texts)
    assert any("no sign-up of theirs was waiting" in text for text in texts)


def test_it_finds_a_wrong_id() -> None:
    """An id that is not that of the sign-up would hide a duplicate from receivers."""
    records = notes()
    records[3] = edited(records[3], id="0" * 32)
    assert {Rule.ONCE} == rules_broken(told(records))


def test_it_finds_a_reordering_within_a_wave() -> None:
    """Two people who have swapped their positions are out of order."""
    records = notes()
    first, second = wave(records, SIZE_42, 2, 1)[:2]
    records[first], records[second] = (
        edited(records[first], position=2),
        edited(records[second], position=1),
    )
    assert {Rule.ORDER} == rules_broken(told(records))


def test_it_finds_a_reordering_between_waves() -> None:
    """Somebody told a wave later than those behind them has been passed over."""
    records = notes()
    early, late = wave(records, SIZE_42, 2, 1), wave(records, SIZE_42, 2, 2)
    of_wave = ("wave", "quantity", "triggered_at", "position")
    one, other = fields_of(records[early[0]]), fields_of(records[late[-1]])
    records[early[0]] = edited(records[early[0]], **{name: other[name] for name in of_wave})
    records[late[-1]] = edited(records[late[-1]], **{name: one[name] for name in of_wave})
    found = judge(told(records)).violations
    assert {Rule.ORDER} == {violation.rule for violation in found}
    assert any("waited when wave 1 of cycle 2" in violation.text for violation in found)


def test_it_finds_a_gap_in_the_positions() -> None:
    """A notification lost from the middle of a wave leaves a gap, and a person behind."""
    records = notes()
    del records[wave(records, SIZE_42, 3, 1)[2]]
    assert {Rule.ORDER, Rule.NOBODY_LEFT} == rules_broken(told(records))


def test_it_finds_an_oversize_wave() -> None:
    """A wave that takes in the next one's people is larger than its stock allows."""
    records = notes()
    first, second = wave(records, SIZE_42, 2, 1), wave(records, SIZE_42, 2, 2)
    head = fields_of(records[first[0]])
    for position, place in enumerate(second, len(first) + 1):
        records[place] = edited(
            records[place],
            wave=1,
            position=position,
            quantity=head["quantity"],
            triggered_at=head["triggered_at"],
        )
    assert {Rule.SIZE} == rules_broken(told(records))


def test_it_finds_a_quantity_that_was_never_in_stock() -> None:
    """A wave that counts on more than there was is found, though it fits its own figure."""
    records = notes()
    for place in wave(records, SIZE_42, 2, 1):
        records[place] = edited(records[place], quantity=999)
    assert {Rule.SIZE, Rule.ORDER} == rules_broken(told(records))


def test_it_finds_a_wave_before_its_stock() -> None:
    """A wave for a figure that had not arrived yet is found."""
    records = notes()
    for place in wave(records, SIZE_42, 2, 1):
        triggered_at = parse_timestamp(fields_of(records[place])["triggered_at"]) - 100
        records[place] = edited(records[place], triggered_at=format_timestamp(triggered_at))
    assert Rule.SIZE in rules_broken(told(records))


def test_it_finds_a_wave_that_did_not_wait() -> None:
    """A second wave right after the first breaks the pause."""
    records = notes()
    for place in wave(records, SIZE_42, 2, 2):
        triggered_at = parse_timestamp(fields_of(records[place])["triggered_at"]) - 1500
        records[place] = edited(records[place], triggered_at=format_timestamp(triggered_at))
    texts = [violation.text for violation in judge(told(records)).violations]
    assert any("came 500 ms after the wave before it" in text for text in texts)


def test_it_finds_stock_below_the_threshold_told_all_the_same() -> None:
    """Under a stricter threshold than was in force, the same waves are violations."""
    run = rehearse()
    stricter = load_policy({"min_quantity": 1000, "per_unit": 5, "wait": "2s"})
    found = check(run.evidence, stricter, run.script.rejected).violations
    assert Rule.SIZE in {violation.rule for violation in found}


def test_it_finds_a_missing_person() -> None:
    """Somebody at the end of the last wave who was never told is left behind."""
    records = notes()
    last = wave(records, SERUM_30, 2, 1)[-1]
    missing = records.pop(last).key.decode()
    findings = judge(told(records))
    assert 1 == findings.left_behind
    assert any(missing in violation.text for violation in findings.violations)
    assert {Rule.NOBODY_LEFT} == {item.rule for item in findings.violations}


def test_it_finds_somebody_told_after_signing_off() -> None:
    """A notification for a sign-up that was taken back is found."""
    run = rehearse()
    queues = judge(run.evidence).entries[SERUM_30]
    gone = next(entry for entry in queues if entry.signed_off is not None and entry.told is None)
    records = notes()
    pattern = records[wave(records, SERUM_30, 2, 1)[-1]]
    note = edited(
        pattern,
        id=notification_id(SERUM_30, gone.profile_key, gone.subscribed_at),
        subscribed_at=format_timestamp(gone.subscribed_at),
        position=fields_of(pattern)["position"] + 1,
    )
    forged = replace(note, key=gone.profile_key.encode())
    assert Rule.ENTITLED in rules_broken(told([*records, forged]))


def test_it_finds_somebody_told_who_came_too_late() -> None:
    """Who signed up while the item was in stock must wait for the next restock."""
    queues = judge(rehearse().evidence).entries
    late = next(
        entry for queue in queues.values() for entry in queue
        if entry.told is None and entry.signed_off is None and "441001" in entry.variant_id
    )  # fmt: skip
    records = notes()
    last = max(
        (record for record in records if fields_of(record)["variant_id"] == late.variant_id),
        key=lambda record: fields_of(record)["triggered_at"],
    )
    note = edited(
        last,
        id=notification_id(late.variant_id, late.profile_key, late.subscribed_at),
        subscribed_at=format_timestamp(late.subscribed_at),
    )
    forged = replace(note, key=late.profile_key.encode())
    assert Rule.ENTITLED in rules_broken(told([*records, forged]))


def test_it_finds_a_dead_letter_that_is_missing() -> None:
    """Every record that makes no sense must be on its dead-letter topic."""
    evidence = rehearse().evidence
    assert {Rule.DEAD_LETTERS} == rules_broken(
        replace(evidence, dead_letters=evidence.dead_letters[1:])
    )


@pytest.mark.parametrize("place", [0, -1])
def test_it_finds_a_dead_letter_whose_bytes_have_changed(place: int) -> None:
    """A dead letter keeps its record's bytes."""
    evidence = rehearse().evidence
    letters = list(evidence.dead_letters)
    letters[place] = replace(letters[place], value=(letters[place].value or b"") + b" ")
    assert {Rule.DEAD_LETTERS} == rules_broken(replace(evidence, dead_letters=tuple(letters)))


def test_it_finds_a_valid_record_set_aside() -> None:
    """A record that makes sense has no place on a dead-letter topic."""
    evidence = rehearse().evidence
    letters = (*evidence.dead_letters, evidence.inventory[1])
    assert {Rule.DEAD_LETTERS} == rules_broken(replace(evidence, dead_letters=letters))
