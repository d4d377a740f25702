# SPDX-License-Identifier: Apache-2.0
"""Section *hot*: people join a queue of a million, and other variants must not notice.

Sign-ups for one variant and stock events of others are sent at steady rates, round after round,
to the same state. The program is started with a stopwatch as it is, and in turn so that it
compacts all the time: then the hot slot's base is made anew over and over. At the end the hot
variant comes back, so that the queue can be checked person by person.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import msgspec

from benchmarks.bench import Bench
from benchmarks.contenders import BARE, RESTOCK, Contender
from benchmarks.crowd import background, crowd, others, read_topic, sentinels
from benchmarks.flow import wait_for_sign_ups, wait_until
from benchmarks.job import Job, Watcher
from benchmarks.latency import percentile
from benchmarks.pacing import Due, Sent, send, steady
from benchmarks.prepared import SLOTS, belongs
from benchmarks.processes import ProcessTree, running
from benchmarks.queues import HOT, check_queues, is_about, restock_record
from benchmarks.reader import Seen
from benchmarks.reference import check, expected_output
from benchmarks.report import Row, SectionResult
from benchmarks.watched import EAGER, STOPWATCH, watched

__all__ = ["run"]

_LINGER = 0.5
_MILLION = 1_000_000
_COMPACTING = "restock, compacting"


@dataclass(slots=True)
class _Round:
    """What one round of sending found.

    Attributes:
        name: who was measured.
        sent: when what was sent.
        cores: CPU time of the program and its helpers, per second.
        barriers: milliseconds.
        bases: how often the hot slot had a new base.
        waits: of the others, from the scheduled sending to a consumer, in milliseconds.
    """

    name: str
    sent: Sent
    cores: float
    barriers: list[float] = field(default_factory=list)
    bases: int = 0
    waits: list[float] = field(default_factory=list)


def run(bench: Bench) -> SectionResult:
    """Measure the bare loop, then the program, each on a state of its own.

    Raises:
        WrongOutput: somebody of the queue was not told, or not in their place.
        BenchmarkError: a contender or the broker failed.
    """
    sizes = bench.options.sizes
    rounds = sizes.rounds
    found = _Scene(bench, BARE, rounds).play([(BARE.name, rounds)])
    turns = [(name, 1) for _ in range(rounds) for name in (RESTOCK.name, _COMPACTING)]
    found += _Scene(bench, RESTOCK, len(turns)).play(turns)
    own: dict[str, list[_Round]] = {}
    for each in found:
        own.setdefault(each.name, []).append(each)
    samples = [len(each.waits) for each in found]
    hot = sizes.crowd
    return SectionResult(
        name="hot",
        title=f"hot: {hot.joining:,} people a second join {hot.people:,} who wait for one variant, "
        f"{hot.rate:,} stock events a second of {sizes.job.variants:,} others",
        rows=[row for name, each in own.items() for row in _rows(name, each)],
        notes=[
            "others: from the scheduled sending of their figure to a consumer.",
            f"{min(samples):,} to {max(samples):,} notifications of others a round.",
            "A barrier: from the end of an epoch until the next record is asked for.",
            "All outputs were checked: nobody missing, nobody twice, everybody in their place.",
        ],
        sizes={"crowd": hot.people, "joining": hot.joining, "rate": hot.rate},
    )


class _Scene:
    """One contender, from the first sign-up until the hot variant comes back."""

    def __init__(self, bench: Bench, contender: Contender, rounds: int) -> None:
        self._bench = bench
        self._contender = contender
        self._sizes = bench.options.sizes.crowd
        self._trace = background(bench, rounds * self._sizes.seconds)
        self._joining = rounds * self._sizes.seconds * self._sizes.joining
        self._queue = crowd(bench, self._joining)
        self._job: Job = bench.new_job(f"hot-{contender.name}")
        self._watcher = Watcher(self._job)
        self._records = list(self._trace.inventory_records())
        self._rounds: list[_Round] = []

    def play(self, turns: Sequence[tuple[str, int]]) -> list[_Round]:
        """Give what was found in the rounds.

        Args:
            turns: whom to start, for how many rounds.
        """
        job, result = self._job, self._job.directory / "seen"
        self._bench.say(f"hot: {self._contender.name}, people sign up")
        job.load_sign_ups(self._trace)
        job.produce(job.topics.subscriptions, self._queue.records(0, self._sizes.people))
        expected = expected_output(self._trace, self._contender.id_of)
        with running(read_topic(job, result), job.directory / "reader.log") as reader:
            for number, (name, rounds) in enumerate(turns):
                with self._started(name) as process:
                    wait_for_sign_ups(process, self._watcher, job.topics.subscriptions)
                    for _ in range(rounds):
                        self._play_round(name, process)
                    if number == len(turns) - 1:
                        self._bench.say("hot: the hot variant comes back")
                        self._come_back()
                        goal = len(expected) + len(self._queue.people)
                        wait_until(process, self._watcher.outputs, goal, "notifications")
                    process.stop()
            reader.settle()
            reader.stop()
        seen = msgspec.msgpack.decode(result.read_bytes(), type=list[Seen])
        hot = [each for each in seen if is_about(each.value)]
        rest = [each for each in seen if not is_about(each.value)]
        id_of = self._contender.id_of
        check_queues(((each.key, each.value) for each in hot), [self._queue], id_of)
        check(((each.key, each.value) for each in rest), expected, self._trace)
        self._watcher.close()
        job.delete_topics()
        self._note_waits(rest)
        return self._rounds

    @contextmanager
    def _started(self, name: str) -> Iterator[ProcessTree]:
        if name == BARE.name:
            with BARE.started(self._job, _LINGER) as process:
                yield process
            return
        program = EAGER if name == _COMPACTING else STOPWATCH
        with watched(self._job, program) as own:
            own.wait_until_ready()
            yield own.process
        last = self._rounds[-1]
        begun, sizes = last.sent.begun_at / 1000, self._sizes
        # What comes back at the very end is no part of the round.
        last.barriers = own.barriers(begun + sizes.dropped, begun + sizes.seconds)

    def _play_round(self, name: str, process: ProcessTree) -> None:
        number, sizes, topics = len(self._rounds), self._sizes, self._job.topics
        self._bench.say(f"hot: {name}")
        events = self._records[number * self._events : (number + 1) * self._events]
        joined = sizes.people + number * sizes.seconds * sizes.joining
        joining = self._queue.records(joined, joined + sizes.seconds * sizes.joining)
        schedule = steady(topics.inventory, events, sizes.rate)
        schedule += steady(topics.subscriptions, joining, sizes.joining)
        schedule.sort(key=lambda due: due.at)
        bases: set[str] = set(self._bases())
        before, known = process.usage().cpu_seconds, len(bases)
        begun = time.monotonic()
        sent = send(self._job, schedule, lambda: bases.update(self._bases()))
        cores = (process.usage().cpu_seconds - before) / (time.monotonic() - begun)
        ends = self._watcher.ends(topics.inventory)
        wait_until(process, lambda: -self._watcher.behind(topics.inventory, ends), 0, "events")
        self._rounds.append(_Round(name, sent, cores, bases=len(bases) - known))

    @property
    def _events(self) -> int:
        return self._sizes.rate * self._sizes.seconds

    def _bases(self) -> list[str]:
        """The bases that the hot slot has now."""
        number = next(each for each in range(SLOTS) if belongs(HOT, each))
        state = self._job.directory / "state"
        return [file.name for file in state.glob(f"*/slots/{number:04d}/base-*.journal")]

    def _come_back(self) -> None:
        inventory = self._job.topics.inventory
        last = [Due(0.0, inventory, *restock_record(HOT, time.time_ns() // _MILLION))]
        send(self._job, [*last, *sentinels(self._job, self._trace, 0.0)])

    def _note_waits(self, rest: list[Seen]) -> None:
        sizes = self._sizes
        for each in others(self._trace, rest):
            number, event = divmod(each.event, self._events)
            if event >= sizes.dropped * sizes.rate:
                own = self._rounds[number]
                due = own.sent.begun_at + event / sizes.rate * 1000
                own.waits.append(each.received_at - due)


def _rows(name: str, own: list[_Round]) -> list[Row]:
    shares = {"p50": 0.5, "p99": 0.99, "largest": 1.0}
    rows = [
        Row(name, f"others, {word}", "ms", [percentile(each.waits, share) for each in own], 1)
        for word, share in shares.items()
    ]
    if own[0].barriers:
        halves = [percentile(each.barriers, 0.5) for each in own]
        rows += [
            Row(name, "barrier, median", "ms", halves, 1),
            Row(name, "barrier, longest", "ms", [max(each.barriers) for each in own], 1),
            Row(name, "new bases of the hot slot", "", [float(each.bases) for each in own], 0),
        ]
    rows += [
        Row(name, "cores used, helpers included", "cores", [each.cores for each in own]),
        Row(name, "sender late, largest", "ms", [max(each.sent.late) for each in own], 1),
    ]
    return rows
