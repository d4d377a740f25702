# SPDX-License-Identifier: Apache-2.0
"""What is looked at right before a send, and in which order."""

from typing import Any
from zoneinfo import ZoneInfo

import pytest

from journey.facts import Facts
from journey.journey import SENT, Send, Suppress, Wait, begin, judge, retry, settle
from journey.plan import Plan, Step
from journey.quiet import QuietHours
from journey.reasons import CONDITIONS, Reason
from schemas.fields import Channel
from tests.unit.journey.people import DAY, HOUR, NOON, PERSON, SERVED, begun, plan

NOTHING = Facts()
SIGNED_UP = PERSON.subscribed_at


def test_nothing_known_is_no_reason_not_to_send() -> None:
    """A person of whom nothing else is known is told at once."""
    assert judge(begun(), "EMAIL", NOTHING, NOON, SERVED) == Send()


@pytest.mark.parametrize(
    ("at", "verdict"),
    [(SIGNED_UP - 1, Send()), (SIGNED_UP, Suppress(Reason.UNSUBSCRIBED))],
)
def test_a_sign_off_counts_from_the_sign_up_on(at: int, verdict: Send | Suppress) -> None:
    """Who signed off before signing up again wants to be told."""
    assert judge(begun(), "EMAIL", Facts(signed_off_at=at), NOON, SERVED) == verdict


@pytest.mark.parametrize(
    ("at", "verdict"),
    [(SIGNED_UP - 1, Send()), (SIGNED_UP, Suppress(Reason.ORDERED))],
)
def test_an_order_counts_from_the_sign_up_on(at: int, verdict: Send | Suppress) -> None:
    """An order of long ago does not mean that the person has no wish any more.

    It does not matter whether it reached us before the notification or after.
    """
    assert judge(begun(), "EMAIL", Facts(ordered_at=at), NOON, SERVED) == verdict


@pytest.mark.parametrize(
    ("channel", "consent", "setting", "verdict"),
    [
        ("SMS", (), "implied", Suppress(Reason.NO_CONSENT)),
        ("WHATSAPP", ("SMS",), "implied", Suppress(Reason.NO_CONSENT)),
        ("SMS", ("SMS",), "implied", Send()),
        ("EMAIL", (), "implied", Send()),
        ("EMAIL", ("SMS",), "explicit", Suppress(Reason.NO_CONSENT)),
        ("EMAIL", ("EMAIL",), "explicit", Send()),
        ("PUSH", (), "explicit", Send()),
    ],
)
def test_who_needs_consent(
    channel: Channel, consent: tuple[Channel, ...], setting: str, verdict: Send | Suppress
) -> None:
    """Text messages always need it, mail if it is set so, and push notifications never."""
    chosen = plan(email_consent=setting)
    assert judge(begun(consent=consent), channel, NOTHING, NOON, chosen) == verdict


@pytest.mark.parametrize(
    ("channel", "has_email", "has_phone", "verdict"),
    [
        ("EMAIL", False, True, Suppress(Reason.NO_ADDRESS)),
        ("EMAIL", True, False, Send()),
        ("SMS", True, False, Suppress(Reason.NO_ADDRESS)),
        ("SMS", False, True, Send()),
        ("WHATSAPP", True, False, Suppress(Reason.NO_ADDRESS)),
        ("PUSH", False, False, Send()),
    ],
)
def test_who_needs_an_address(
    channel: Channel,
    has_email: bool,  # noqa: FBT001 - pytest passes them by name
    has_phone: bool,  # noqa: FBT001
    verdict: Send | Suppress,
) -> None:
    """Mail goes to an address, text messages to a number, push notifications to neither."""
    journey = begun(has_email=has_email, has_phone=has_phone)
    assert judge(journey, channel, NOTHING, NOON, SERVED) == verdict


@pytest.mark.parametrize(("late", "verdict"), [(DAY, Send()), (DAY + 1, Suppress(Reason.EXPIRED))])
def test_a_message_expires(late: int, verdict: Send | Suppress) -> None:
    """After `max_age` a message is worse than none; the wave's start counts, not the arrival."""
    journey = begun(now=NOON + late)
    assert judge(journey, "EMAIL", NOTHING, NOON + late, SERVED) == verdict


