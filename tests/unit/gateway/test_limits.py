# SPDX-License-Identifier: Apache-2.0
"""How often callers may come: fixed windows of a second and a minute, each caller's own."""

from gateway.limits import FixedWindows


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 600.0

    def __call__(self) -> float:
        """The time, in seconds."""
        return self.now


def test_within_a_second_only_the_burst() -> None:
    """One more waits for the next second, and does not count."""
    clock = Clock()
    windows = FixedWindows(2, 100, clock)
    assert [None, None, 1] == [windows.take("a").retry_after for _ in range(3)]
    clock.now += 1
    assert [None, None, 1] == [windows.take("a").retry_after for _ in range(3)]


def test_within_a_minute_only_the_steady_rate() -> None:
    """Whoever has used up the minute waits for its end, and is told how long."""
    clock = Clock()
    windows = FixedWindows(0, 3, clock)
    clock.now += 17.5
    taken = [windows.take("a") for _ in range(4)]
    assert [None, None, None, 43] == [each.retry_after for each in taken]
    assert ["2", "1", "0", "0"] == [each.headers["RateLimit-Remaining"] for each in taken]
    assert {"3"} == {each.headers["RateLimit-Limit"] for each in taken}
    assert {"43"} == {each.headers["RateLimit-Reset"] for each in taken}
    clock.now += 42.5
    assert windows.take("a").retry_after is None


def test_callers_do_not_share() -> None:
    """One who calls too often keeps nobody else out."""
    windows = FixedWindows(1, 1, Clock())
    assert windows.take("a").retry_after is None
    assert windows.take("a").retry_after == 60
    assert windows.take("b").retry_after is None


def test_without_limits_nothing_is_said_of_them() -> None:
    """A limit of 0 is none."""
    windows = FixedWindows(0, 0, Clock())
    assert [({}, None)] * 1_000 == [
        (allowed.headers, allowed.retry_after) for allowed in map(windows.take, ["a"] * 1_000)
    ]


def test_whoever_was_not_seen_for_longest_is_forgotten() -> None:
    """A million addresses take no more memory than a hundred thousand."""
    windows = FixedWindows(1, 1, Clock())
    for number in range(100_001):
        assert windows.take(str(number)).retry_after is None
    assert windows.take("0").retry_after is None
    assert windows.take("100000").retry_after == 60
