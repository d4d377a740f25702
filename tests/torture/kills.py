# SPDX-License-Identifier: Apache-2.0
"""When and where the program is killed: a plan that follows from the seed alone."""

import random
from dataclasses import dataclass, replace
from itertools import chain
from typing import Final, Literal

from typing_extensions import override

__all__ = ["AIMS", "BIRTH", "Kill", "Kind", "plan_kills"]

Kind = Literal[
    "random", "aimed", "resume", "paused", "stopping", "birth", "hot", "terminated", "fault"
]
"""How a life ends.

* random: killed from outside, at any moment.
* aimed: killed from inside, at a named point.
* resume: killed from inside while it resumes from a kill, which makes two in a row.
* paused: stopped (SIGSTOP) for a moment, and killed a moment later.
* stopping: told to stop (SIGTERM), and killed from inside on its way.
* birth: killed from inside in the very first start of a state.
* hot: killed from inside in the middle of a wave of very many.
* terminated: not killed; told to stop, it must end with exit code 0.
* fault: killed from outside in the middle of a fault of brokers, on top of the kills asked for.
"""

AIMS: Final[dict[str, int]] = {
    "portion": 6,
    "queued": 6,
    "slot-snapshot": 24,
    "slots-done": 6,
    "flushed": 6,
    "told-flushed": 4,
    "snapshots-done": 6,
    "writing-snapshots": 5,
    "between-transactions": 5,
    "committed": 6,
    "noticed": 6,
    "journal:appended": 12,
    "journal:written": 4,
    "journal:synced": 24,
    "journal:rotated": 2,
    "journal:helper-started": 3,
    "journal:base-adopted": 2,
    "journal:unlinked": 3,
    "helper:compact-loaded": 2,
    "helper:compact-written": 2,
    "helper:compact-synced": 2,
    "helper:compact-renamed": 2,
}
"""Points of a life that goes on, with the highest passing that is aimed at."""

_RESUME: Final[dict[str, int]] = {
    "journal:open-loaded": 4,
    "journal:open-cut": 4,
    "journal:open-cleaned": 4,
    "positions": 1,
    "tail-read": 3,
    "tail-known": 1,
}

_STOPPING: Final[dict[str, int]] = {"stopping": 4, "final-commit": 1, "final-committed": 1}

BIRTH: Final[tuple[str, ...]] = (
    "positions",
    "slot-snapshot",
    "slots-done",
    "flushed",
    "snapshots-done",
    "writing-snapshots",
    "between-transactions",
    "birth",
    "born",
)
"""Points of a first start, in the order in which it passes them."""

# What leaves records in the topics that the recovery store does not know of.
_LEAVES_A_TAIL: Final = ("told-flushed", "told-flushed", "told-flushed", "between-transactions")
_IN_A_WAVE: Final = ("portion", "portion", "queued", "told-flushed", "between-transactions")
_KILLS_OF_A_WAVE: Final = 4
_SHARE_OF_HOT: Final = 0.02
_SHARE_COLD: Final = 0.2
"""Of the random ones: those that may strike before the program runs at all."""
_WEIGHTS: Final[dict[Kind, float]] = {"random": 30, "aimed": 42, "resume": 16, "paused": 4,
                                      "stopping": 4, "terminated": 4}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Kill:
    """How one life of the program ends.

    Attributes:
        kind: see `Kind`.
        point: where, for those killed from inside; of a paused or random one "".
        nth: at which passing of the point.
        delay: seconds until it is killed or told to stop from outside.
        warm: whether the delay counts from when the program runs, not from its start.
        pause: seconds for which it is stopped.
        opens_wave: whether a wave of very many starts before it.
    """

    kind: Kind
    point: str = ""
    nth: int = 1
    delay: float = 0.0
    warm: bool = False
    pause: float = 0.0
    opens_wave: bool = False

    @property
    def aim(self) -> str:
        """What the victim is told; "" when nothing."""
        return f"{self.point}:{self.nth}" if self.point else ""

    @override
    def __str__(self) -> str:
        """The words in which a failure names it."""
        return " ".join(filter(None, (self.kind, self.aim)))


def plan_kills(chance: random.Random, count: int, *, hot: bool) -> list[Kill]:
    """Draw how the lives of one state end.

    Args:
        chance: its state is all that the plan depends on.
        count: how many are to be killed; those that are only told to stop come on top.
        hot: whether there are waves of very many.
    """
    # A short plan still has some of everything.
    births = min(len(BIRTH), max(1, count // 12))
    # A life that is cut at a later point may have made the beginning durable: that comes last.
    points = sorted(chance.sample(BIRTH, births), key=BIRTH.index)
    kills = [Kill("birth", point) for point in points]
    waves = max(1, round(count * _SHARE_OF_HOT / _KILLS_OF_A_WAVE)) if hot else 0
    rest = [_wave(chance) for _ in range(waves)]
    # Every plan, however short, has one that only stops.
    rest.append([Kill("terminated", delay=chance.uniform(0, 0.6), warm=True)])
    left = count - births - waves * _KILLS_OF_A_WAVE
    while left > 0:
        group = _group(chance, left)
        rest.append(group)
        left -= sum(kill.kind != "terminated" for kill in group)
    chance.shuffle(rest)
    return kills + list(chain.from_iterable(rest))


def _group(chance: random.Random, left: int) -> list[Kill]:
    (kind,) = chance.choices(list(_WEIGHTS), list(_WEIGHTS.values()))
    if kind == "resume" and left > 1:
        first = _aimed(chance, "aimed", {point: AIMS[point] for point in _LEAVES_A_TAIL})
        return [first, _aimed(chance, "resume", _RESUME)]
    if kind == "stopping":
        aimed = _aimed(chance, "stopping", _STOPPING)
        return [replace(aimed, delay=chance.uniform(0, 0.3))]
    if kind in {"aimed", "resume"}:
        return [_aimed(chance, "aimed", AIMS)]
    cold = kind == "random" and chance.random() < _SHARE_COLD
    pause = chance.uniform(0.05, 1.0) if kind == "paused" else 0.0
    return [Kill(kind, delay=chance.uniform(0, 0.8), warm=not cold, pause=pause)]


def _wave(chance: random.Random) -> list[Kill]:
    kills = []
    for number in range(_KILLS_OF_A_WAVE):
        point = chance.choice(_IN_A_WAVE) if number else "portion"
        nth = chance.randint(1, 6) if point in {"portion", "queued"} else 1
        kills.append(Kill("hot", point, nth, opens_wave=number == 0))
    return kills


def _aimed(chance: random.Random, kind: Kind, points: dict[str, int]) -> Kill:
    point = chance.choice(list(points))
    return Kill(kind, point, chance.randint(1, points[point]))
