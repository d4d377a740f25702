# SPDX-License-Identifier: Apache-2.0
"""The product decides what the reference model decides, on traces that are made to be awkward.

A failure prints the seed, the difference and a shortened trace; ``python -m tests.hunt --seed SEED
--count 1`` shows it again.
"""

import random

import pytest

from tests.hunt import explain
from tests.support.compare import differ_in_replay, differ_side_by_side
from tests.support.cramped import cramped
from tests.support.traces import draw_trace

_TRACES_A_TEST = 40

_seeds = pytest.mark.parametrize("first_seed", range(0, 400, _TRACES_A_TEST))


def test_seed_decides_the_whole_trace() -> None:
    """A seed always gives the same trace, so that a reported seed is a reproduction."""
    assert draw_trace(7) == draw_trace(7)
    assert draw_trace(7) != draw_trace(8)


@_seeds
def test_replay_agrees(first_seed: int) -> None:
    """Notifications, their order, the summary and the counters are those of the model."""
    for seed in range(first_seed, first_seed + _TRACES_A_TEST):
        trace = draw_trace(seed)
        difference = differ_in_replay(trace)
        assert difference is None, explain(trace, difference)


@_seeds
def test_every_step_agrees(first_seed: int) -> None:
    """After every event and wave, people told, waiting and statuses are those of the model."""
    for seed in range(first_seed, first_seed + _TRACES_A_TEST):
        trace = draw_trace(seed)
        difference = differ_side_by_side(trace, random.Random(seed))
        assert difference is None, explain(trace, difference)


@_seeds
def test_every_step_agrees_when_cramped(first_seed: int) -> None:
    """The same with tiny blocks, buckets and portions: what only long queues reach otherwise."""
    with cramped():
        for seed in range(first_seed, first_seed + _TRACES_A_TEST):
            trace = draw_trace(seed, lines=120)
            difference = differ_side_by_side(trace, random.Random(seed))
            assert difference is None, explain(trace, difference)
