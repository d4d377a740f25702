# SPDX-License-Identifier: Apache-2.0
"""A person told at a fixed time, and a plan that serves everybody, for tests to vary."""

from dataclasses import replace
from typing import Any, Final

from journey.journey import Journey, Notified, begin
from journey.plan import Plan

__all__ = ["DAY", "HOUR", "MINUTE", "NOON", "PERSON", "SERVED", "begun", "plan"]

MINUTE: Final = 60_000
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

NOON: Final = 1_795_003_200_000
"""2026-11-18T12:00:00Z: when everybody here is told."""

PERSON: Final = Notified(
    id="0123456789abcdef0123456789abcdef",
    variant_id="SKU-MED",
    product_id="SKU",
    profile_key="id:7",
    channels=("EMAIL", "SMS", "PUSH", "WHATSAPP"),
    consent=("EMAIL", "SMS", "PUSH", "WHATSAPP"),
    has_email=True,
    has_phone=True,
    market=None,
    subscribed_at=NOON - DAY,
    triggered_at=NOON,
)

SERVED: Final = Plan(routes={"EMAIL": "mail", "SMS": "text", "PUSH": "hook", "WHATSAPP": "hook"})


def plan(**changes: Any) -> Plan:  # noqa: ANN401 - fields of a plan
    """A plan that serves everybody, but for the changes."""
    return replace(SERVED, **changes)


def begun(plan: Plan = SERVED, now: int = NOON, **changes: Any) -> Journey:  # noqa: ANN401
    """The journey of a person of whom some fields are changed."""
    journey, _ = begin(replace(PERSON, **changes), now, plan, None)
    assert journey is not None
    return journey
