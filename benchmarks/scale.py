# SPDX-License-Identifier: Apache-2.0
"""Section *scale*: what an event costs as jobs grow, from thousands to millions.

The job of the flow section without Kafka, Bytewax and disk: records are decoded, applied, and the
notifications encoded, batch by batch, by the classes that the program runs. Once the events grow
over the same variants, once the variants under the same events; six events to a person throughout.
Each size has a process of its own, and CPU time is counted while the engine works, not while
records are made up. `benchmarks.plot` draws what `--json` writes.
"""

import gc
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from multiprocessing import get_context

from benchmarks.bench import Bench
from benchmarks.errors import BenchmarkError
from benchmarks.reference import check, expected_output, hashed_id
from benchmarks.report import Row, SectionResult
from benchmarks.trace import Trace, TraceSizes, make_trace
from schemas.batches import decode_inventory_columns
from schemas.decode import decode_subscription
from schemas.encode import encode_slice
from schemas.errors import InvalidRecord
from waitlist.policy import PolicyBook
from waitlist.slot import Slot

__all__ = ["CPU", "RATE", "EngineRun", "run", "subject"]

CPU, RATE = "CPU per event", "events per second of CPU"
"""The figures of a size, as rows of the result."""

_BATCH = 5_000
_TURN = 4_000
_SHARE = 1_000
_EVENTS_A_STOCK_RECORD = 8
_EVENTS_A_PERSON = 6
_WARM_UP = TraceSizes(variants=1_000, people=2_000, events=20_000)
_ENOUGH = 3_000_000
"""Events: a job is done again until it had so many, or all rounds."""

_HOUR = 3_600_000
_MILLION = 1_000_000


class EngineRun:
    """One run of a job through the engine.

    Args:
        trace: the job.

    Attributes:
        cpu_seconds: what its stock events have taken so far.
    """

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._now = trace.started_at + len(trace.picks) + _HOUR
        self._slot = Slot(PolicyBook())
        self.cpu_seconds = 0.0

    def records(self) -> Iterator[tuple[bytes, bytes]]:
        """Do the job, and yield key and value of each notification."""
        slot, now = self._slot, self._now
        sign_ups = (value for _, value in self._trace.sign_up_records())
        while values := list(islice(sign_ups, _BATCH)):
            slot.apply([decode_subscription(value, now) for value in values], now)
            slot.take_records()
        stock = (value for _, value in self._trace.inventory_records())
        while values := list(islice(stock, _BATCH)):
            yield from self._turn(values)
        last = [value for _, _, value in self._trace.sentinel_records()]
        while parts := self._turn(last):
            last = []
            yield from parts

    def _turn(self, values: Sequence[bytes]) -> list[tuple[bytes, bytes]]:
        slot, now = self._slot, self._now
        begun = time.process_time()
        slot.apply(decode_inventory_columns(values, [now] * len(values), _refuse), now)
        slot.start_due_waves(now)
        parts = slot.take_slices(_TURN, _SHARE)
        told = [record for part in parts for record in encode_slice(part)]
        slot.take_records(len(values) // _EVENTS_A_STOCK_RECORD)
        self.cpu_seconds += time.process_time() - begun
        return told


def run(bench: Bench) -> SectionResult:
    """Measure every size, one after the other.

    Raises:
        WrongOutput: the engine told the wrong people.
    """
    sizes = bench.options.sizes
    events, variants = sizes.scale.middle
    jobs = [(each, variants) for each in sizes.scale.events]
    jobs += [(events, each) for each in sizes.scale.variants]
    rows = []
    for job in dict.fromkeys(jobs):
        bench.say(f"scale: {job[0]:,} events, {job[1]:,} variants")
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            rounds = max(1, min(sizes.rounds, _ENOUGH // job[0]))
            spent = pool.submit(_measure, job, bench.started_at, rounds).result()
        costs = [each / job[0] * _MILLION for each in spent]
        rows += [
            Row(subject(*job), CPU, "us", costs),
            Row(subject(*job), RATE, "1/s", [_MILLION / each for each in costs], 0),
        ]
    return SectionResult(
        name="scale",
        title=f"scale: {min(sizes.scale.events):,} to {max(sizes.scale.events):,} stock events, "
        f"{min(sizes.scale.variants):,} to {max(sizes.scale.variants):,} variants",
        rows=rows,
        notes=[
            "CPU time of the engine: decode, apply, waves, notifications, records for the journal.",
            "One sign-up for every six events, read before them and not counted.",
            "All outputs were checked: nobody missing, nobody twice, nobody else.",
        ],
        sizes={"events": max(sizes.scale.events), "variants": max(sizes.scale.variants)},
    )


def subject(events: int, variants: int) -> str:
    """What the rows of a size are called."""
    return f"{events:,} events, {variants:,} variants"


def _refuse(place: int, error: InvalidRecord) -> None:
    raise BenchmarkError(f"stock event {place} is refused: {error}")


def _measure(job: tuple[int, int], started_at: int, rounds: int) -> list[float]:
    """The CPU seconds of each round."""
    events, variants = job
    people = events // _EVENTS_A_PERSON
    # Everything has happened by the time it is read.
    trace = make_trace(TraceSizes(variants, people, events), started_at - events)
    expected = expected_output(trace, hashed_id)
    gc.freeze()
    gc.disable()
    _warm_up(started_at)
    spent = []
    for _ in range(rounds):
        own = EngineRun(trace)
        check(own.records(), expected, trace)
        spent.append(own.cpu_seconds)
        gc.collect()
    return spent


def _warm_up(started_at: int) -> None:
    trace = make_trace(_WARM_UP, started_at - _WARM_UP.events)
    check(EngineRun(trace).records(), expected_output(trace, hashed_id), trace)
