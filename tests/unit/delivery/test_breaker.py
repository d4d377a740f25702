# SPDX-License-Identifier: Apache-2.0
"""When a receiver is left alone, and when it is tried again."""

import pytest

from delivery.breaker import Breaker, BreakerPlan

PLAN = BreakerPlan(in_a_row=3, window=10, ratio=0.7, pause=5, longest_pause=20, closes_after=2)


class Seconds:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """Seconds."""
        return self.now


def breaker(clock: Seconds) -> Breaker:
    """One whose pauses are exact."""
    return Breaker(PLAN, clock, lambda low, high: (low + high) / 2)


def fail(one: Breaker, times: int = 1) -> None:
    """Messages that fail one after another."""
    for _ in range(times):
        one.passed()
        one.bad()


def test_failures_in_a_row_open_it() -> None:
    """A success in between begins the count anew."""
    one = breaker(Seconds())
    fail(one, 2)
    one.good()
    fail(one, 2)
    assert one.is_closed
    fail(one)
    assert not one.is_closed
    assert one.pause() == 5


def test_mostly_failures_open_it_as_well() -> None:
    """Seven of ten, never three in a row."""
    one = breaker(Seconds())
    for answer in "bbgbbgbbg":
        one.good() if answer == "g" else one.bad()
    assert one.is_closed
    one.bad()
    assert not one.is_closed


def test_one_probe_at_a_time() -> None:
    """After the pause one message may pass; the next waits for its answer."""
    clock = Seconds()
    one = breaker(clock)
    fail(one, 3)
    clock.now += 5
    assert one.pause() == 0
    one.passed()
    assert one.pause() == 5
    one.good()
    assert one.pause() == 0
    assert not one.is_closed
    one.passed()
    one.good()
    assert one.is_closed


@pytest.mark.parametrize(("probes", "pause"), [(1, 10), (2, 20), (3, 20)])
def test_each_failed_probe_doubles_the_pause(probes: int, pause: float) -> None:
    """Up to the longest."""
    clock = Seconds()
    one = breaker(clock)
    fail(one, 3)
    for _ in range(probes):
        clock.now += one.pause()
        fail(one)
    assert one.pause() == pause


def test_those_on_their_way_say_nothing_new() -> None:
    """What fails while it is open does not make the pause longer."""
    one = breaker(Seconds())
    fail(one, 3)
    one.bad()
    one.bad()
    assert one.pause() == 5


def test_an_answer_that_says_nothing_frees_the_probe() -> None:
    """As when the receiver only wants fewer requests."""
    clock = Seconds()
    one = breaker(clock)
    fail(one, 3)
    clock.now += 5
    one.passed()
    one.undone()
    assert one.pause() == 0
