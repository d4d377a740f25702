# SPDX-License-Identifier: Apache-2.0
"""Who of those who asked for a variant waits for it: docs/semantics.md section 3, by times alone.

The flow sees sign-ups and waves in one order. Here the records of two topics come in any order, so
nothing may hang on which was read first: what being told does to a sign-up follows from its times,
and sign-ups that were ignored because the same person waited already are kept until it is known
what became of that one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Candidate", "answers", "is_expired", "who_waits"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sign-up of one person (profile key) for one variant that no marker stands against.

    Attributes:
        number: rises in the order in which sign-ups and sign-offs arrived.
        occurred_at: when they asked, in epoch milliseconds.
        arrival: when Kafka got it.
        expires_at: from when on it is void; None: never.
        ended: the number that was next when a sign-off ended it; None: none did.
    """

    number: int
    occurred_at: int
    arrival: int
    expires_at: int | None
    ended: int | None


def is_expired(expires_at: int | None, now: int) -> bool:
    """Whether what is void from a time on is so now."""
    return expires_at is not None and now >= expires_at


def answers(
    told_at: int, subscribed_at: int | None, candidate: Candidate, *, remember: int
) -> bool:
    """Whether somebody's being told ends a sign-up that shares an identifier with it.

    Args:
        told_at: when their wave started.
        subscribed_at: of the sign-up that was told, when it was made under the same profile key;
            None: under another.
        candidate: the sign-up.
        remember: for how long it counts against later sign-ups, in milliseconds.
    """
    # Clocks of two machines may say that somebody was told before they had asked.
    told_at = max(told_at, subscribed_at or 0)
    if candidate.arrival <= told_at:
        # Of a profile key one waited, and that one was told; of another key both did.
        return subscribed_at is not None
    if candidate.arrival - told_at > remember:
        return False
    return candidate.occurred_at <= told_at


def who_waits(candidates: Sequence[Candidate]) -> Candidate | None:
    """Return the sign-up by which a person waits, expired or not.

    Args:
        candidates: of one profile key and variant, in the order of their numbers.
    """
    waiting: Candidate | None = None
    for each in candidates:
        if waiting is not None and (
            is_expired(waiting.expires_at, each.arrival)
            or (waiting.ended is not None and waiting.ended <= each.number)
        ):
            waiting = None
        if waiting is None or each.occurred_at < waiting.occurred_at:
            waiting = each
    return None if waiting is None or waiting.ended is not None else waiting
