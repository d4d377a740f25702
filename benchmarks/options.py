# SPDX-License-Identifier: Apache-2.0
"""How large and how often: the flags of ``python -m benchmarks``."""

from dataclasses import dataclass
from pathlib import Path

from benchmarks.trace import TraceSizes

__all__ = [
    "LARGE",
    "QUICK",
    "CrowdSizes",
    "DeliverySizes",
    "Options",
    "ScaleSizes",
    "SignUpSizes",
    "Sizes",
    "TimerSizes",
    "WideSizes",
]


@dataclass(frozen=True, slots=True)
class CrowdSizes:
    """The sections about one hot variant, with the people and variants of the job beside it.

    Attributes:
        people: waiting for the hot variant.
        rate: stock events a second of other variants.
        joining: sign-ups a second for the hot one.
        seconds: how long both are sent in a round.
        dropped: how many of these seconds are warm-up.
    """

    people: int
    rate: int
    joining: int
    seconds: int
    dropped: int


@dataclass(frozen=True, slots=True)
class WideSizes:
    """The section about many variants.

    Attributes:
        variants: with a figure.
        queued: of these, those that people wait for.
        each: people who wait for each of them.
        rate: stock events a second.
        seconds: how long these are sent.
    """

    variants: int
    queued: int
    each: int
    rate: int
    seconds: int


@dataclass(frozen=True, slots=True)
class TimerSizes:
    """The section about many waits.

    Attributes:
        variants: in the pause between two waves.
        each: people who still wait for each of them.
        events: stock events for them.
    """

    variants: int
    each: int
    events: int


@dataclass(frozen=True, slots=True)
class DeliverySizes:
    """The sections about delivery.

    Attributes:
        webhooks: messages to a receiver of webhooks.
        mails: mails to a server that answers at once.
        slow_mails: mails to one that takes its time.
        klaviyo: notifications to Klaviyo.
    """

    webhooks: int
    mails: int
    slow_mails: int
    klaviyo: int


@dataclass(frozen=True, slots=True)
class SignUpSizes:
    """The section about the gateway.

    Attributes:
        count: sign-ups as fast as they are taken.
        at_rate: sign-ups at a steady rate.
    """

    count: int
    at_rate: int


@dataclass(frozen=True, slots=True)
class ScaleSizes:
    """The section about growth.

    Attributes:
        events: how many stock events, one series.
        variants: over how many variants, the other.
        middle: events and variants, where the other is what grows.
    """

    events: tuple[int, ...]
    variants: tuple[int, ...]
    middle: tuple[int, int]


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
        crowd: of the sections fan-out and hot.
        wide: of the section wide.
        timers: of the section timers.
        scale: of the section scale.
        delivery: of the sections webhooks, mail and klaviyo.
        sign_ups: of the section sign-ups.
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
    crowd: CrowdSizes
    wide: WideSizes
    timers: TimerSizes
    scale: ScaleSizes
    delivery: DeliverySizes
    sign_ups: SignUpSizes


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
    crowd=CrowdSizes(people=1_000_000, rate=2_000, joining=1_000, seconds=14, dropped=2),
    wide=WideSizes(variants=1_000_000, queued=200_000, each=25, rate=2_000, seconds=10),
    timers=TimerSizes(variants=100_000, each=10, events=1_000_000),
    scale=ScaleSizes(
        events=(100_000, 1_000_000, 10_000_000),
        variants=(1_000, 10_000, 100_000, 1_000_000),
        middle=(1_000_000, 100_000),
    ),
    delivery=DeliverySizes(webhooks=50_000, mails=8_000, slow_mails=2_000, klaviyo=1_000_000),
    sign_ups=SignUpSizes(count=40_000, at_rate=10_000),
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
    crowd=CrowdSizes(people=30_000, rate=1_000, joining=500, seconds=4, dropped=1),
    wide=WideSizes(variants=10_000, queued=2_000, each=25, rate=500, seconds=3),
    timers=TimerSizes(variants=2_000, each=10, events=50_000),
    scale=ScaleSizes(events=(5_000, 20_000), variants=(1_000, 5_000), middle=(20_000, 1_000)),
    delivery=DeliverySizes(webhooks=3_000, mails=400, slow_mails=100, klaviyo=400_000),
    sign_ups=SignUpSizes(count=2_000, at_rate=500),
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
