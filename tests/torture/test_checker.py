# SPDX-License-Identifier: Apache-2.0
"""The checker finds nothing where all is well, and everything that was planted."""

import json
import tomllib
from collections import Counter
from dataclasses import replace
from functools import cache
from itertools import islice, pairwise
from random import Random
from typing import Any

import pytest

from schemas.encode import notification_id
from schemas.timestamps import format_timestamp
from tests.torture.checker import check
from tests.torture.contents import Contents, TopicRecord
from tests.torture.history import UnknownRecordError
from tests.torture.scenario import Policy, Scenario
from tests.torture.stand_in import StandIn
from tests.torture.verdict import Problem, Verdict
from waitlist.policy import load_policy

_START = 1_795_000_000_000
_POLICIES: tuple[Policy, ...] = ("all", "waves")


def _stand_in(
    seed: int, policy: Policy, rounds: int, crash_chance: float
) -> tuple[StandIn, Scenario]:
    scenario = Scenario(seed, variants=12, policy=policy, hot_people=200)
    table = tomllib.loads(scenario.policy_toml).get("policy", {})
    program = StandIn(Random(seed), load_policy(table), _START)
    program.run(islice(scenario.rounds(program.now), rounds), crash_chance)
    return program, scenario


@cache
def _finished(seed: int, policy: Policy, crash_chance: float = 0.0) -> tuple[Contents, int]:
    program, scenario = _stand_in(seed, policy, 12, crash_chance)
    program.run(scenario.hot_wave(program.now), crash_chance)
    program.run(scenario.closing(program.now), crash_chance)
    program.finish(crash_chance)
    return program.contents(), program.crashes


def _check(contents: Contents, policy: Policy, *, complete: bool = True) -> Verdict:
    per_unit = Scenario(0, policy=policy).per_unit
    return check(contents, policy=policy, per_unit=per_unit, complete=complete)


def _kinds(contents: Contents, policy: Policy) -> Counter[str]:
    return Counter(problem.kind for problem in _check(contents, policy).problems)


@pytest.mark.parametrize("policy", _POLICIES)
@pytest.mark.parametrize("seed", [1, 2])
def test_a_run_without_crashes_is_flawless(seed: int, policy: Policy) -> None:
    """Nothing is wrong, and most of the sign-ups had to be told."""
    contents, _ = _finished(seed, policy)
    verdict = _check(contents, policy)

    assert [] == verdict.problems
    assert len(contents.notifications) == verdict.notified > 1_000
    assert verdict.subscriptions * 0.75 < verdict.required < verdict.subscriptions
    assert 0 < verdict.allowed < verdict.subscriptions / 4


@pytest.mark.parametrize("policy", _POLICIES)
@pytest.mark.parametrize("seed", [3, 4, 5])
def test_repeated_epochs_are_no_fault(seed: int, policy: Policy) -> None:
    """An epoch that is decided anew, at a later time and over other batches, is all right."""
    contents, crashes = _finished(seed, policy, 0.1)

    assert crashes > 5
    assert [] == _check(contents, policy).problems


@pytest.mark.parametrize("policy", _POLICIES)
def test_in_the_middle_of_a_run_nobody_is_lost_yet(policy: Policy) -> None:
    """What has not been told yet is a problem only when the run is complete."""
    program, _ = _stand_in(6, policy, 8, 0.0)
    contents = program.contents()
    contents = replace(contents, notifications=contents.notifications[:-200], dead_letters=[])

    assert [] == _check(contents, policy, complete=False).problems
    assert {"lost"} == set(_kinds(contents, policy))


