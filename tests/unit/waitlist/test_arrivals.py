# SPDX-License-Identifier: Apache-2.0
"""What became of each arrival number."""

from itertools import chain

import numpy as np

from tests.support.cramped import cramped
from waitlist.arrivals import Arrivals, day_of

DAY = 86_400_000
NOW = day_of(1_795_000_000_000) + 1000


def _joined(count: int) -> Arrivals:
    arrivals = Arrivals()
    for number in range(1, count + 1):
        arrivals.wait(number)
    return arrivals


def _is_forgotten(arrivals: Arrivals, number: int, told_before: int) -> bool:
    return bool(arrivals.are_forgotten(np.array([number], np.uint64), told_before)[0])


def test_who_waits_is_never_forgotten() -> None:
    """However long ago they joined."""
    assert not _is_forgotten(_joined(1), 1, NOW + 1000 * DAY)


def test_who_was_told_is_forgotten_a_day_late_at_most() -> None:
    """Not before their time, and on the day after it."""
    arrivals = _joined(1)
    arrivals.tell([1], NOW)
    assert [False, False, True] == [
        _is_forgotten(arrivals, 1, before) for before in (NOW, NOW + 1, NOW + DAY)
    ]


def test_who_left_and_who_never_joined_are_forgotten() -> None:
    """Nothing is needed of them."""
    arrivals = _joined(1)
    arrivals.leave(1)
    assert _is_forgotten(arrivals, 1, NOW)
    assert _is_forgotten(arrivals, 10_000_000, NOW)


def test_many_are_asked_about_at_once() -> None:
    """Those who wait, were told lately or long ago, left, or never joined, in any order."""
    arrivals = _joined(3_000)
    arrivals.tell(range(500, 1_500), NOW)
    arrivals.tell(range(1_500, 2_500), NOW + DAY)
    arrivals.leave(7)
    waiting = {*range(1, 500), *range(2_500, 3_001)} - {7}
    told_later = {*range(1_500, 2_500)}
    numbers = [*range(3_000, 0, -1), 10_000_000, 7]
    for before, kept in (
        (NOW, {*range(1, 3_001)} - {7}),
        (NOW + DAY, waiting | told_later),
        (NOW + 2 * DAY, waiting),
    ):
        found = arrivals.are_forgotten(np.array(numbers, np.uint64), before)
        assert [number not in kept for number in numbers] == found.tolist()


def test_a_sweep_keeps_chunks_with_somebody_to_remember() -> None:
    """Those who wait, and those told lately, keep theirs; all others go, once it is their turn."""
    with cramped():
        arrivals = _joined(9)
        arrivals.tell([2, 3, 4], NOW)
        arrivals.tell([8, 9], NOW + DAY)
        arrivals.leave(1)
        for _ in range(20):
            arrivals.sweep(1, NOW + DAY)
        kept = [number for number, _ in chain.from_iterable(arrivals.dump())]
    # Chunks of two: 0-1, 2-3, 4-5, 6-7, 8-9.
    assert [2, 3, 4] == kept


def test_a_sweep_of_nothing_ends() -> None:
    """There may be no chunk at all, or none left."""
    arrivals = Arrivals()
    arrivals.sweep(3, NOW)
    arrivals.wait(1)
    arrivals.leave(1)
    arrivals.sweep(3, NOW)
    assert [] == list(arrivals.dump())


def test_what_was_dumped_goes_on_alike() -> None:
    """Chunks and the sweep's place come back."""
    with cramped():
        arrivals = _joined(9)
        arrivals.sweep(2, NOW)
        copy = Arrivals()
        copy.load(chain.from_iterable(arrivals.dump()), arrivals.swept)
        assert (list(arrivals.dump()), arrivals.swept) == (list(copy.dump()), copy.swept)
