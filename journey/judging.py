# SPDX-License-Identifier: Apache-2.0
"""What is looked at right before a send, in its order: the first that holds decides."""

from dataclasses import dataclass

from journey.channels import BY_PHONE
from journey.facts import Facts
from journey.notified import Notified
from journey.plan import Plan, Step
from journey.reasons import Reason
from journey.state import Journey
from schemas.fields import Channel

__all__ = ["Send", "Suppress", "Verdict", "Wait", "judge"]


@dataclass(frozen=True, slots=True)
class Send:
    """The message is to be sent now."""


@dataclass(frozen=True, slots=True)
class Suppress:
    """The message is not to be sent, neither now nor later.

    Attributes:
        reason: why.
    """

    reason: Reason


@dataclass(frozen=True, slots=True)
class Wait:
    """The message is to be judged again later.

    Attributes:
        until: when, in epoch milliseconds.
    """

    until: int


Verdict = Send | Suppress | Wait
"""What is to be done with a message."""


def judge(journey: Journey, channel: Channel, facts: Facts, now: int, plan: Plan) -> Verdict:
    """Return what is to be done with the message of a journey's step by one of its open channels.

    A step that the plan no longer has is suppressed as expired, a channel that it does not allow
    any more as none.

    Args:
        journey: the journey.
        channel: an open channel of it.
        facts: what is known of the person and the variant.
        now: epoch milliseconds.
        plan: the plan in force.

    Raises:
        KeyError: the channel is not open.
    """
    opened = journey.channel(channel)
    step = plan.step(journey.step)
    if step is None:
        return Suppress(Reason.EXPIRED)
    if not step.allows(channel):
        return Suppress(Reason.NO_CHANNEL)
    reason = _unwelcome(journey.notified, channel, facts, step, plan) or _untimely(
        journey, facts, now, step, plan
    )
    if reason is not None:
        return Suppress(reason)
    quiet_until = _quiet_until(journey.notified.market, channel, now, plan)
    if quiet_until is not None:
        return Wait(quiet_until)
    return Wait(opened.next_at) if now < opened.next_at else Send()


def _unwelcome(
    notified: Notified, channel: Channel, facts: Facts, step: Step, plan: Plan
) -> Reason | None:
    """Why the person is not to be told by the channel, whatever the time."""
    if _since_signing_up(facts.signed_off_at, notified):
        return Reason.UNSUBSCRIBED
    if Reason.ORDERED in step.unless and _since_signing_up(facts.ordered_at, notified):
        return Reason.ORDERED
    if _needs_consent(channel, plan) and channel not in notified.consent:
        return Reason.NO_CONSENT
    if not _has_address(notified, channel):
        return Reason.NO_ADDRESS
    return None


def _untimely(journey: Journey, facts: Facts, now: int, step: Step, plan: Plan) -> Reason | None:
    """Why the message makes no sense now."""
    if now > _planned_at(journey, step, plan) + plan.max_age:
        return Reason.EXPIRED
    if Reason.SOLD_OUT in step.unless and facts.offered is False:
        return Reason.SOLD_OUT
    if Reason.RECENTLY_TOLD in step.unless and _recently_told(facts.told_at, now, plan):
        return Reason.RECENTLY_TOLD
    return None


def _since_signing_up(moment: int | None, notified: Notified) -> bool:
    return moment is not None and moment >= notified.subscribed_at


def _needs_consent(channel: Channel, plan: Plan) -> bool:
    return channel in BY_PHONE or (channel == "EMAIL" and plan.email_consent == "explicit")


def _has_address(notified: Notified, channel: Channel) -> bool:
    if channel == "EMAIL":
        return notified.has_email
    return notified.has_phone or channel not in BY_PHONE


def _planned_at(journey: Journey, step: Step, plan: Plan) -> int:
    """When the message would be sent if nothing were late."""
    if step is not plan.steps[0]:
        return journey.due_at
    planned = journey.notified.triggered_at + step.delay
    # A digest waits for its window, but one that begins late is late.
    return min(max(planned, journey.due_at), planned + plan.digest)


def _recently_told(told_at: int | None, now: int, plan: Plan) -> bool:
    return plan.recently_told > 0 and told_at is not None and told_at > now - plan.recently_told


def _quiet_until(market: str | None, channel: Channel, now: int, plan: Plan) -> int | None:
    if plan.quiet is None or channel not in plan.quiet_channels:
        return None
    return plan.quiet.ends_at(now, plan.zone_of(market))
