# SPDX-License-Identifier: Apache-2.0
"""Single operations of the engine, each measured alone: CPU nanoseconds, and how many were done.

Every measurement makes its own slot, and checks that the slot did what it is measured for.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import msgspec

from benchmarks.errors import WrongOutput
from benchmarks.trace import Trace, TraceSizes, make_trace, variant_name
from schemas.decode import decode_inventory, decode_subscription
from schemas.encode import encode_slice, encode_status
from schemas.events import StockEvent, SubscribeEvent, WaveSlice
from waitlist.policy import PolicyBook
from waitlist.slot import Slot

__all__ = ["OPERATIONS", "Data", "Operation", "make_data"]

_BATCH = 5_000
_TURN = 4_000
_SHARE = 1_000
_EVENTS_A_STOCK_RECORD = 8
_LATER = 60_000


@dataclass(frozen=True, slots=True)
class Data:
    """The same job as bytes and as events.

    Attributes:
        trace: the job.
        stock_values: its inventory records.
        sign_up_values: its subscription records.
        stock: what they mean.
        sign_ups: what they mean, repeats included.
        crowd: the same people, all waiting for one variant.
        now: the clock, after all of it.
    """

    trace: Trace
    stock_values: list[bytes]
    sign_up_values: list[bytes]
    stock: list[StockEvent]
    sign_ups: list[SubscribeEvent]
    crowd: list[SubscribeEvent]
    now: int


@dataclass(frozen=True, slots=True)
class Operation:
    """Something to measure.

    Attributes:
        package: whose it is.
        name: what is done.
        unit: of its cost, `ns` or `us`.
        measure: does it; gives CPU nanoseconds and the number of operations.
    """

    package: str
    name: str
    unit: str
    measure: Callable[[Data], tuple[int, int]]


class _Plain(msgspec.Struct, gc=False):
    variant_id: str
    quantity: int
    occurred_at: str


def make_data(variants: int, count: int, started_at: int) -> Data:
    """Make up as many events as people.

    Args:
        variants: over how many variants.
        count: how many events, and how many people.
        started_at: when the first event occurred, in epoch milliseconds.
    """
    trace = make_trace(TraceSizes(variants, count, count), started_at)
    now = started_at + count + _LATER
    stock_values = [value for _, value in trace.inventory_records()]
    sign_up_values = [value for _, value in trace.sign_up_records()]
    decoded = [decode_subscription(value, now) for value in sign_up_values]
    sign_ups = [event for event in decoded if isinstance(event, SubscribeEvent)]
    return Data(
        trace,
        stock_values,
        sign_up_values,
        [decode_inventory(value, now) for value in stock_values],
        sign_ups,
        [msgspec.structs.replace(event, variant_id=variant_name(0)) for event in sign_ups],
        now,
    )


def _clock() -> int:
    return time.process_time_ns()


def _batches(events: Sequence[StockEvent]) -> Iterator[Sequence[StockEvent]]:
    return (events[at : at + _BATCH] for at in range(0, len(events), _BATCH))


def _stocked(data: Data) -> Slot:
    """A slot that knows every variant, sold out: making one up is not what is measured."""
    slot = Slot(PolicyBook())
    before = data.trace.started_at - 1
    names = map(variant_name, range(data.trace.variants))
    slot.apply([StockEvent(name, 0, before) for name in names], data.now)
    slot.take_records()
    return slot


def _stock(data: Data) -> tuple[int, int]:
    slot = _stocked(data)
    before = slot.counts.stock_applied
    begun = _clock()
    for batch in _batches(data.stock):
        slot.apply(batch, data.now)
    spent = _clock() - begun
    _expect(len(data.stock), slot.counts.stock_applied - before)
    return spent, len(data.stock)


def _stock_turns(data: Data) -> tuple[int, int]:
    slot = _stocked(data)
    begun = _clock()
    for batch in _batches(data.stock):
        slot.apply(batch, data.now)
        slot.start_due_waves(data.now)
        slot.take_slices(_TURN, _SHARE)
        slot.take_records(len(batch) // _EVENTS_A_STOCK_RECORD)
    return _clock() - begun, len(data.stock)


def _filled(data: Data, sign_ups: list[SubscribeEvent]) -> tuple[Slot, int]:
    slot = Slot(PolicyBook())
    begun = _clock()
    slot.apply(sign_ups, data.now)
    spent = _clock() - begun
    _expect(len(data.trace.wanted), slot.counts.joined)
    return slot, spent


def _sign_ups(data: Data) -> tuple[int, int]:
    return _filled(data, data.sign_ups)[1], len(data.sign_ups)


def _duplicates(data: Data) -> tuple[int, int]:
    slot, _ = _filled(data, data.sign_ups)
    before = slot.counts.duplicates
    begun = _clock()
    slot.apply(data.sign_ups, data.now)
    spent = _clock() - begun
    _expect(len(data.sign_ups), slot.counts.duplicates - before)
    return spent, len(data.sign_ups)


def _tell_all(data: Data, sign_ups: list[SubscribeEvent]) -> tuple[list[WaveSlice], int, Slot]:
    slot, _ = _filled(data, sign_ups)
    variants = dict.fromkeys(event.variant_id for event in sign_ups)
    slot.apply([StockEvent(each, 1, data.trace.started_at) for each in variants], data.now)
    slot.take_records()
    slices = []
    begun = _clock()
    slot.start_due_waves(data.now)
    while taken := slot.take_slices(_TURN, _SHARE):
        slices += taken
        slot.take_records()
    spent = _clock() - begun
    _expect(len(data.trace.wanted), sum(len(each.people) for each in slices))
    return slices, spent, slot


def _told(data: Data) -> tuple[int, int]:
    return _tell_all(data, data.sign_ups)[1], len(data.trace.wanted)


def _told_in_one_wave(data: Data) -> tuple[int, int]:
    return _tell_all(data, data.crowd)[1], len(data.trace.wanted)


def _encode(data: Data) -> tuple[int, int]:
    slices, _, _ = _tell_all(data, data.sign_ups)
    begun = _clock()
    written = sum(len(encode_slice(each)) for each in slices)
    return _clock() - begun, written


def _encode_statuses(data: Data) -> tuple[int, int]:
    _, _, slot = _tell_all(data, data.sign_ups)
    statuses = slot.take_statuses(data.now)
    begun = _clock()
    for status in statuses:
        encode_status(status)
    return _clock() - begun, len(statuses)


def _decode_stock(data: Data) -> tuple[int, int]:
    begun = _clock()
    for value in data.stock_values:
        decode_inventory(value, data.now)
    return _clock() - begun, len(data.stock_values)


def _decode_sign_ups(data: Data) -> tuple[int, int]:
    begun = _clock()
    for value in data.sign_up_values:
        decode_subscription(value, data.now)
    return _clock() - begun, len(data.sign_up_values)


def _decode_plain(data: Data) -> tuple[int, int]:
    read = msgspec.json.Decoder(_Plain).decode
    begun = _clock()
    for value in data.stock_values:
        read(value)
    return _clock() - begun, len(data.stock_values)


def _expect(wanted: int, found: int) -> None:
    if wanted != found:
        raise WrongOutput(f"the engine did {found} operations where {wanted} were meant")


OPERATIONS = (
    Operation("waitlist", "stock event, applied", "ns", _stock),
    Operation("waitlist", "stock event, a whole turn", "ns", _stock_turns),
    Operation("waitlist", "sign-up", "us", _sign_ups),
    Operation("waitlist", "duplicate", "us", _duplicates),
    Operation("waitlist", "person told", "us", _told),
    Operation("waitlist", "person told in one large wave", "us", _told_in_one_wave),
    Operation("schemas", "decode a stock event", "us", _decode_stock),
    Operation("schemas", "msgspec alone, three fields", "us", _decode_plain),
    Operation("schemas", "decode a sign-up", "us", _decode_sign_ups),
    Operation("schemas", "encode a notification", "us", _encode),
    Operation("schemas", "encode a status", "us", _encode_statuses),
)
"""What the engine section measures."""