def test_a_delay_that_is_planned_makes_no_message_old() -> None:
    """A first step that waits two days is sent after two days."""
    slow = plan(steps=(Step("first", "back_in_stock", delay=2 * DAY),))
    journey = begun(slow)
    assert judge(journey, "EMAIL", NOTHING, NOON + 2 * DAY, slow) == Send()
    assert judge(journey, "EMAIL", NOTHING, NOON + 3 * DAY, slow) == Send()
    late = judge(journey, "EMAIL", NOTHING, NOON + 3 * DAY + 1, slow)
    assert late == Suppress(Reason.EXPIRED)


def test_a_digest_is_as_old_as_its_window() -> None:
    """What is gathered for a while does not grow old by it."""
    gathered = plan(digest=2 * DAY)
    journey = begun(gathered)
    assert judge(journey, "EMAIL", NOTHING, NOON + 3 * DAY, gathered) == Send()
    late = judge(journey, "EMAIL", NOTHING, NOON + 3 * DAY + 1, gathered)
    assert late == Suppress(Reason.EXPIRED)


def test_a_digest_that_begins_late_is_late() -> None:
    """After an outage the window opens late; what is days old is not sent for all that."""
    gathered = plan(digest=HOUR)
    late, _ = begin(PERSON, NOON + 3 * DAY, gathered, None)
    assert late is not None
    verdict = judge(late, late.open[0].channel, NOTHING, NOON + 3 * DAY + HOUR, gathered)
    assert verdict == Suppress(Reason.EXPIRED)


def test_a_reminder_expires_from_its_own_time_on() -> None:
    """A reminder is due a day after the first message, and may be a day late."""
    journey, _ = settle(begun(channels=("EMAIL",)), "EMAIL", SENT, NOON, SERVED)
    assert journey is not None
    assert judge(journey, "EMAIL", NOTHING, NOON + 2 * DAY, SERVED) == Send()
    late = judge(journey, "EMAIL", NOTHING, NOON + 2 * DAY + 1, SERVED)
    assert late == Suppress(Reason.EXPIRED)


@pytest.mark.parametrize(
    ("offered", "verdict"), [(True, Send()), (None, Send()), (False, Suppress(Reason.SOLD_OUT))]
)
def test_nobody_is_told_of_what_is_gone(*, offered: bool | None, verdict: Send | Suppress) -> None:
    """What is sold out again is not announced; what nothing is known of, is."""
    assert judge(begun(), "EMAIL", Facts(offered=offered), NOON, SERVED) == verdict


@pytest.mark.parametrize(
    ("span", "ago", "verdict"),
    [
        (7 * DAY, 7 * DAY - 1, Suppress(Reason.RECENTLY_TOLD)),
        (7 * DAY, 7 * DAY, Send()),
        (HOUR, DAY, Send()),
        (0, 0, Send()),
        (0, -1, Send()),
    ],
)
def test_nobody_is_told_too_often(span: int, ago: int, verdict: Send | Suppress) -> None:
    """One message within `recently_told` is enough; 0 turns it off, whatever the clocks say."""
    facts = Facts(told_at=NOON - ago)
    assert judge(begun(), "EMAIL", facts, NOON, plan(recently_told=span)) == verdict


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        (Facts(ordered_at=NOON), Reason.ORDERED),
        (Facts(offered=False), Reason.SOLD_OUT),
        (Facts(told_at=NOON), Reason.RECENTLY_TOLD),
    ],
)
def test_a_step_chooses_its_conditions(facts: Facts, reason: Reason) -> None:
    """Each condition suppresses a step that names it, and none that does not."""
    heeding = plan(steps=(Step("first", "back_in_stock", unless=frozenset({reason})),))
    bypassing = plan(steps=(Step("first", "back_in_stock", unless=CONDITIONS - {reason}),))
    assert judge(begun(), "EMAIL", facts, NOON, heeding) == Suppress(reason)
    assert judge(begun(), "EMAIL", facts, NOON, bypassing) == Send()


def test_the_reminder_is_no_second_message_by_default() -> None:
    """Whoever was told of something else in between is reminded all the same."""
    journey, _ = settle(begun(channels=("EMAIL",)), "EMAIL", SENT, NOON, SERVED)
    assert journey is not None
    now = NOON + DAY
    assert judge(journey, "EMAIL", Facts(told_at=now - HOUR), now, SERVED) == Send()


