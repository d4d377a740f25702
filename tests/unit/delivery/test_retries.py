# SPDX-License-Identifier: Apache-2.0
"""When a message is tried again."""

import random

from hypothesis import given
from hypothesis import strategies as st

from delivery.retries import Retries

MINUTE = 60_000


def retries(share: float) -> Retries:
    """Pauses that are always the same share of the longest possible."""
    return Retries(5_000, 10 * MINUTE, 60 * MINUTE, lambda low, high: low + share * (high - low))


def test_pauses_double_up_to_the_longest() -> None:
    """The longest that chance may choose: 5, 10, 20 s ... ten minutes."""
    pauses = [retries(1).next_at(attempts, 0, 0, None) for attempts in range(1, 10)]
    assert pauses == [5_000 * 2**n for n in range(7)] + [10 * MINUTE] * 2


def test_the_whole_pause_is_left_to_chance() -> None:
    """Full jitter: those who failed together do not come back together."""
    assert retries(0).next_at(5, 0, 7, None) == 7
    uniform = random.Random(1).uniform
    spread = {Retries(5_000, MINUTE, MINUTE, uniform).next_at(3, 0, 0, None) for _ in range(100)}
    assert len(spread) > 90


def test_what_the_receiver_asks_for_is_kept_to() -> None:
    """Never earlier, even where it is longer than any pause of ours; and not all at once."""
    assert retries(0).next_at(1, 0, 0, 1_800.0) == 30 * MINUTE
    assert retries(1).next_at(1, 0, 0, 1_800.0) == 30 * MINUTE + 5_000


def test_the_time_is_up_in_the_end() -> None:
    """Counted from the first attempt."""
    assert retries(1).next_at(1, 0, 60 * MINUTE - 5_000, None) == 60 * MINUTE
    assert retries(1).next_at(1, 0, 60 * MINUTE - 4_999, None) is None


@given(st.integers(1, 10_000), st.integers(0, 10**15), st.floats(0, 1))
def test_never_back_in_time(attempts: int, now: int, share: float) -> None:
    """However many attempts there were."""
    at = retries(share).next_at(attempts, now, now, None)
    assert at is not None
    assert now <= at <= now + 10 * MINUTE
