# SPDX-License-Identifier: Apache-2.0
"""Section *year*: does the state of a shop of constant size stay of constant size?

A simulated year, six hours an epoch, with Bytewax's own epochs, recovery store and journals, and
a restart each month. Every day a part of the catalogue is deleted and replaced by new variants,
others sell out and come back, people sign up, are told, sign off and expire. What the rules need
for ever is the newest figure's key of each variant that ever was, so that a stale figure stays
stale: that is measured by itself.
"""

import random
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition
from bytewax.outputs import DynamicSink, StatelessSinkPartition
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.testing import run_main
from typing_extensions import override

from benchmarks.bench import Bench
from benchmarks.disk import stored_bytes
from benchmarks.errors import WrongOutput
from benchmarks.processes import resident_mebibytes
from benchmarks.report import Row, SectionResult
from connectors.kafka.records import Outgoing
from dataflows.decoding import slot_of
from dataflows.folding import FACTORY, SlotState
from dataflows.items import SlotBatch, slot_key
from dataflows.waitlist_step import StepSettings, WaitlistStep
from journal.journal import Journal
from journal.limits import Limits
from journal.turns import Turns
from schemas.events import Event, Profile, StockEvent, SubscribeEvent, UnsubscribeEvent
from waitlist.policy import PolicyBook, load_policy
from waitlist.slot import Slot

__all__ = ["run"]

# Far enough ahead that no timer of Bytewax, which follows the wall clock, ever fires.
_START = 4_102_444_800_000
_DAY = 86_400_000
_EPOCHS_A_DAY = 4
_EPOCH = _DAY // _EPOCHS_A_DAY
_MONTH = 30
_SLOTS = 4
_KIBIBYTE = 1024
_MEBIBYTE = 1 << 20
_DEAD = 20_000
_REMEMBERED_DAYS = 60

_POLICY = {
    "per_unit": 2,
    "wait": "1h",
    "expires_after": f"{_REMEMBERED_DAYS}d",
    "remember": "7d",
    "remember_sign_offs": "30d",
}
# Small, so that the year has many compactions.
_LIMITS = Limits(compact_bytes=256 * _KIBIBYTE, compact_work=2_000)

_Item = tuple[str, SlotBatch]


