# SPDX-License-Identifier: Apache-2.0
"""How the stock of each kind of item goes, in the seconds of a sale of natural length.

Quantities follow from how many wait, so that every item takes several waves whatever the number of
people, and everybody who signed up in time has been told at the end.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil
from random import Random

__all__ = ["Figure", "restocks", "sell_out"]


@dataclass(frozen=True, slots=True)
class Figure:
    """A stock figure at a time.

    Attributes:
        at: Seconds of the natural sale.
        quantity: The total over all locations.
        note: One line for people, where the figure shows something; else empty.
    """

    at: float
    quantity: int
    note: str = ""


def sell_out(random: Random) -> list[Figure]:
    """Return the figures of the first act: some at the start, none before two seconds are over."""
    quantity = random.randrange(30, 90)
    falls = sorted(random.uniform(0.3, 1.6) for _ in range(3))
    levels = [quantity * 2 // 3, quantity // 3, random.randrange(1, 6)]
    figures = [Figure(0.0, quantity)]
    figures += [Figure(at, level) for at, level in zip(falls, levels, strict=True)]
    return [*figures, Figure(random.uniform(1.7, 2.0), 0, "sold out")]


def restocks(course: str, waiting: int, number: int) -> list[Figure]:
    """Return the figures of the acts after the sign-ups.

    Args:
        course: The item's course.
        waiting: How many people wait for it.
        number: Which of the items with this course it is, from 0: they do not move in step.
    """
    return _COURSES[course](waiting, number * 0.3)


def _units(waiting: int, share: float, per_unit: int) -> int:
    return max(1, ceil(waiting * share / per_unit))


def _drop(waiting: int, later: float) -> list[Figure]:
    return [
        Figure(8.0 + later, _units(waiting, 0.3, 5)),
        Figure(9.2 + later, _units(waiting, 0.2, 5)),
        Figure(11.4 + later, 0),
        Figure(13.0 + later, _units(waiting, 0.3, 5)),
    ]


def _threshold(waiting: int, later: float) -> list[Figure]:
    return [
        Figure(9.0 + later, 6, "6 back, its rule says from 10: nobody is told"),
        Figure(10.6 + later, max(10, _units(waiting, 0.4, 4))),
    ]


def _flapping(waiting: int, later: float) -> list[Figure]:
    return [
        Figure(8.6 + later, 2, "2 turn up ..."),
        Figure(9.1 + later, 0, "... gone before its rule trusts them: nobody is told"),
        Figure(11.2 + later, _units(waiting, 0.4, 3)),
    ]


def _scarce(waiting: int, later: float) -> list[Figure]:
    return [
        Figure(9.5 + later, _units(waiting, 0.3, 1)),
        Figure(10.4 + later, _units(waiting, 0.2, 1)),
        Figure(12.2 + later, 0),
        Figure(14.0 + later, _units(waiting, 0.35, 1)),
    ]


def _everyone(_waiting: int, later: float) -> list[Figure]:
    # The second of them comes back an act later.
    return [Figure(8.7 if later == 0 else 13.6, 240)]


_COURSES: Mapping[str, Callable[[int, float], list[Figure]]] = {
    "drop": _drop,
    "everyone": _everyone,
    "flapping": _flapping,
    "scarce": _scarce,
    "threshold": _threshold,
}
