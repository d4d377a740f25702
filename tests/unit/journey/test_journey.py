# SPDX-License-Identifier: Apache-2.0
"""How a journey begins, goes on from step to step, and ends."""

from dataclasses import replace

import pytest

from journey.journey import (
    FAILED,
    SENT,
    Journey,
    OpenChannel,
    Outcome,
    Settled,
    begin,
    retry,
    settle,
    suppressed,
)
from journey.plan import Plan, Step, load_plan
from journey.reasons import Reason
from schemas.fields import Channel
from tests.unit.journey.people import DAY, HOUR, NOON, PERSON, SERVED, begun, plan

NO_CHANNEL = suppressed(Reason.NO_CHANNEL)


def names(journey: Journey | None) -> list[str]:
    """The open channels; none when the journey is over."""
    return [] if journey is None else [opened.channel for opened in journey.open]


def settle_all(journey: Journey, outcomes: dict[Channel, Outcome], plan: Plan) -> Journey | None:
    """The journey after the channels of its step were settled."""
    after: Journey | None = journey
    for channel, outcome in outcomes.items():
        assert after is not None
        after, settled = settle(after, channel, outcome, NOON, plan)
        assert settled == [Settled(journey.step, channel, outcome)]
    return after


def test_the_first_step_goes_by_what_the_person_chose() -> None:
    """In the person's order, at once."""
    person = replace(PERSON, channels=("PUSH", "EMAIL"))
    journey, settled = begin(person, NOON, SERVED, None)
    assert journey == Journey(
        person, "first", NOON, (OpenChannel("PUSH", NOON), OpenChannel("EMAIL", NOON))
    )
    assert settled == []


def test_a_channel_without_a_way_is_settled_at_once() -> None:
    """Nobody is missing: what no sink serves, or the step does not allow, is accounted for."""
    step = Step("first", "back_in_stock", channels=frozenset({"EMAIL", "PUSH"}))
    limited = plan(steps=(step,), routes={"EMAIL": "mail", "SMS": "text"})
    journey, settled = begin(PERSON, NOON, limited, None)
    assert names(journey) == ["EMAIL"]
    assert settled == [
        Settled("first", channel, NO_CHANNEL) for channel in ("SMS", "PUSH", "WHATSAPP")
    ]


def test_a_person_without_a_usable_channel_is_accounted_for() -> None:
    """There is no journey, and each channel has its reason."""
    person = replace(PERSON, channels=("SMS", "PUSH"))
    journey, settled = begin(person, NOON, plan(routes={"EMAIL": "mail"}), None)
    assert journey is None
    assert settled == [Settled("first", channel, NO_CHANNEL) for channel in ("SMS", "PUSH")]


def test_the_first_step_may_wait() -> None:
    """Its delay counts from the arrival of the notification."""
    assert begun(plan(steps=(Step("first", "t", delay=HOUR),))).due_at == NOON + HOUR


def test_a_digest_opens_or_is_joined() -> None:
    """The first notification opens a window; those after it are due with it."""
    gathered = plan(digest=HOUR)
    opening, _ = begin(PERSON, NOON, gathered, None)
    joining, _ = begin(PERSON, NOON + 7, gathered, NOON + HOUR)
    assert [NOON + HOUR] * 2 == [one.due_at for one in (opening, joining) if one is not None]


def test_without_digests_nothing_is_joined() -> None:
    """With the digest off everything is due by itself."""
    journey, _ = begin(PERSON, NOON, SERVED, NOON + HOUR)
    assert journey is not None
    assert journey.due_at == NOON


def test_the_reminder_follows_the_last_channel() -> None:
    """The step is over when all its channels are; the delay counts from then."""
    half, _ = settle(begun(channels=("EMAIL", "PUSH")), "EMAIL", SENT, NOON, SERVED)
    assert names(half) == ["PUSH"]
    assert half is not None
    assert half.step == "first"
    after, _ = settle(half, "PUSH", SENT, NOON + HOUR, SERVED)
    assert after is not None
    assert (after.step, after.due_at) == ("reminder", NOON + HOUR + DAY)
    assert names(after) == ["EMAIL", "PUSH"]
    assert after.sent == (("EMAIL", "PUSH"), ())


def test_after_the_last_step_it_is_over() -> None:
    """Two steps, two messages."""
    reminder = settle_all(begun(channels=("EMAIL",)), {"EMAIL": SENT}, SERVED)
    assert reminder is not None
    assert settle_all(reminder, {"EMAIL": SENT}, SERVED) is None


@pytest.mark.parametrize("outcome", [FAILED, *map(suppressed, Reason)])
def test_nobody_is_reminded_of_what_was_not_said(outcome: Outcome) -> None:
    """A step that was sent by no channel ends the journey."""
    assert settle_all(begun(channels=("EMAIL",)), {"EMAIL": outcome}, SERVED) is None


def test_each_step_needs_a_message_of_its_own() -> None:
    """That an earlier step was sent does not carry a journey over one that was not."""
    longer = plan(steps=(*SERVED.steps, Step("last", "t", delay=HOUR)))
    reminder = settle_all(begun(channels=("EMAIL",)), {"EMAIL": SENT}, longer)
    assert reminder is not None
    assert settle_all(reminder, {"EMAIL": suppressed(Reason.ORDERED)}, longer) is None


