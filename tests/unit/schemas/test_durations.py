# SPDX-License-Identifier: Apache-2.0
"""Durations: what they mean, and what is none."""

import pytest

from schemas.durations import MILLISECONDS, parse_duration


@pytest.mark.parametrize(
    ("value", "duration"),
    [("250ms", 250), ("10m", 600_000), ("0s", 0), (7, 7_000), ("36500d", 36_500 * 86_400_000)],
)
def test_what_a_duration_is(value: object, duration: int) -> None:
    """Digits and a unit, or a whole number of seconds."""
    assert parse_duration(value) == duration


@pytest.mark.parametrize("value", ["", "10", "m", "1.5h", "-1s", "1 s", "٣s", -1, 1.0, True, None])
def test_what_is_no_duration(value: object) -> None:
    """Nothing is guessed."""
    with pytest.raises(ValueError, match="must be a duration such as"):
        parse_duration(value)


@pytest.mark.parametrize("unit", MILLISECONDS)
def test_a_duration_has_an_end(unit: str) -> None:
    """A hundred years are enough."""
    with pytest.raises(ValueError, match="must be at most 36500d"):
        parse_duration(f"{36_500 * MILLISECONDS['d'] + 1}{unit}")
