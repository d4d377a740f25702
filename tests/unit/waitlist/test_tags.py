# SPDX-License-Identifier: Apache-2.0
"""Tags, one by one and as a column."""

import numpy as np
import pytest

from waitlist import tags

TAGS = [
    tags.waiting(9, 1 << 40, primary=True),
    tags.waiting(0, 1, primary=False),
    tags.waiting(3, 7, primary=False, parked=True),
    tags.told(5),
    tags.SIGNED_OFF,
]


@pytest.mark.parametrize(("priority", "arrival"), [(0, 1), (9, (1 << 56) - 1)])
@pytest.mark.parametrize("parked_in", [0, 4])
def test_the_tags_of_an_entry(priority: int, arrival: int, parked_in: int) -> None:
    """The profile key's says that it is one; priority, number and parking are in both."""
    parked = parked_in > 0
    assert tags.waiting_pair(priority, arrival, parked_in) == (
        tags.waiting(priority, arrival, primary=True, parked=parked),
        tags.waiting(priority, arrival, primary=False, parked=parked),
    )


def test_columns() -> None:
    """What is said of a column is what is said of each tag."""
    column = np.array(TAGS, np.uint64)
    assert list(map(tags.is_waiting, TAGS)) == tags.are_waiting(column).tolist()
    assert list(map(tags.is_told, TAGS)) == tags.are_told(column).tolist()
    assert list(map(tags.arrival_of, TAGS)) == tags.arrivals_of(column).tolist()
