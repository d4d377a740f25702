# SPDX-License-Identifier: Apache-2.0
"""The way in: how a journey begins, what is sent when, and how it goes on until it is over.

A notification's journey goes through the steps of the plan. A step goes by several channels, each
of which is judged, perhaps tried several times, and settled. Once all are settled the next step
follows if one of them was sent; else the journey is over.
"""

from dataclasses import replace
from typing import Final

from journey.judging import Send, Suppress, Verdict, Wait, judge
from journey.messages import companions, message_id
from journey.notified import Notified, notified_of
from journey.outcomes import FAILED, SENT, Outcome, Settled, suppressed
from journey.plan import Plan, Step
from journey.reasons import Reason
from journey.state import Journey, OpenChannel
from schemas.fields import Channel

__all__ = [
    "FAILED",
    "SENT",
    "Journey",
    "Notified",
    "OpenChannel",
    "Outcome",
    "Send",
    "Settled",
    "Suppress",
    "Verdict",
    "Wait",
    "begin",
    "companions",
    "judge",
    "message_id",
    "notified_of",
    "retry",
    "settle",
    "suppressed",
]

_CLOSING: Final = frozenset({Reason.NO_CONSENT, Reason.NO_ADDRESS, Reason.UNSUBSCRIBED})
"""What holds for a channel of one step holds for the later ones too."""


def begin(
    notified: Notified, now: int, plan: Plan, digest_due: int | None
) -> tuple[Journey | None, list[Settled]]:
    """Begin the journey of a notification.

    Args:
        notified: the notification.
        now: when it arrived, in epoch milliseconds.
        plan: the plan in force.
        digest_due: when the person's open digest is due; None: there is none.

    Returns:
        The journey (None: no channel leads to the person) and the channels that the first step
        does not go by.
    """
    step = plan.steps[0]
    due_at = now + step.delay
    if plan.digest:
        due_at = now + plan.digest if digest_due is None else digest_due
    served = tuple(channel for channel in notified.channels if plan.serves(step, channel))
    settled = [
        Settled(step.name, channel, suppressed(Reason.NO_CHANNEL))
        for channel in notified.channels
        if channel not in served
    ]
    if not served:
        return None, settled
    return Journey(notified, step.name, due_at, _opened(served, due_at)), settled


def settle(
    journey: Journey, channel: Channel, outcome: Outcome, now: int, plan: Plan
) -> tuple[Journey | None, list[Settled]]:
    """Settle an open channel of a journey's step.

    Args:
        journey: the journey.
        channel: an open channel of it.
        outcome: what became of it.
        now: epoch milliseconds.
        plan: the plan in force.

    Returns:
        The journey (None: it is over) and what was settled.

    Raises:
        KeyError: the channel is not open.
    """
    done = journey.channel(channel)
    *before, sent = journey.sent
    changed = Journey(
        journey.notified,
        journey.step,
        journey.due_at,
        tuple(opened for opened in journey.open if opened is not done),
        (*before, (*sent, channel)) if outcome == SENT else journey.sent,
        (*journey.closed, channel) if _closes(outcome) else journey.closed,
    )
    onward = changed if changed.open else _next_step(changed, now, plan)
    return onward, [Settled(journey.step, channel, outcome)]


def retry(journey: Journey, channel: Channel, at: int, now: int) -> Journey:
    """Put an open channel off after an attempt that failed.

    Args:
        journey: the journey.
        channel: an open channel of it.
        at: when to try again, in epoch milliseconds.
        now: when the attempt was made.

    Raises:
        KeyError: the channel is not open.
    """
    tried = journey.channel(channel)
    first = now if tried.first_attempt_at is None else tried.first_attempt_at
    return journey.with_channel(
        replace(tried, attempts=tried.attempts + 1, first_attempt_at=first, next_at=at)
    )


def _opened(channels: tuple[Channel, ...], due_at: int) -> tuple[OpenChannel, ...]:
    return tuple(OpenChannel(channel, due_at) for channel in channels)


def _closes(outcome: Outcome) -> bool:
    return outcome == FAILED or outcome.reason in _CLOSING


def _next_step(journey: Journey, now: int, plan: Plan) -> Journey | None:
    """Go on with the next step that has channels left; None: there is none, or no reason to.

    A step without channels takes its time all the same: nobody is reminded earlier for want of a
    channel.
    """
    if not journey.sent[-1]:
        return None
    due_at = now
    for step in _steps_after(journey.step, plan):
        due_at += step.delay
        left = tuple(
            channel
            for channel in journey.notified.channels
            if plan.serves(step, channel) and channel not in journey.closed
        )
        if left:
            return replace(
                journey,
                step=step.name,
                due_at=due_at,
                open=_opened(left, due_at),
                sent=(*journey.sent, ()),
            )
    return None


def _steps_after(name: str, plan: Plan) -> tuple[Step, ...]:
    names = [step.name for step in plan.steps]
    return plan.steps[names.index(name) + 1 :] if name in names else ()
