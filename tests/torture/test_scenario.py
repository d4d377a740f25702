# SPDX-License-Identifier: Apache-2.0
"""The scenario makes what it says, from the seed alone."""

import json
import tomllib
from collections import Counter
from collections.abc import Iterable
from itertools import count, islice
from typing import Any

import pytest

from schemas.decode import decode_inventory, decode_subscription
from schemas.errors import InvalidRecord
from tests.torture.scenario import PER_UNIT, Policy, Produce, Round, Scenario
from waitlist.policy import load_policy

_START = 1_795_000_000_000


def _rounds(seed: int, number: int = 60) -> list[Round]:
    ticks = count(_START, 250)
    return list(islice(Scenario(seed, policy="all").rounds(lambda: next(ticks)), number))


def _valid(records: Iterable[Produce]) -> list[tuple[Produce, dict[str, Any]]]:
    found = []
    for record in records:
        decode = decode_inventory if record.topic == "inventory" else decode_subscription
        try:
            decode(record.value or b"", _START + 60_000)
        except InvalidRecord:
            continue
        found.append((record, json.loads(record.value or b"")))
    return found


def test_same_seed_makes_the_same_records() -> None:
    """Equal seeds and clocks give equal rounds, other seeds give others."""
    assert _rounds(7) == _rounds(7)
    assert _rounds(7) != _rounds(8)


def test_rounds_hold_every_kind_of_trouble() -> None:
    """Within sixty rounds there is whatever the program has to cope with, and mostly sign-ups."""
    records = [record for one in _rounds(1) for record in one.records]
    values = [value for _, value in _valid(records)]
    subscribed = Counter(
        (value["variant_id"], json.dumps(value["profile"]), value["occurred_at"])
        for value in values
        if value.get("type") == "subscribe"
    )
    people = Counter((variant, profile) for variant, profile, _ in subscribed)
    figures = Counter(
        (value["variant_id"], value["occurred_at"], value["sequence"], value["quantity"])
        for value in values
        if "quantity" in value
    )
    newest: dict[str, int] = {}
    late = 0
    for value in values:
        if "quantity" in value:
            late += value["occurred_at"] < newest.get(value["variant_id"], 0)
            newest[value["variant_id"]] = max(
                value["occurred_at"], newest.get(value["variant_id"], 0)
            )

    assert sum(subscribed.values()) > len(records) / 2
    assert any(times > 1 for times in subscribed.values())
    assert any(times > 1 for times in people.values())
    assert any(times > 1 for times in figures.values())
    assert late > 20
    assert any(value.get("type") == "unsubscribe" for value in values)
    assert any(value.get("priority") for value in values)
    assert any("expires_at" in value for value in values)
    assert {"inventory", "subscriptions"} == {r.topic for r in records if r.value is None}
    assert len(records) > len(values) + sum(record.value is None for record in records)


def test_a_record_is_keyed_by_its_variant() -> None:
    """Every valid record is keyed by its variant, and no event id is given twice."""
    found = _valid(record for one in _rounds(2) for record in one.records)

    assert all(record.key == value["variant_id"].encode() for record, value in found)
    assert len({value["event_id"] for _, value in found}) == len(found)


def test_barriers_grow_after_settled_rounds_only() -> None:
    """The barrier in the event ids is the number of settled rounds before."""
    settled = 0
    for one in _rounds(3):
        barriers = {value["event_id"].split(".")[0] for _, value in _valid(one.records)}
        assert {f"b{settled}"} == barriers
        settled += one.settle
    assert 5 < settled < 55


def test_hot_wave_has_its_people_settled_before_the_restock() -> None:
    """All sign-ups are for one new variant and settled before its stock for all of them comes."""
    scenario = Scenario(4, policy="waves", hot_people=500)
    sign_ups, restock = scenario.hot_wave(lambda: _START)
    (_, figure), *more = _valid(restock.records)
    waiting = [value for _, value in _valid(sign_ups.records)]
    again = scenario.hot_wave(lambda: _START)

    assert not more
    assert (True, False) == (sign_ups.settle, restock.settle)
    assert 500 == len({json.dumps(value["profile"]) for value in waiting})
    assert {figure["variant_id"]} == {value["variant_id"] for value in waiting}
    assert figure["quantity"] * PER_UNIT >= 500
    assert ("b0", "b1") == (waiting[0]["event_id"][:2], figure["event_id"][:2])
    assert figure["variant_id"].encode() != again[0].records[0].key


def test_closing_opens_a_new_cycle_for_every_variant() -> None:
    """At the end each variant is sold out for good, and then has more than anybody wants."""
    scenario = Scenario(5, variants=30, policy="all", hot_people=10)
    before = [
        record
        for one in [
            *islice(scenario.rounds(lambda: _START), 20),
            *scenario.hot_wave(lambda: _START),
        ]
        for record in one.records
    ]
    newest: dict[str, int] = {}
    for _, value in _valid(before):
        if "quantity" in value:
            name = value["variant_id"]
            newest[name] = max(newest.get(name, 0), value["occurred_at"])
    sold_out, enough = scenario.closing(lambda: _START)
    empty = {value["variant_id"]: value for _, value in _valid(sold_out.records)}
    full = {value["variant_id"]: value for _, value in _valid(enough.records)}

    assert sold_out.settle
    assert 31 == len(empty) == len(full)
    assert {0} == {value["quantity"] for value in empty.values()}
    assert 100_000 < min(value["quantity"] for value in full.values())
    for name, value in empty.items():
        assert newest.get(name, 0) < value["occurred_at"] < full[name]["occurred_at"]


@pytest.mark.parametrize(("policy", "per_unit"), [("all", None), ("waves", PER_UNIT)])
def test_policy_table_says_what_the_scenario_means(policy: Policy, per_unit: int | None) -> None:
    """The table for the configuration file is a valid policy with the people a unit."""
    scenario = Scenario(6, policy=policy)
    table = tomllib.loads(scenario.policy_toml).get("policy", {})

    assert per_unit == scenario.per_unit == load_policy(table).account.per_unit