@pytest.mark.parametrize("policy", _POLICIES)
def test_a_lost_notification_is_named(policy: Policy) -> None:
    """Of somebody who was simply forgotten, variant, person and sign-up are named."""
    contents, _ = _finished(1, policy)
    required = _required(contents)
    gone = required[len(required) // 2]
    notifications = [record for record in contents.notifications if record is not gone]
    verdict = _check(replace(contents, notifications=notifications), policy)
    (problem,) = verdict.problems

    assert "lost" == problem.kind
    assert 1 == verdict.lost
    assert _value(gone)["variant_id"] in problem.what
    assert (gone.key or b"").decode() in problem.what


@pytest.mark.parametrize("policy", _POLICIES)
def test_a_second_notification_is_named(policy: Policy) -> None:
    """The same id once more is a duplicate, even as the last record of its partition."""
    contents, _ = _finished(1, policy)
    again = contents.notifications[10]
    verdict = _check(_with_note(contents, again, _value(again)), policy)
    (problem,) = verdict.problems

    assert "duplicated" == problem.kind
    assert _value(again)["id"] in problem.what
    assert f"[{again.partition}] {again.offset}" in problem.what


@pytest.mark.parametrize("policy", _POLICIES)
def test_a_person_told_for_a_sign_up_from_before_being_told_is_a_duplicate(policy: Policy) -> None:
    """Two sign-ups of one person that waited at the same time are answered once."""
    contents, _ = _finished(1, policy)
    told = _required(contents)[0]
    value = _value(told)
    first = next(record for record in contents.subscriptions if _is_answered(record, told))
    at = _value(first)["occurred_at"] + 1
    place = sum(record.partition == first.partition for record in contents.subscriptions)
    second = replace(_with_fields(first, occurred_at=at), offset=place)
    value["id"] = notification_id(value["variant_id"], (told.key or b"").decode(), at)
    value["subscribed_at"] = format_timestamp(at)
    changed = replace(contents, subscriptions=[*contents.subscriptions, second])
    verdict = _check(_with_note(changed, told, value), policy)
    found = [problem.what for problem in verdict.problems if problem.kind == "duplicated"]

    assert 1 == len(found) == verdict.duplicated
    assert _value(told)["id"] in found[0]
    assert value["id"] in found[0]


@pytest.mark.parametrize("policy", _POLICIES)
def test_neighbours_that_changed_places_are_reordered(policy: Policy) -> None:
    """Two people of one wave with swapped offsets are found."""
    contents, _ = _finished(1, policy)
    notifications = list(contents.notifications)
    first, second = _neighbours(notifications)
    one, other = notifications[first], notifications[second]
    notifications[first] = replace(one, key=other.key, value=other.value)
    notifications[second] = replace(other, key=one.key, value=one.value)

    assert {"reordered"} == set(_kinds(replace(contents, notifications=notifications), policy))


@pytest.mark.parametrize("policy", _POLICIES)
def test_somebody_told_in_a_later_wave_than_the_queue_demands_is_reordered(policy: Policy) -> None:
    """Somebody told alone, and long after those who stood behind, is found across waves."""
    contents, _ = _finished(1, policy)
    late = next(record for record in contents.notifications if b":::HOT0" in (record.value or b""))
    wave = {"wave": 2, "position": 1, "triggered_at": "2026-11-19T00:00:00.000Z"}
    others = [record for record in contents.notifications if record is not late]
    changed = _with_note(replace(contents, notifications=others), late, _value(late) | wave)

    assert {"reordered": 1} == _kinds(changed, policy)


def test_a_position_given_twice_is_reordered() -> None:
    """In one attempt at a wave no two people have the same position, whatever their partitions."""
    contents, _ = _finished(1, "all")
    notifications = list(contents.notifications)
    first, second = _neighbours(notifications)
    position = _value(notifications[first])["position"]
    notifications[second] = _with_fields(notifications[second], position=position)

    assert {"reordered"} == set(_kinds(replace(contents, notifications=notifications), "all"))


@pytest.mark.parametrize("policy", _POLICIES)
def test_somebody_who_never_signed_up_is_ineligible(policy: Policy) -> None:
    """A notification with a well-made id of no subscription is found."""
    contents, _ = _finished(1, policy)
    like = contents.notifications[-1]
    value = _value(like)
    value["id"] = notification_id(value["variant_id"], "id:stranger", _START)
    value["subscribed_at"] = format_timestamp(_START)
    (problem,) = _check(
        _with_note(contents, replace(like, key=b"id:stranger"), value), policy
    ).problems

    assert "ineligible" == problem.kind
    assert "id:stranger" in problem.what


@pytest.mark.parametrize("policy", _POLICIES)
def test_somebody_told_after_a_settled_sign_off_is_ineligible(policy: Policy) -> None:
    """A sign-off that was durable before the cycle opened leaves no doubt."""
    contents, _ = _finished(1, policy)
    told = next(record for record in contents.notifications if b":::HOT0" in (record.value or b""))
    subscriptions = list(contents.subscriptions)
    first = next(n for n, record in enumerate(subscriptions) if _is_answered(record, told))
    last = max(
        number
        for number, record in enumerate(subscriptions)
        if record.partition == subscriptions[first].partition and record.value is None
    )
    sign_off = _with_fields(subscriptions[first], type="unsubscribe", occurred_at=_START + 90_000)
    subscriptions[last] = replace(sign_off, offset=subscriptions[last].offset)
    problems = _check(replace(contents, subscriptions=subscriptions), policy).problems

    assert ["ineligible"] == [problem.kind for problem in problems]
    assert "signed off" in problems[0].what


@pytest.mark.parametrize(
    ("field", "value"),
    [("cycle", 77), ("cycle_opened_at", "2026-11-18T00:00:00.000Z")],
)
def test_a_cycle_that_never_was_is_ineligible(field: str, value: object) -> None:
    """Nobody is told in a cycle that the stock figures do not open."""
    contents, _ = _finished(1, "all")

    assert _kinds(_changed(contents, 5, **{field: value}), "all")["ineligible"]


def test_a_wave_before_its_stock_was_known_is_ineligible() -> None:
    """Nobody is told before the stock and the sign-up were written."""
    contents, _ = _finished(1, "all")
    changed = _changed(contents, 5, triggered_at=format_timestamp(_START - 60_000))

    assert _kinds(changed, "all")["ineligible"]


def test_more_people_than_units_allow_is_oversized() -> None:
    """Of a wave with few units nobody may be told beyond them."""
    contents, _ = _finished(1, "waves")
    place = next(
        number
        for number, record in enumerate(contents.notifications)
        if _value(record)["quantity"] < 5
    )

    assert _kinds(_changed(contents, place, position=99), "waves")["oversized"]


@pytest.mark.parametrize("policy", _POLICIES)
def test_units_that_never_were_are_oversized(policy: Policy) -> None:
    """The quantity in a notification was in force at some time of its cycle."""
    contents, _ = _finished(1, policy)

    assert _kinds(_changed(contents, 3, quantity=1_234_567), policy)["oversized"]


@pytest.mark.parametrize(
    "changes",
    [{"id": "0" * 32}, {"wave": None, "position": "x", "subscribed_at": 5}, {"priority": 9}],
)
def test_a_record_that_is_no_notification_of_ours_is_foreign(changes: dict[str, object]) -> None:
    """A wrong id, fields of another shape and a priority that nobody gave are found."""
    contents, _ = _finished(1, "all")

    assert _kinds(_changed(contents, 3, **changes), "all")["foreign"]


@pytest.mark.parametrize("offsets", ["committed", "stored"])
def test_an_offset_beyond_the_end_is_found(offsets: str) -> None:
    """Neither the group nor the state is ahead of the topic."""
    contents, _ = _finished(1, "all")
    ahead = dict(contents.committed)
    ahead["inventory", 1] += 1
    changes: dict[str, Any] = {offsets: ahead}
    problems = _check(replace(contents, **changes), "all").problems

    assert {"offset"} == {problem.kind for problem in problems}
    assert "inventory [1]" in problems[0].what


def test_an_offset_of_the_group_ahead_of_the_state_is_found() -> None:
    """What is committed was durable before; names of topics end with their role."""
    contents, _ = _finished(1, "all")
    named = {(f"shop.{topic}", number): n for (topic, number), n in contents.stored.items()}
    behind = named | {("shop.subscriptions", 2): named["shop.subscriptions", 2] - 1}
    (problem,) = _check(replace(contents, committed=named, stored=behind), "all").problems

    assert [] == _check(replace(contents, committed=named, stored={}), "all").problems
    assert "offset" == problem.kind
    assert "shop.subscriptions [2]" in problem.what


def test_dead_letters_are_there_once_and_untouched() -> None:
    """A missing one is lost, a second one duplicated, another one foreign."""
    contents, _ = _finished(1, "all")
    letters = contents.dead_letters
    other = replace(letters[0], value=(letters[0].value or b"") + b" ")

    assert {"lost": 1} == _kinds(replace(contents, dead_letters=letters[1:]), "all")
    assert {"duplicated": 1} == _kinds(
        replace(contents, dead_letters=[*letters, letters[0]]), "all"
    )
    changed = replace(contents, dead_letters=[other, *letters[1:]])
    assert {"lost": 1, "foreign": 1} == _kinds(changed, "all")


def test_what_no_scenario_makes_is_refused() -> None:
    """Of stock by location, and of a variant in two partitions, the checker claims nothing."""
    contents, _ = _finished(1, "all")
    first = next(
        record for record in contents.inventory if b'"sequence":0' in (record.value or b"")
    )
    located = _with_fields(first, location_id="Oslo")
    elsewhere = replace(first, partition=first.partition + 1)

    for record in (located, elsewhere):
        with pytest.raises(UnknownRecordError):
            _check(replace(contents, inventory=[*contents.inventory, record]), "all")


def test_verdict_is_told_in_one_line_and_in_some() -> None:
    """The line has the counts; the text names the first ten problems of each kind."""
    problems = [Problem("lost", f"person {number}") for number in range(12)]
    verdict = Verdict(40, 30, 5, 20, [*problems, Problem("offset", "ahead")])

    assert verdict.line() == (
        "40 subscriptions, 30 required, 5 undecided, 20 notified: 12 lost, 0 duplicated, "
        "0 reordered, 1 otherwise wrong"
    )
    assert verdict.text().splitlines() == [
        verdict.line(),
        *(f"  lost: person {number}" for number in range(10)),
        "  lost: and 2 more",
        "  offset: ahead",
    ]


def _value(record: TopicRecord) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(record.value or b"")
    return value


def _with_fields(record: TopicRecord, **fields: object) -> TopicRecord:
    return replace(record, value=json.dumps(_value(record) | fields).encode())


def _changed(contents: Contents, place: int, **fields: object) -> Contents:
    """With other fields in one notification."""
    notifications = list(contents.notifications)
    notifications[place] = _with_fields(notifications[place], **fields)
    return replace(contents, notifications=notifications)


def _with_note(contents: Contents, like: TopicRecord, value: dict[str, Any]) -> Contents:
    """With one more notification at the end of its partition."""
    end = 1 + max(r.offset for r in contents.notifications if r.partition == like.partition)
    record = replace(like, offset=end, value=json.dumps(value).encode())
    found = sorted([*contents.notifications, record], key=lambda r: (r.partition, r.offset))
    return replace(contents, notifications=found)


def _required(contents: Contents) -> list[TopicRecord]:
    """Notifications of people of whom there is but one record."""
    people = Counter(_person(_tolerant(record)) for record in contents.subscriptions)
    return [record for record in contents.notifications if people[_person(_value(record))] == 1]


def _person(value: dict[str, Any]) -> tuple[object, object]:
    return value.get("variant_id"), next(iter(value.get("profile", {}).values()), None)


def _tolerant(record: TopicRecord) -> dict[str, Any]:
    try:
        value = json.loads(record.value or b"")
    except ValueError:
        return {}
    return value if isinstance(value, dict) and value.get("variant_id") else {}


def _is_answered(record: TopicRecord, told: TopicRecord) -> bool:
    """Whether a record is the sign-up that a notification answers."""
    value, answer = _tolerant(record), _value(told)
    return (value.get("variant_id"), value.get("profile")) == (
        answer["variant_id"],
        answer["profile"],
    )


def _neighbours(notifications: list[TopicRecord]) -> tuple[int, int]:
    """Places of two records of one wave, one after the other in a partition."""
    for place, (one, other) in enumerate(pairwise(notifications)):
        values = [_value(one), _value(other)]
        if one.partition == other.partition and all(
            values[0][name] == values[1][name] for name in ("variant_id", "cycle", "wave")
        ):
            return place, place + 1
    message = "no wave has two people in one partition"
    raise AssertionError(message)
