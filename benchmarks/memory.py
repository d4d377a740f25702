# SPDX-License-Identifier: Apache-2.0
"""Section *memory*: what a waiting person takes, and a variant.

Each case fills one slot in a process that does nothing else, by the classes that the program runs,
without Kafka and disk. What counts is how much the process has grown when all are in it.
"""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from multiprocessing import get_context

from benchmarks.bench import Bench
from benchmarks.errors import WrongOutput
from benchmarks.processes import resident_mebibytes
from benchmarks.report import Row, SectionResult
from benchmarks.trace import person_of, variant_name
from schemas.events import Event, Profile, StockEvent, SubscribeEvent
from waitlist.policy import PolicyBook
from waitlist.slot import Slot

__all__ = ["CASES", "LAYOUTS", "Case", "measure_waiting", "run"]

LAYOUTS = ("all for one variant", "spread over the variants")

_BATCH = 5_000
_DAY = 86_400_000
_NOW = 1_800_000_000_000
_MEBIBYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class Case:
    """Something that is kept by the million.

    Attributes:
        name: what it is.
        people: whether it is people; else variants.
        address: whether each gives an e-mail address beside the id.
        spread: over how many variants people are spread, as a share of their number; 0: one.
    """

    name: str
    people: bool
    address: bool = False
    spread: float = 0.0

    def events(self, count: int) -> Iterator[Event]:
        """Yield an event for each of so many."""
        variants = max(1, int(count * self.spread))
        for number in range(count):
            if not self.people:
                yield StockEvent(variant_name(number), 3, _NOW - _DAY + number)
            elif self.address:
                yield _sign_up(number, variants)
            else:
                profile_id = person_of(number).profile_id
                yield SubscribeEvent(
                    variant_name(number % variants),
                    _NOW - _DAY + number,
                    Profile(id=profile_id),
                    (f"id:{profile_id}",),
                )


CASES = (
    Case("id and address, all for one variant", people=True, address=True),
    Case("id alone, all for one variant", people=True),
    Case("id and address, ten for each", people=True, address=True, spread=0.1),
    Case("id and address, one for each", people=True, address=True, spread=1.0),
    Case("variant with a figure alone", people=False),
)
"""What the section measures. Where people are spread, their share of a variant is included."""


def run(bench: Bench) -> SectionResult:
    """Measure each case in a fresh process in every round.

    Raises:
        WrongOutput: a slot does not hold what it was given.
    """
    count, rounds = bench.options.sizes.waiting, bench.options.sizes.rounds
    rows = []
    for case in CASES:
        bench.say(f"memory: {case.name}")
        grown = [_in_a_process(partial(_grow, case, count)) for _ in range(rounds)]
        packed = _in_a_process(partial(_packed, case, count // 10)) / (count // 10)
        rows += [
            Row(case.name, "memory each", "bytes", [each * _MEBIBYTE / count for each in grown], 0),
            Row(case.name, "each in a base on disk", "bytes", [packed], 0),
        ]
    return SectionResult(
        name="memory",
        title=f"memory: {count:,} people, or variants, in one slot",
        rows=rows,
        notes=[
            "Growth of the process, what its allocator keeps back included.",
            "Checked: the slot holds as many people and variants as it was given.",
        ],
        sizes={"count": count},
    )


def _in_a_process(job: partial[float]) -> float:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(job).result()


def _grow(case: Case, count: int) -> float:
    slot = Slot(PolicyBook())
    before = resident_mebibytes("self")
    _apply(slot, case.events(count))
    grown = resident_mebibytes("self") - before
    _expect(case, slot, count)
    return grown


def _packed(case: Case, count: int) -> float:
    slot = Slot(PolicyBook())
    _apply(slot, case.events(count))
    _expect(case, slot, count)
    return float(sum(map(len, slot.dump())))


def _apply(slot: Slot, events: Iterator[Event]) -> None:
    while batch := list(islice(events, _BATCH)):
        slot.apply(batch, _NOW)
        # As in the flow, where the journal takes them: they are not what waits.
        slot.take_records()


def _expect(case: Case, slot: Slot, count: int) -> None:
    variants = max(1, int(count * case.spread)) if case.people else count
    wanted = (variants, count if case.people else 0)
    if slot.size() != wanted:
        raise WrongOutput(f"memory: the slot has {slot.size()}, not {wanted} variants and people")


def measure_waiting(layout: str, people: int, variants: int) -> float:
    """The memory, in MiB, that people take who wait in a slot.

    Args:
        layout: one of `LAYOUTS`.
        people: how many.
        variants: for how many variants, where they are spread.
    """
    spread = variants if layout == LAYOUTS[1] else 1
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_fill, people, spread).result()


def _fill(people: int, variants: int) -> float:
    slot = Slot(PolicyBook())
    before = resident_mebibytes("self")
    for at in range(0, people, _BATCH):
        slot.apply([_sign_up(n, variants) for n in range(at, min(people, at + _BATCH))], _NOW)
        # As in the flow, where the journal takes them: they are not what waits.
        slot.take_records()
    return resident_mebibytes("self") - before


def _sign_up(number: int, variants: int) -> SubscribeEvent:
    person = person_of(number)
    return SubscribeEvent(
        variant_name(number % variants),
        _NOW - _DAY + number,
        Profile(id=person.profile_id, email=person.email),
        (f"id:{person.profile_id}", f"email:{person.email}"),
    )
