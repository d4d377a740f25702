# SPDX-License-Identifier: Apache-2.0
"""What a replay costs in calls, which do not depend on the machine or its load."""

import sys
from collections import Counter
from collections.abc import Callable, Iterable
from types import FrameType

import pytest

from benchmarks.replay import trace_lines
from benchmarks.trace import TraceSizes, make_trace
from restock.replay import Replay
from restock.replay_batches import BatchReader
from restock.replay_slot import ReplaySlot
from waitlist.policy import PolicyBook

SIZES = TraceSizes(variants=500, people=2_000, events=12_000)
_STARTED_AT = 1_795_000_000_000
_LINES_AT_ONCE = 600


def portions(lines: Iterable[bytes]) -> list[bytes]:
    """Lines in portions as a file is read."""
    every = list(lines)
    starts = range(0, len(every), _LINES_AT_ONCE)
    return [b"".join(every[start : start + _LINES_AT_ONCE]) for start in starts]


def calls_of(work: Callable[[], object]) -> Counter[str]:
    """How often functions written in Python are called, by the package they belong to."""
    calls: Counter[str] = Counter()

    def count(frame: FrameType, event: str, _argument: object) -> None:
        if event == "call":
            calls[frame.f_globals.get("__name__", "").partition(".")[0]] += 1

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(before)
    return calls


@pytest.fixture(scope="module")
def texts() -> tuple[list[bytes], list[bytes]]:
    """The sign-ups and the stock events of a small job, each in portions."""
    lines = list(trace_lines(make_trace(SIZES, _STARTED_AT)))
    wishes = [line for line in lines if b'"topic":"subscriptions"' in line]
    return portions(wishes), portions(lines[len(wishes) :])


def test_reading_figures_calls_nothing_for_each(texts: tuple[list[bytes], list[bytes]]) -> None:
    """Plain figures are read column by column: a few calls for a portion of hundreds."""
    reader = BatchReader("trace", None)
    calls = calls_of(lambda: [reader.read(portion) for portion in texts[1]])
    assert calls.total() < SIZES.events / 10


def test_a_figure_that_tells_nobody_calls_nothing(texts: tuple[list[bytes], list[bytes]]) -> None:
    """Each has a moment of its own, and yet the clock is stopped only where somebody waits."""
    reader = BatchReader("trace", None)
    batches = [reader.read(portion) for portion in texts[1]]
    replay = Replay(ReplaySlot(PolicyBook()), silent=True)
    calls = calls_of(lambda: list(replay.run_batches(batches)))
    # A call for each turn from offered to not offered and back, and a variant's first event.
    assert calls.total() < SIZES.events * 0.75


def test_the_whole_of_a_job_stays_cheap(texts: tuple[list[bytes], list[bytes]]) -> None:
    """Sign-ups, figures and people told: a bound on the calls for each line of the job."""
    reader = BatchReader("trace", None)
    replay = Replay(ReplaySlot(PolicyBook()))

    def work() -> None:
        for _ in replay.run_batches(map(reader.read, [*texts[0], *texts[1]])):
            pass

    calls = calls_of(work)
    lines = replay.summary().events
    assert calls["restock"] < 2 * lines
    assert calls.total() < 20 * lines
