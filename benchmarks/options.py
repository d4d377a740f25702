# SPDX-License-Identifier: Apache-2.0
"""How large and how often: the flags of ``python -m benchmarks``."""

from dataclasses import dataclass
from pathlib import Path

from benchmarks.trace import TraceSizes

__all__ = ["LARGE", "QUICK", "Options", "Sizes"]


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large the sections are.

    Attributes:
        job: the job of the flow section; the latency section does the beginning of it.
        rate: events a second in the latency section.
        seconds: how long they are sent.
        dropped: how many of these seconds are warm-up.
        rounds: how often everything is done.
        engine: events or people in each measurement of the engine section.
        waiting: people in its measurement of memory.
        resume: people waiting in the resume section, one state after the other.
        days: how many the year section has.
    """

    job: TraceSizes
    rate: int
    seconds: int
    dropped: int
    rounds: int
    engine: int
    waiting: int
    resume: tuple[int, ...]
    days: int


LARGE = Sizes(
    job=TraceSizes(variants=100_000, people=500_000, events=3_000_000),
    rate=10_000,
    seconds=30,
    dropped=10,
    rounds=3,
    engine=300_000,
    waiting=1_000_000,
    resume=(1_000_000, 5_000_000),
    days=365,
)
QUICK = Sizes(
    job=TraceSizes(variants=5_000, people=20_000, events=120_000),
    rate=2_000,
    seconds=5,
    dropped=1,
    rounds=1,
    engine=10_000,
    waiting=30_000,
    resume=(30_000,),
    days=60,
)


@dataclass(frozen=True, slots=True)
class Options:
    """What a section is given.

    Attributes:
        sizes: how large.
        directory: an empty one, removed at the end.
    """

    sizes: Sizes
    directory: Path
