# SPDX-License-Identifier: Apache-2.0
"""What messages are called, and which journeys share one."""

from dataclasses import replace
from itertools import permutations, product

import pytest

from journey.channels import CHANNELS
from journey.journey import SENT, Journey, companions, message_id, settle
from journey.plan import Step
from schemas.fields import Channel
from tests.unit.journey.people import HOUR, NOON, PERSON, SERVED, begun, plan

ID = PERSON.id


def numbered(number: int, triggered_at: int = NOON, due_at: int = NOON + HOUR) -> Journey:
    """One of a person's journeys."""
    person = replace(PERSON, id=f"n{number}", triggered_at=triggered_at)
    return replace(begun(), notified=person, due_at=due_at)


def test_the_first_message_is_called_as_the_notification() -> None:
    """Where the sink serves one channel nothing needs to be told apart."""
    assert message_id(ID, "first", "EMAIL", SERVED) == ID


def test_channels_of_one_sink_are_told_apart() -> None:
    """A webhook for two channels gets two messages."""
    assert message_id(ID, "first", "PUSH", SERVED) == f"{ID}.push"
    assert message_id(ID, "first", "WHATSAPP", SERVED) == f"{ID}.whatsapp"


def test_a_step_by_one_channel_needs_no_more() -> None:
    """The other channel of the sink cannot send the step."""
    alone = plan(steps=(Step("first", "t", channels=frozenset({"PUSH", "EMAIL"})),))
    assert message_id(ID, "first", "PUSH", alone) == ID


def test_later_steps_carry_their_name() -> None:
    """A reminder is another message."""
    assert message_id(ID, "reminder", "EMAIL", SERVED) == f"{ID}.reminder"
    assert message_id(ID, "reminder", "PUSH", SERVED) == f"{ID}.reminder.push"


@pytest.mark.parametrize(("step", "channel"), [("last", "EMAIL"), ("first", "SMS")])
def test_what_cannot_be_sent_has_no_name(step: str, channel: Channel) -> None:
    """A step that is not in the plan, or a channel that no sink serves."""
    with pytest.raises(KeyError, match=r"last|SMS"):
        message_id(ID, step, channel, plan(routes={"EMAIL": "mail"}))


def test_no_two_messages_to_a_sink_are_called_the_same() -> None:
    """Whatever serves which channel, and whichever steps go by which."""
    names = ("first", "second", "third")
    allowed = (None, frozenset[Channel]({"PUSH"}), frozenset[Channel]({"PUSH", "SMS"}))
    for routes, channels in product(product("ab", repeat=4), permutations(allowed)):
        chosen = plan(
            steps=tuple(
                Step(name, "t", channels=some) for name, some in zip(names, channels, strict=True)
            ),
            routes=dict(zip(CHANNELS, routes, strict=True)),
        )
        messages = [
            (chosen.routes[channel], message_id(ID, step.name, channel, chosen))
            for step in chosen.steps
            for channel in CHANNELS
            if step.allows(channel)
        ]
        assert len(messages) == len(set(messages))


def test_without_digests_everybody_goes_alone() -> None:
    """Even what is due at the same moment."""
    journeys = [numbered(1), numbered(2)]
    assert companions(journeys, journeys[1], "EMAIL", SERVED) == (journeys[1],)


def test_a_digest_tells_of_the_oldest_first() -> None:
    """By the wave's start, ties by id, whichever was chosen and however they are listed."""
    gathered = plan(digest=HOUR)
    journeys = [numbered(3, NOON - 1), numbered(1), numbered(2)]
    for listed in permutations(journeys):
        assert companions(listed, listed[0], "EMAIL", gathered) == tuple(journeys)


def test_who_is_not_of_a_digest() -> None:
    """Another window, another step, or a channel that is settled."""
    gathered = plan(digest=HOUR)
    chosen = numbered(1)
    settled, _ = settle(numbered(2), "EMAIL", SENT, NOON, gathered)
    assert settled is not None
    others = [numbered(3, due_at=NOON), replace(numbered(4), step="reminder"), settled]
    assert companions([chosen, *others], chosen, "EMAIL", gathered) == (chosen,)
    assert companions([chosen, *others], chosen, "SMS", gathered) == (chosen, settled)