def test_the_first_reason_that_holds_is_the_one_recorded() -> None:
    """Everything stands against a message; one after the other is taken away."""
    quiet = plan(quiet=QuietHours(0, 23 * 60))
    late = NOON + DAY + 1
    everything: dict[str, Any] = {
        "signed_off_at": NOON,
        "ordered_at": NOON,
        "offered": False,
        "told_at": late,
    }
    remedies: list[tuple[Reason, dict[str, Any], dict[str, Any]]] = [
        (Reason.UNSUBSCRIBED, {"signed_off_at": None}, {}),
        (Reason.ORDERED, {"ordered_at": None}, {}),
        (Reason.NO_CONSENT, {}, {"consent": ("SMS",)}),
        (Reason.NO_ADDRESS, {}, {"has_phone": True}),
        (Reason.EXPIRED, {}, {"triggered_at": late}),
        (Reason.SOLD_OUT, {"offered": True}, {}),
        (Reason.RECENTLY_TOLD, {"told_at": None}, {}),
    ]
    person: dict[str, Any] = {"consent": (), "has_phone": False}
    for reason, fact, change in remedies:
        facts = Facts(**everything)
        verdict = judge(begun(quiet, late, **person), "SMS", facts, late, quiet)
        assert verdict == Suppress(reason)
        everything |= fact
        person |= change
    verdict = judge(begun(quiet, late, **person), "SMS", NOTHING, late, quiet)
    assert verdict == Wait(NOON + DAY + 11 * HOUR)


def test_quiet_hours_delay_and_do_not_suppress() -> None:
    """In the evening a message waits for the morning, and is judged again then."""
    quiet = plan(quiet=QuietHours(21 * 60, 8 * 60))
    evening, morning = NOON + 9 * HOUR, NOON + 20 * HOUR
    journey = begun(quiet, evening, triggered_at=evening)
    assert judge(journey, "EMAIL", NOTHING, evening, quiet) == Wait(morning)
    assert judge(journey, "EMAIL", NOTHING, morning, quiet) == Send()
    ordered = judge(journey, "EMAIL", Facts(ordered_at=evening), morning, quiet)
    assert ordered == Suppress(Reason.ORDERED)


def test_quiet_hours_are_for_some_channels() -> None:
    """Mail wakes nobody up, if the shop thinks so."""
    quiet = plan(quiet=QuietHours(21 * 60, 8 * 60), quiet_channels=frozenset({"SMS"}))
    evening = NOON + 9 * HOUR
    journey = begun(quiet, evening)
    assert judge(journey, "EMAIL", NOTHING, evening, quiet) == Send()
    assert judge(journey, "SMS", NOTHING, evening, quiet) == Wait(NOON + 20 * HOUR)


@pytest.mark.parametrize(
    ("market", "until"), [("JP", NOON + 11 * HOUR), ("SE", None), (None, None)]
)
def test_the_clock_of_the_persons_market_counts(market: str | None, until: int | None) -> None:
    """When it is noon in UTC it is nine in the evening in Japan; else the account's zone counts."""
    quiet: Plan = plan(quiet=QuietHours(21 * 60, 8 * 60), time_zones={"JP": ZoneInfo("Asia/Tokyo")})
    verdict = judge(begun(quiet, market=market), "SMS", NOTHING, NOON, quiet)
    assert verdict == (Send() if until is None else Wait(until))


def test_nothing_is_sent_before_it_is_due() -> None:
    """Neither before the step's time, nor before the next attempt."""
    slow = plan(steps=(Step("first", "back_in_stock", delay=HOUR),))
    journey = begun(slow)
    assert judge(journey, "EMAIL", NOTHING, NOON, slow) == Wait(NOON + HOUR)
    assert judge(journey, "EMAIL", NOTHING, NOON + HOUR, slow) == Send()
    again = retry(journey, "EMAIL", NOON + 2 * HOUR, NOON + HOUR)
    assert judge(again, "EMAIL", NOTHING, NOON + HOUR, slow) == Wait(NOON + 2 * HOUR)
    assert judge(again, "SMS", NOTHING, NOON + HOUR, slow) == Send()


def test_a_step_that_the_plan_no_longer_has_expires() -> None:
    """Taking the reminder out of the plan ends what waits for it."""
    journey, _ = settle(begun(channels=("EMAIL",)), "EMAIL", SENT, NOON, SERVED)
    assert journey is not None
    shorter = plan(steps=SERVED.steps[:1])
    verdict = judge(journey, "EMAIL", NOTHING, NOON + DAY, shorter)
    assert verdict == Suppress(Reason.EXPIRED)


def test_a_channel_that_is_not_open_is_a_mistake() -> None:
    """Who asks about it has lost track."""
    with pytest.raises(KeyError, match="SMS"):
        judge(begun(channels=("EMAIL",)), "SMS", NOTHING, NOON, SERVED)