def test_a_later_step_may_go_other_ways() -> None:
    """Mail first, a text message for those who have not bought a day later."""
    first = Step("first", "t", channels=frozenset({"EMAIL"}))
    second = Step("second", "t", delay=HOUR, channels=frozenset({"SMS"}))
    escalating = plan(steps=(first, second))
    after = settle_all(begun(escalating, channels=("EMAIL", "SMS")), {"EMAIL": SENT}, escalating)
    assert names(after) == ["SMS"]


@pytest.mark.parametrize(
    ("outcome", "left"),
    [
        (FAILED, ["PUSH"]),
        (suppressed(Reason.NO_CONSENT), ["PUSH"]),
        (suppressed(Reason.NO_ADDRESS), ["PUSH"]),
        (suppressed(Reason.UNSUBSCRIBED), ["PUSH"]),
        (suppressed(Reason.ORDERED), ["EMAIL", "PUSH"]),
        (suppressed(Reason.SOLD_OUT), ["EMAIL", "PUSH"]),
        (suppressed(Reason.RECENTLY_TOLD), ["EMAIL", "PUSH"]),
        (suppressed(Reason.EXPIRED), ["EMAIL", "PUSH"]),
        (SENT, ["EMAIL", "PUSH"]),
    ],
)
def test_what_closes_a_channel_for_good(outcome: Outcome, left: list[str]) -> None:
    """Later steps leave out what cannot work, and try again what was only untimely."""
    after = settle_all(begun(channels=("EMAIL", "PUSH")), {"EMAIL": outcome, "PUSH": SENT}, SERVED)
    assert names(after) == left


def test_a_later_step_leaves_out_silently() -> None:
    """Only the first step says which channels it does not go by."""
    steps = (Step("first", "t"), Step("second", "t", delay=HOUR, channels=frozenset({"PUSH"})))
    after = settle_all(
        begun(channels=("EMAIL", "PUSH")), {"EMAIL": SENT, "PUSH": SENT}, plan(steps=steps)
    )
    assert names(after) == ["PUSH"]


def test_a_step_without_channels_takes_its_time_all_the_same() -> None:
    """Who has no phone skips the text message, and gets the last mail with everybody else."""
    steps = (
        Step("first", "t"),
        Step("text", "t", delay=HOUR, channels=frozenset({"SMS"})),
        Step("last", "t", delay=2 * HOUR),
    )
    after = settle_all(begun(channels=("EMAIL",)), {"EMAIL": SENT}, plan(steps=steps))
    assert after is not None
    assert (after.step, after.due_at) == ("last", NOON + 3 * HOUR)


def test_a_step_put_in_later_confuses_nobody() -> None:
    """A journey knows its step by name: whoever waits for the reminder still does."""
    reminder = settle_all(begun(channels=("EMAIL",)), {"EMAIL": SENT}, SERVED)
    assert reminder is not None
    longer = plan(steps=(Step("teaser", "t"), *SERVED.steps, Step("last", "t", delay=HOUR)))
    after = settle_all(reminder, {"EMAIL": SENT}, longer)
    assert after is not None
    assert after.step == "last"


def test_a_step_taken_out_ends_the_journey() -> None:
    """What comes after a step that is not there any more nobody can say."""
    reminder = settle_all(begun(channels=("EMAIL",)), {"EMAIL": SENT}, SERVED)
    assert reminder is not None
    shorter = plan(steps=SERVED.steps[:1])
    assert settle_all(reminder, {"EMAIL": suppressed(Reason.EXPIRED)}, shorter) is None


def test_attempts_are_counted_by_channel() -> None:
    """The first one is remembered, for the bound in time."""
    journey = begun(channels=("EMAIL", "PUSH"))
    once = retry(journey, "EMAIL", NOON + 5, NOON + 1)
    twice = retry(once, "EMAIL", NOON + 9, NOON + 6)
    assert once.channel("EMAIL") == OpenChannel("EMAIL", NOON + 5, 1, NOON + 1)
    assert twice.channel("EMAIL") == OpenChannel("EMAIL", NOON + 9, 2, NOON + 1)
    assert twice.channel("PUSH") == journey.channel("PUSH")
    assert names(twice) == ["EMAIL", "PUSH"]


def test_a_channel_is_settled_once() -> None:
    """Who settles it again has lost track."""
    half, _ = settle(begun(channels=("EMAIL", "PUSH")), "EMAIL", SENT, NOON, SERVED)
    assert half is not None
    with pytest.raises(KeyError, match="EMAIL"):
        settle(half, "EMAIL", SENT, NOON, SERVED)
    with pytest.raises(KeyError, match="EMAIL"):
        retry(half, "EMAIL", NOON, NOON)


def test_the_same_history_leaves_the_same_bytes() -> None:
    """Nothing but what it is given decides."""

    def history() -> list[bytes]:
        chosen = load_plan({"channels": {"SMS": "text", "PUSH": "hook", "EMAIL": "mail"}})
        journey, _ = begin(PERSON, NOON, chosen, None)
        states = []
        while journey is not None:
            states.append(journey.to_bytes())
            journey = retry(journey, journey.open[-1].channel, NOON + HOUR, NOON)
            journey, _ = settle(journey, journey.open[0].channel, SENT, NOON + 1, chosen)
        return states

    assert len(history()) == 6
    assert history() == history()