@dataclass(frozen=True, slots=True)
class _Shop:
    """A shop of constant size; the same numbers give the same year."""

    variants: int
    sign_ups: int
    days: int

    def epoch(self, number: int) -> list[Event]:
        """What happens in the epoch of this number."""
        chance = random.Random(number)
        now = _now(number)
        events: list[Event] = []
        if number % _EPOCHS_A_DAY == 0:
            events += [StockEvent(self._name(place, number - 1), None, now)
                       for place in self._replaced(number)]  # fmt: skip
        places = chance.choices(range(self.variants), k=self.variants // 8)
        events += [
            StockEvent(self._name(place, number), chance.choice((0, 0, 1, 3)), now)
            for place in places
        ]
        events += [self._sign_up(chance, number, n) for n in range(self.sign_ups)]
        events += [self._sign_off(chance, number) for _ in range(self.sign_ups // 20)]
        return events

    def in_force(self, number: int) -> set[str]:
        """The variants that the shop has then."""
        return {self._name(place, number) for place in range(self.variants)}

    def _replaced(self, number: int) -> range:
        """The places of the catalogue whose variant is replaced on that day."""
        day = number // _EPOCHS_A_DAY
        return range(day % _REMEMBERED_DAYS, self.variants, _REMEMBERED_DAYS)

    def _name(self, place: int, number: int) -> str:
        day = number // _EPOCHS_A_DAY
        generation = (day - place % _REMEMBERED_DAYS) // _REMEMBERED_DAYS + 1
        return f"$custom:::$default:::SKU-{place:05d}-{generation:03d}"

    def _sign_up(self, chance: random.Random, number: int, n: int) -> SubscribeEvent:
        person = f"person-{number * self.sign_ups + n:09d}"
        now = _now(number)
        expires_at = now + _MONTH * _DAY if chance.random() < 0.3 else None
        variant = self._name(chance.randrange(self.variants), number)
        return SubscribeEvent(
            variant, now, Profile(id=person), (f"id:{person}",), expires_at=expires_at
        )

    def _sign_off(self, chance: random.Random, number: int) -> UnsubscribeEvent:
        person = f"person-{chance.randrange((number + 1) * self.sign_ups):09d}"
        variant = self._name(chance.randrange(self.variants), number)
        return UnsubscribeEvent(variant, _now(number), (f"id:{person}",))


@dataclass(slots=True)
class _Figures:
    """How large everything is at one time."""

    waiting: int
    known: int
    dead: int
    packed: int
    stored: int
    recovery: int
    rows: int
    mebibytes: float


@dataclass(slots=True)
class _World:
    """What survives the restarts, and the clock."""

    directory: Path
    shop: _Shop
    epoch: int = 0
    told: int = 0
    slots: dict[int, Slot] = field(default_factory=dict)

    def clock(self) -> int:
        return _now(self.epoch)


def run(bench: Bench) -> SectionResult:
    """Simulate the year once; it is the same each time.

    Raises:
        WrongOutput: nobody was told: nothing was measured.
    """
    days = bench.options.sizes.days
    variants = max(60, min(2_000, bench.options.sizes.job.variants // 20))
    world = _World(bench.options.directory / "year", _Shop(variants, variants // 4, days))
    recovery = world.directory / "recovery"
    recovery.mkdir(parents=True)
    init_db_dir(recovery, 1)
    months = []
    for month in range(1, days // _MONTH + 1):
        bench.say(f"year: month {month}")
        _run_until(world, recovery, month * _MONTH * _EPOCHS_A_DAY, restart=month)
        months.append(_figures(world, recovery))
    if not world.told:
        raise WrongOutput("nobody was told in a whole year")
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        on_disk, in_memory = pool.submit(_dead_variant).result()
    rows = [row for number, each in enumerate(months, 1) for row in _rows(number, each, on_disk)]
    rows.append(Row("a removed variant", "in a base, for ever", "bytes", [on_disk], 0))
    rows.append(Row("a removed variant", "in memory, for ever", "bytes", [in_memory], 0))
    return SectionResult(
        name="year",
        title=f"year: {days} days, {variants:,} variants in force, "
        f"{world.shop.sign_ups * _EPOCHS_A_DAY:,} sign-ups a day, {world.told:,} told",
        rows=rows,
        notes=[
            f"People expire after {_REMEMBERED_DAYS} days, markers are kept for 7 and 30 days.",
            "From the third month on all should be level but the removed variants.",
            "A restart each month adds one row to each of two tables of the recovery store.",
        ],
        sizes={"days": days, "variants": variants, "sign_ups": world.shop.sign_ups},
    )


def _rows(month: int, found: _Figures, dead_bytes: float) -> list[Row]:
    name = f"month {month}"
    packed = (found.packed - found.dead * dead_bytes) / _KIBIBYTE
    return [
        Row(name, "waiting", "people", [found.waiting], 0),
        Row(name, "variants known, removed ones included", "variants", [found.known], 0),
        Row(name, "packed state without removed variants", "KiB", [packed], 0),
        Row(name, "packed state", "KiB", [found.packed / _KIBIBYTE], 0),
        Row(name, "journals on disk", "KiB", [found.stored / _KIBIBYTE], 0),
        Row(name, "recovery store on disk", "KiB", [found.recovery / _KIBIBYTE], 0),
        Row(name, "rows in the recovery store", "rows", [found.rows], 0),
        Row(name, "memory of the process", "MiB", [found.mebibytes], 1),
    ]


def _now(epoch: int) -> int:
    return _START + epoch * _EPOCH


def _run_until(world: _World, recovery: Path, end: int, restart: int) -> None:
    """One life of the process: epochs up to that one, then a clean end."""
    turns = Turns()
    world.slots.clear()

    def open_journal(slot: int, marker: bytes | None, state: SlotState) -> Journal:
        world.slots[slot] = state.slot
        return Journal.open(
            world.directory / "slots" / str(slot),
            slot,
            marker,
            state,
            token=f"life{restart}",
            factory=FACTORY,
            limits=_LIMITS,
            turns=turns,
        )

    settings = StepSettings(
        policies=load_policy(_POLICY),
        notifications="notifications",
        waitlist="waitlist",
        status_interval=0,
        open_journal=open_journal,
        clock=world.clock,
    )
    flow = Dataflow("year")
    days = op.input("days", flow, _Days(world, end))
    told = op.stateful_batch("waitlist", days, partial(WaitlistStep, settings))
    op.output("told", told, _Counting(world))
    config = RecoveryConfig(str(recovery), timedelta(0))
    run_main(flow, epoch_interval=timedelta(0), recovery_config=config)


class _Days(FixedPartitionedSource[_Item, int]):
    """Every epoch of the year is one batch that wakes every slot."""

    def __init__(self, world: _World, end: int) -> None:
        self._world = world
        self._end = end

    @override
    def list_parts(self) -> list[str]:
        return ["all"]

    @override
    def build_part(
        self, step_id: str, for_part: str, resume_state: int | None
    ) -> StatefulSourcePartition[_Item, int]:
        return _DaysPart(self._world, self._end, resume_state or 0)


class _DaysPart(StatefulSourcePartition[_Item, int]):
    def __init__(self, world: _World, end: int, at: int) -> None:
        self._world = world
        self._end = end
        self._at = at

    @override
    def next_batch(self) -> list[_Item]:
        if self._at == self._end:
            raise StopIteration
        self._world.epoch = self._at
        events: list[list[Event]] = [[] for _ in range(_SLOTS)]
        for event in self._world.shop.epoch(self._at):
            events[slot_of(event.variant_id, _SLOTS)].append(event)
        self._at += 1
        return [
            (slot_key(slot), SlotBatch(slot, own, opens_epoch=True))
            for slot, own in enumerate(events)
        ]

    @override
    def snapshot(self) -> int:
        return self._at


class _Counting(DynamicSink[tuple[str, Outgoing]]):
    """Counts who is told."""

    def __init__(self, world: _World) -> None:
        self._world = world

    @override
    def build(
        self, step_id: str, worker_index: int, worker_count: int
    ) -> StatelessSinkPartition[tuple[str, Outgoing]]:
        return _CountingPart(self._world)


class _CountingPart(StatelessSinkPartition[tuple[str, Outgoing]]):
    def __init__(self, world: _World) -> None:
        self._world = world

    @override
    def write_batch(self, items: list[tuple[str, Outgoing]]) -> None:
        told = [out for _, out in items if out.topic == "notifications"]
        self._world.told += sum(len(out.records) for out in told)


def _figures(world: _World, recovery: Path) -> _Figures:
    slots = list(world.slots.values())
    known = [slot.size() for slot in slots]
    variants = sum(variants for variants, _ in known)
    return _Figures(
        waiting=sum(waiting for _, waiting in known),
        known=variants,
        dead=variants - len(world.shop.in_force(world.epoch)),
        packed=sum(len(chunk) for slot in slots for chunk in slot.dump()),
        stored=stored_bytes(world.directory / "slots"),
        recovery=stored_bytes(recovery),
        rows=sum(_rows_of(recovery)),
        mebibytes=resident_mebibytes("self"),
    )


def _rows_of(recovery: Path) -> Iterator[int]:
    with closing(sqlite3.connect(recovery / "part-0.sqlite3")) as store:
        for table in ("exs", "fronts", "commits", "snaps"):
            yield from store.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608 - ours


def _dead_variant() -> tuple[float, float]:
    """Bytes that a variant takes that had stock and was removed, in a base and in memory."""
    slot = Slot(PolicyBook())
    before = resident_mebibytes("self")
    for at in range(0, _DEAD, 1000):
        names = [f"$custom:::$default:::SKU-{n:09d}" for n in range(at, at + 1000)]
        slot.apply([StockEvent(name, 1, _START) for name in names], _START)
        slot.apply([StockEvent(name, None, _START + 1) for name in names], _START)
        slot.take_records()
    memory = (resident_mebibytes("self") - before) * _MEBIBYTE / _DEAD
    return sum(map(len, slot.dump())) / _DEAD, memory
