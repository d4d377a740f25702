# SPDX-License-Identifier: Apache-2.0
"""Which wave took whom, known from where it cut the lines."""

from waitlist import tags
from waitlist.told import TakenWave, taken_by

FIRST = TakenWave(1, 100, 10, 0, ((0, 50, 5),))
"""It took from the line of priority 0 up to the fifth arrival, when ten had joined."""


def _tag(number: int, priority: int = 0, *, parked: bool = False) -> int:
    return tags.waiting(priority, number, primary=True, parked=parked)


def test_who_stood_before_the_cut_was_taken() -> None:
    """Earlier, or as early with a lower number; the last one included."""
    assert FIRST.took(49, _tag(9))
    assert FIRST.took(50, _tag(5))
    assert not FIRST.took(50, _tag(6))
    assert not FIRST.took(51, _tag(1))


def test_other_lines_were_not_cut() -> None:
    """A priority from which nobody was taken."""
    assert not FIRST.took(1, _tag(1, priority=3))


def test_who_joined_later_was_not_taken() -> None:
    """Though dated before the cut."""
    assert not FIRST.took(1, _tag(11))


def test_the_parked_of_its_cycle_were_stepped_over() -> None:
    """Those parked in an earlier cycle, with lower numbers, were in the line again."""
    wave = TakenWave(2, 200, 10, 7, ((0, 50, 9),))
    assert not wave.took(1, _tag(8, parked=True))
    assert wave.took(1, _tag(8))
    assert wave.took(1, _tag(6, parked=True))


def test_the_first_wave_that_could_have_taken_somebody_did() -> None:
    """Later ones cover the same part of the line, and found it empty."""
    later = TakenWave(1, 300, 20, 0, ((0, 60, 15),))
    assert FIRST is taken_by([FIRST, later], 40, _tag(3))
    assert later is taken_by([FIRST, later], 40, _tag(12))
    assert taken_by([FIRST, later], 70, _tag(16)) is None
