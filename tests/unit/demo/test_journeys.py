# SPDX-License-Identifier: Apache-2.0
"""The demo's own account of what must become of each notification."""

from itertools import permutations

import pytest

from restock.demo.evidence import Delivered, Told
from restock.demo.journeys import Journeys

BOTH = ("EMAIL", "PUSH")
REMINDERS = [("reminder", "EMAIL"), ("reminder", "PUSH")]


def note(*channels: str) -> Told:
    """A notification of A, by these channels."""
    return Told(
        id="n", variant_id="v", profile_key="id:A", cycle=1, cycle_opened_at=0, wave=1, position=1,
        quantity=5, subscribed_at=0, triggered_at=9, written_at=9, channels=channels,
        identifiers=("id:A",), product_id=None,
    )  # fmt: skip


def outcome(step: str, channel: str, kind: str = "sent", reason: str = "") -> Delivered:
    """An outcome of the notification."""
    return Delivered("n", "v", "id:A", step, channel, kind, reason, 10)


def missing(*channels: str, after: list[Delivered]) -> list[tuple[str, str]]:
    """What is missing of a notification after some outcomes."""
    journeys = Journeys()
    journeys.told(note(*channels))
    for found in after:
        assert journeys.settled(found)
    found_missing = journeys.by_id["n"].missing()
    assert bool(found_missing) == ("n" in journeys.open)
    return found_missing


def test_every_channel_needs_an_outcome() -> None:
    """Nothing but the first message is expected until it is done with on every channel."""
    assert [("first", "EMAIL"), ("first", "PUSH")] == missing(*BOTH, after=[])
    assert [("first", "PUSH")] == missing(*BOTH, after=[outcome("first", "EMAIL")])


def test_who_was_reached_is_reminded() -> None:
    """A reminder goes by every channel, by those too whose first message was kept back."""
    kept_back = outcome("first", "PUSH", "suppressed", "ordered")
    assert REMINDERS == missing(*BOTH, after=[outcome("first", "EMAIL"), kept_back])


@pytest.mark.parametrize("reason", ["no_address", "no_channel", "no_consent", "unsubscribed"])
def test_a_channel_that_leads_nowhere_is_left_out(reason: str) -> None:
    """What keeps back a first message for good keeps back the reminder."""
    lost = outcome("first", "EMAIL", "suppressed", reason)
    assert REMINDERS[1:] == missing(*BOTH, after=[outcome("first", "PUSH"), lost])


def test_a_message_given_up_closes_its_channel() -> None:
    """Nobody is reminded by a channel that failed."""
    failed = outcome("first", "EMAIL", "failed", "smtp_550")
    assert REMINDERS[1:] == missing(*BOTH, after=[outcome("first", "PUSH"), failed])


def test_who_was_not_reached_is_not_reminded() -> None:
    """The journey is over with the first message."""
    assert [] == missing("EMAIL", after=[outcome("first", "EMAIL", "suppressed", "ordered")])


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_records_may_come_in_any_order(order: tuple[int, ...]) -> None:
    """An outcome may be read before the notification that it is of."""
    journeys = Journeys()
    for number in order:
        if number:
            journeys.settled(outcome(("first", "reminder")[number - 1], "EMAIL"))
        else:
            journeys.told(note("EMAIL"))
    assert not journeys.open
    assert not journeys.by_id["n"].unexpected()


def test_an_outcome_told_twice_counts_once() -> None:
    """A repeated record is no new outcome; another outcome is a contradiction."""
    journeys = Journeys()
    journeys.told(note("EMAIL"))
    assert journeys.settled(outcome("first", "EMAIL"))
    assert not journeys.settled(outcome("first", "EMAIL"))
    assert not journeys.by_id["n"].unexpected()
    other = outcome("first", "EMAIL", "suppressed", "ordered")
    assert not journeys.settled(other)
    assert [other] == journeys.by_id["n"].unexpected()


@pytest.mark.parametrize("of", [("first", "PUSH"), ("reminder", "EMAIL"), ("second", "EMAIL")])
def test_an_outcome_that_should_not_be_is_found(of: tuple[str, str]) -> None:
    """Of a channel that was not chosen, of a reminder to nobody, of a step that there is not."""
    journeys = Journeys()
    journeys.told(note("EMAIL"))
    journeys.settled(outcome("first", "EMAIL", "suppressed", "ordered"))
    journeys.settled(outcome(*of))
    assert [outcome(*of)] == journeys.by_id["n"].unexpected()
