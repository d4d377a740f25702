# SPDX-License-Identifier: Apache-2.0
"""What a torture run of delivery writes, and when it kills: all of it follows from a seed."""

import json
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from schemas.timestamps import format_timestamp
from tests.support.offices import notification

__all__ = ["HOT", "Kill", "Objection", "Planned", "plan_feed", "plan_kills"]

HOT: Final = "HOT"
"""The variant that two of five people wait for."""

_HOT_SHARE: Final = 0.4
_PER_VARIANT: Final = 60
_BY_MAIL: Final = 0.75
_BY_BOTH: Final = 0.05
_ORDERED: Final = 0.04
_SIGNED_OFF: Final = 0.02
_WAVE: Final = 500
"""Notifications, of all variants together, that are triggered at the same moment."""

_KINDS: Final = ("start", "intake", "intake", "answer", "answer", "settling", "settling")
_LONGEST_DELAY: Final[Mapping[str, float]] = {
    "start": 2.0,
    "intake": 0.5,
    "answer": 0.0,
    "settling": 0.02,
}
_LAST_PART: Final = 0.95


@dataclass(frozen=True, slots=True)
class Planned:
    """A notification.

    Attributes:
        id: its own.
        person: the profile's id; of nobody else.
        variant: what it is about.
        channels: EMAIL, PUSH, or both.
        value: the record's value.
    """

    id: str
    person: str
    variant: str
    channels: tuple[str, ...]
    value: bytes


@dataclass(frozen=True, slots=True)
class Objection:
    """Something after which somebody is not to be told.

    Attributes:
        reason: "ordered" or "unsubscribed".
        about: the notification's id.
        key: of the record.
        value: of the record.
    """

    reason: Literal["ordered", "unsubscribed"]
    about: str
    key: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Kill:
    """When the program is killed.

    Attributes:
        kind: start: some time after its start; intake: while new notifications come; answer: when
            a receiver has a message, before it answers; settling: after such an answer.
        after: receipts there are in all by then; a start waits for none.
        delay: seconds between that moment and the kill.
    """

    kind: str
    after: int
    delay: float


def plan_feed(seed: int, count: int, now: int) -> list[Planned | Objection]:
    """Everything that is written, in its order: notifications, and among them what objects.

    Args:
        seed: what is drawn follows from it.
        count: of notifications.
        now: when the first wave is triggered, in epoch milliseconds.
    """
    random_ = random.Random(seed)
    planned = list(_notifications(random_, count, now))
    feed: list[tuple[float, Planned | Objection]] = list(enumerate(planned))
    for each in planned:
        drawn = random_.random()
        if drawn < _ORDERED:
            feed.append((random_.uniform(0, count), _order(each, now)))
        elif drawn < _ORDERED + _SIGNED_OFF:
            feed.append((random_.uniform(0, count), _sign_off(each, now)))
    return [what for _, what in sorted(feed, key=lambda pair: pair[0])]


def plan_kills(seed: int, count: int, messages: int) -> list[Kill]:
    """Kills that are spread over a run.

    Args:
        seed: what is drawn follows from it.
        count: of kills.
        messages: how many are sure to be received.
    """
    random_ = random.Random(seed)
    last = int(messages * _LAST_PART)
    moments = sorted(random_.randrange(1, last) for _ in range(count))
    kinds = [_KINDS[number % len(_KINDS)] for number in range(count)]
    random_.shuffle(kinds)
    return [
        Kill(kind, moment, random_.uniform(0, _LONGEST_DELAY[kind]))
        for kind, moment in zip(kinds, moments, strict=True)
    ]


def _notifications(random_: random.Random, count: int, now: int) -> Iterator[Planned]:
    others = [f"V{number:04}" for number in range(max(1, count // _PER_VARIANT))]
    in_wave: Counter[str] = Counter()
    for number in range(count):
        if number % _WAVE == 0:
            in_wave.clear()
        variant = HOT if random_.random() < _HOT_SHARE else random_.choice(others)
        in_wave[variant] += 1
        person = f"p{number}"
        channels = _channels(random_)
        wave_at = now + number // _WAVE
        value = notification(person, variant, in_wave[variant], wave_at, channels=channels)
        known = json.loads(value)["id"]
        yield Planned(known, person, variant, tuple(channels), value)


def _channels(random_: random.Random) -> Sequence[str]:
    if random_.random() < _BY_BOTH:
        return ["EMAIL", "PUSH"]
    return ["EMAIL"] if random_.random() < _BY_MAIL else ["PUSH"]


def _order(planned: Planned, now: int) -> Objection:
    value = {
        "order_id": f"order of {planned.person}",
        "profile": {"email": f"{planned.person}@example.com"},
        "items": [{"variant_id": planned.variant}],
        "occurred_at": format_timestamp(now),
    }
    return Objection("ordered", planned.id, planned.person, json.dumps(value).encode())


def _sign_off(planned: Planned, now: int) -> Objection:
    value = {
        "type": "unsubscribe",
        "variant_id": planned.variant,
        "profile": {"id": planned.person},
        "occurred_at": format_timestamp(now),
    }
    return Objection("unsubscribed", planned.id, planned.variant, json.dumps(value).encode())
