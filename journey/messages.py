# SPDX-License-Identifier: Apache-2.0
"""How messages are named, and which journeys share one."""

from collections.abc import Iterable

from journey.plan import Plan
from journey.state import Journey
from schemas.fields import Channel

__all__ = ["companions", "message_id"]


def message_id(notified_id: str, step: str, channel: Channel, plan: Plan) -> str:
    """Return the idempotency key of a message: the same at every attempt.

    It is the notification's id; followed by the step's name if it is not the first step; followed
    by the channel in lower case if more than one channel that the step may go by is served by the
    same sink.

    Args:
        notified_id: id of the notification.
        step: name of a step of the plan.
        channel: a channel that a sink serves.
        plan: the plan in force.

    Raises:
        KeyError: the plan has no such step, or no sink for the channel.
    """
    chosen = plan.step(step)
    if chosen is None:
        raise KeyError(step)
    sink = plan.routes[channel]
    sharing = [
        other for other, name in plan.routes.items() if name == sink and chosen.allows(other)
    ]
    parts = [notified_id]
    if chosen is not plan.steps[0]:
        parts.append(step)
    if len(sharing) > 1:
        parts.append(channel.lower())
    return ".".join(parts)


def companions(
    journeys: Iterable[Journey], chosen: Journey, channel: Channel, plan: Plan
) -> tuple[Journey, ...]:
    """Return the journeys that one message tells of, the oldest wave first, ties by id.

    Without digests it is the chosen one alone; with them it is all of the same step that fall due
    at the same time and for which the channel is open.

    Args:
        journeys: those of one person, the chosen one among them.
        chosen: the one whose message is to be sent.
        channel: an open channel of it.
        plan: the plan in force.
    """
    if not plan.digest:
        return (chosen,)
    gathered = [
        journey
        for journey in journeys
        if (journey.step, journey.due_at) == (chosen.step, chosen.due_at)
        and any(opened.channel == channel for opened in journey.open)
    ]
    return tuple(sorted(gathered, key=_age))


def _age(journey: Journey) -> tuple[int, str]:
    return journey.notified.triggered_at, journey.notified.id
