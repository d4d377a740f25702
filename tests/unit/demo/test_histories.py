# SPDX-License-Identifier: Apache-2.0
"""The checker's own reading of the inventory and subscriptions topics."""

from typing import Any

import orjson

from restock.demo.evidence import LoggedRecord, Told
from restock.demo.queue_history import Entry, waiting_entries
from restock.demo.stock_history import StockState, stock_histories
from waitlist.policy import load_policy

NOW = 1_795_168_800_000
POLICIES = load_policy({"min_quantity": 5, "safety_stock": 2})


def logged(records: list[dict[str, Any]]) -> list[LoggedRecord]:
    """Records on a topic, each arriving when it occurred."""
    return [
        LoggedRecord(0, offset, max(NOW, record["occurred_at"]), b"", orjson.dumps(record))
        for offset, record in enumerate(records)
    ]


def stock(*records: dict[str, Any]) -> list[StockState]:
    """The states of one variant after figures at so many milliseconds."""
    full = [
        {"variant_id": "v", **record, "occurred_at": NOW + record["occurred_at"]}
        for record in records
    ]
    return stock_histories(logged(full), frozenset(), POLICIES)["v"]


def queue(*records: dict[str, Any], told: list[Told] | None = None) -> list[Entry]:
    """The entries of one variant after sign-ups and sign-offs at so many milliseconds."""
    full = [
        {
            "type": "subscribe",
            "variant_id": "v",
            "profile": {"id": "A"},
            **record,
            "occurred_at": NOW + record["occurred_at"],
        }
        for record in records
    ]
    return waiting_entries(logged(full), frozenset(), told or []).get("v", [])


def note(subscribed_at: int, triggered_at: int) -> Told:
    """A notification of A in cycle 1, for times after the start."""
    return Told(
        id="x", variant_id="v", profile_key="id:A", cycle=1, cycle_opened_at=NOW, wave=1,
        position=1, quantity=5, subscribed_at=NOW + subscribed_at,
        triggered_at=NOW + triggered_at, written_at=NOW + triggered_at,
        channels=("EMAIL",), identifiers=("id:A",), product_id=None,
    )  # fmt: skip


def test_a_cycle_opens_at_the_threshold_above_safety_stock() -> None:
    """Seven units are five to sell; six are below the threshold."""
    states = stock({"quantity": 6, "occurred_at": 0}, {"quantity": 7, "occurred_at": 9})
    assert [(4, False, 0), (5, True, 1)] == [(s.quantity, s.offered, s.cycle) for s in states]
    assert (NOW + 9, NOW + 9) == (states[1].opened_at, states[1].opening_known_from)


def test_locations_add_up() -> None:
    """The quantity is the sum over locations, each by its newest figure."""
    states = stock(
        {"quantity": 4, "occurred_at": 0, "location_id": "a"},
        {"quantity": 9, "occurred_at": 1, "location_id": "b"},
        {"quantity": 1, "occurred_at": 2, "location_id": "a"},
    )
    assert [2, 11, 8] == [state.quantity for state in states]


def test_stale_and_mixed_figures_change_nothing() -> None:
    """A figure older than that of its location, and a total beside locations, are left out."""
    states = stock(
        {"quantity": 9, "occurred_at": 5, "location_id": "a"},
        {"quantity": 0, "occurred_at": 4, "location_id": "a"},
        {"quantity": 0, "occurred_at": 6},
    )
    assert [7] == [state.quantity for state in states]


def test_what_keeps_selling_or_is_hidden_has_no_stock() -> None:
    """Policy and publication last until a record says otherwise."""
    states = stock(
        {"quantity": 9, "occurred_at": 0, "policy": "continue"},
        {"quantity": 9, "occurred_at": 1},
        {"quantity": 9, "occurred_at": 2, "policy": "deny", "published": False},
        {"quantity": 9, "occurred_at": 3, "published": True},
    )
    assert [0, 0, 0, 7] == [state.quantity for state in states]


def test_the_first_sign_up_counts() -> None:
    """A second sign-up changes nothing, unless it is dated before the first."""
    assert [NOW] == [e.subscribed_at for e in queue({"occurred_at": 0}, {"occurred_at": 5})]
    assert [NOW + 2] == [e.subscribed_at for e in queue({"occurred_at": 5}, {"occurred_at": 2})]


def test_a_sign_off_reaches_by_any_identifier() -> None:
    """An email alone ends the wait of a person known by id and email."""
    profile = {"id": "A", "email": "Ann@example.com"}
    leave = {"type": "unsubscribe", "profile": {"email": "ann@example.com"}}
    entries = queue({"occurred_at": 0, "profile": profile}, {"occurred_at": 1, **leave})
    assert [(1, NOW + 1)] == [entry.signed_off for entry in entries]


def test_a_sign_up_dated_before_the_sign_off_is_ignored() -> None:
    """A sign-up that arrives after a sign-off of a later date does not wait."""
    assert [] == queue({"occurred_at": 5, "type": "unsubscribe"}, {"occurred_at": 4})
    assert 1 == len(queue({"occurred_at": 5, "type": "unsubscribe"}, {"occurred_at": 6}))


def test_who_was_told_may_join_again_but_not_for_the_same_cycle() -> None:
    """The new entry remembers the cycle in which its owner was told."""
    entries = queue({"occurred_at": 0}, {"occurred_at": 9}, told=[note(0, 5)])
    assert [(None, True), (1, False)] == [(e.barred_from, e.told is not None) for e in entries]


def test_a_sign_up_dated_before_its_owner_was_told_is_a_repetition() -> None:
    """Being told answers everything asked until then."""
    assert 1 == len(queue({"occurred_at": 0}, {"occurred_at": 4}, told=[note(0, 5)]))
