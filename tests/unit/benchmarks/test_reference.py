# SPDX-License-Identifier: Apache-2.0
"""The plain reference that benchmarks hold outputs against, and the jobs that they make up."""

from array import array
from collections.abc import Callable

import msgspec
import pytest

from benchmarks.errors import WrongOutput
from benchmarks.reference import check, expected_output, hashed_id, plain_id, restocks
from benchmarks.trace import SENTINELS, Trace, TraceSizes, make_trace, person_of, variant_name
from schemas.decode import decode_inventory, decode_subscription
from schemas.encode import encode_slice, notification_id
from schemas.events import StockEvent, SubscribeEvent
from schemas.timestamps import format_timestamp
from waitlist.policy import PolicyBook
from waitlist.slot import Slot

STARTED_AT = 1_795_000_000_000
SIZES = TraceSizes(variants=40, people=120, events=600)

Records = list[tuple[bytes, bytes]]


def tiny_trace() -> Trace:
    """Persons 0 to 2 wait for variants 0, 0 and 1; person 1 asks twice; only variant 0 is back."""
    wanted = array("I", [0, 0, 1, *range(2, 2 + SENTINELS)])
    sign_ups = array("I", [0, 1, 2, 1, *range(3, 3 + SENTINELS)])
    return Trace(STARTED_AT, 2, wanted, sign_ups, array("I", [0, 1, 0]), array("I", [0, 0, 2]))


def right_records(trace: Trace) -> Records:
    """The records that a contender without a fault writes."""
    records = []
    for notification_id_, number in expected_output(trace, plain_id).items():
        person = trace.sign_ups[number]
        who = person_of(person)
        value = {
            "id": notification_id_,
            "variant_id": variant_name(trace.wanted[person]),
            "profile": {"id": who.profile_id, "email": who.email},
            "quantity": 2,
            "subscribed_at": format_timestamp(trace.signed_up_at(number)),
        }
        records.append((f"id:{who.profile_id}".encode(), msgspec.json.encode(value)))
    return records


def test_expected_are_those_who_wait_for_what_came_back() -> None:
    """Each person of a restocked variant is expected once, with the first sign-up."""
    trace = tiny_trace()

    expected = expected_output(trace, plain_id)

    assert [0, 1, 4, 5, 6, 7] == sorted(expected.values())
    assert 1 + SENTINELS == restocks(trace)
    assert expected[plain_id(variant_name(0), "id:person-0000001", trace.signed_up_at(1))] == 1


def test_ids_follow_the_contract() -> None:
    """The reference's own rule for ids gives what the program gives."""
    assert notification_id("sku", "id:p1", STARTED_AT) == hashed_id("sku", "id:p1", STARTED_AT)


def test_right_output_passes() -> None:
    """Records as expected pass, in any order."""
    trace = tiny_trace()

    check(reversed(right_records(trace)), expected_output(trace, plain_id), trace)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda records: records[1:], "1 not told"),
        (lambda records: [*records, records[0]], "1 told twice"),
        (lambda records: [*records, _with(records[0], id="x")], "1 told but not to be told"),
        (lambda records: [(b"id:other", records[0][1]), *records[1:]], "key b'id:other'"),
        (lambda records: [_with(records[0], quantity=0), *records[1:]], "quantity=0"),
        (lambda records: [_with(records[0], variant_id="x"), *records[1:]], "variant_id='x'"),
        (
            lambda records: [
                _with(records[0], profile={"id": "person-0000000", "email": "x"}),
                *records[1:],
            ],
            "email='x'",
        ),
        (lambda records: [_with(records[0], subscribed_at="x"), *records[1:]], "at='x'"),
    ],
)
def test_wrong_output_is_refused(spoil: Callable[[Records], Records], message: str) -> None:
    """A record missing, twice, too many, or wrong in a field makes the figures void."""
    trace = tiny_trace()
    records = spoil(right_records(trace))

    with pytest.raises(WrongOutput) as caught:
        check(records, expected_output(trace, plain_id), trace)

    assert message in str(caught.value)


def test_jobs_are_the_same_every_time() -> None:
    """The same sizes give the same job; its beginning is that of the whole."""
    whole = make_trace(SIZES, STARTED_AT)
    part = make_trace(SIZES, STARTED_AT, 100)

    assert whole == make_trace(SIZES, STARTED_AT)
    assert whole.picks[:100] == part.picks
    assert whole.sign_ups == part.sign_ups


def test_what_was_in_stock_ends_in_stock() -> None:
    """A variant that came back is in stock at the end, so that all who wait are told."""
    trace = make_trace(SIZES, STARTED_AT)
    last = dict(zip(trace.picks, trace.quantities, strict=True))
    back = {v for v, quantity in zip(trace.picks, trace.quantities, strict=True) if quantity}

    assert back
    assert {v for v, quantity in last.items() if quantity} == back


@pytest.mark.parametrize("batch", [1, 7, 1000])
def test_the_waitlist_tells_whom_the_reference_expects(batch: int) -> None:
    """Whatever the batches, the waitlist tells exactly those whom the plain rule tells."""
    trace = make_trace(SIZES, STARTED_AT)
    now = STARTED_AT + 10_000
    slot = Slot(PolicyBook())
    sign_ups = [decode_subscription(value, now) for _, value in trace.sign_up_records()]
    slot.apply([event for event in sign_ups if isinstance(event, SubscribeEvent)], now)
    stock: list[StockEvent] = [decode_inventory(v, now) for _, v in trace.inventory_records()]
    stock += [decode_inventory(value, now) for _, _, value in trace.sentinel_records()]
    records: Records = []
    for at in range(0, len(stock), batch):
        slot.apply(stock[at : at + batch], now)
        slot.start_due_waves(now)
        records += [each for part in slot.take_slices(10_000) for each in encode_slice(part)]

    check(records, expected_output(trace, hashed_id), trace)

    assert len(trace.sign_ups) > len(trace.wanted)


def _with(record: tuple[bytes, bytes], **changes: object) -> tuple[bytes, bytes]:
    key, value = record
    return key, msgspec.json.encode({**msgspec.json.decode(value), **changes})
