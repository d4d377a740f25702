# SPDX-License-Identifier: Apache-2.0
"""Many records at once are decided as each of them alone."""

import gc
import json
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import batches
from schemas.batches import (
    Refuse,
    decode_inventory_batch,
    decode_inventory_columns,
    decode_subscription_batch,
)
from schemas.decode import MAX_AHEAD, decode_inventory, decode_subscription
from schemas.errors import InvalidRecord
from schemas.events import Event, StockBlock, StockEvent
from schemas.timestamps import format_timestamp
from tests.unit.schemas.record_texts import ARRIVAL, STEADY, inventory_texts, subscription_texts

Outcomes = list[tuple[int, str]]

STOCK = b'{"variant_id":"V","quantity":7,"occurred_at":1795000364460}'
SIGN_UP = b'{"type":"subscribe","variant_id":"V","profile":{"id":"P"},"occurred_at":1795000364460}'
CUTS = [
    (b'{"variant_id":"V",', b'"quantity":7,"occurred_at":1795000364460}'),
    (b'{"variant_id":"V","quantity":7,"occurred_at":1795000364460', b"}"),
    (b'{"variant_id":"V', b'","quantity":7,"occurred_at":1795000364460}'),
    (b'{"variant_id":"V\\', b'n","quantity":7,"occurred_at":1795000364460}'),
    (STOCK + STOCK, b""),
    (STOCK + b"," + STOCK, b" "),
    (STOCK + b"\n" + STOCK, b"\n"),
    (b"[" + STOCK, STOCK + b"]"),
]
"""Two values that are valid only together, or two records in one of them."""
ODD = {
    "unknown fields": b',"warehouse":"x"}',
    "fields of a product that are unknown": b',"product":{"title":"Jacket","colour":"red"}}',
    "details": b',"policy":"deny","available":false,"published":null}',
    "a product": b',"product":{"title":"Jacket","price":90.5}}',
    "an empty product": b',"product":{}}',
    "a location": b',"location_id":"A","sequence":3}',
    "a null sequence": b',"sequence":null}',
    "a null sequence beside details": b',"policy":"deny","sequence":null}',
    "a control character": b',"variant_id":"a\\u0000"}',
    "a control character that needs no escape": b',"variant_id":"a\x7f"}',
    "one outside of ASCII": b',"location_id":"a\xc2\x85"}',
    "a format character": b',"variant_id":"a\xe2\x80\x8b"}',
    "a time that is none": b',"occurred_at":"2026-11-18T11:12:60.000Z"}',
    "a time in the future": b',"occurred_at":%d}' % (ARRIVAL + MAX_AHEAD + 1),
    "a time a little ahead": b',"occurred_at":%d}' % (ARRIVAL + MAX_AHEAD),
    "a time as text": b',"occurred_at":"2026-11-18T11:12:44.460Z"}',
    "a name that is written oddly": b',"x":1,"qu\\u0061ntity":9}',
    "a string for a number": b',"quantity":"7"}',
    "a string for a number, ignored": b',"x":{"quantity":"7"}}',
    "no end": b"",
    "an unpaired surrogate": b',"x":"\\ud800"}',
    "deep nesting": b',"x":' + b"[" * 499 + b"]" * 499 + b"}",
    "nesting too deep": b',"x":' + b"[" * 501 + b"]" * 501 + b"}",
    "a raw newline": b',"source":"a\nb"}',
    "a number beyond double range": b',"x":1e400}',
}


def one_by_one(
    decode: Callable[[bytes, int], Event], values: Sequence[bytes], arrivals: Sequence[int]
) -> tuple[list[str], Outcomes]:
    """The events, and places and faults, from the decoder of one record."""
    events, refused = [], []
    for place, (value, arrival) in enumerate(zip(values, arrivals, strict=True)):
        try:
            events.append(repr(decode(value, arrival)))
        except InvalidRecord as error:
            refused.append((place, repr(error)))
    return events, refused


def at_once(
    decode: Callable[[Sequence[bytes], Sequence[int], Refuse], Sequence[Event]],
    values: Sequence[bytes],
    arrivals: Sequence[int],
) -> tuple[list[str], Outcomes]:
    """The same from a batch; in text 7 differs from 7.0 and True from 1."""
    refused = []
    events = decode(values, arrivals, lambda place, error: refused.append((place, repr(error))))
    return list(map(repr, events)), refused


def flat(pieces: Iterable[StockEvent | StockBlock]) -> Iterator[StockEvent]:
    """The same without blocks."""
    for piece in pieces:
        if isinstance(piece, StockBlock):
            yield from piece.events()
        else:
            yield piece


def flat_columns(
    values: Sequence[bytes], arrivals: Sequence[int], refuse: Refuse
) -> list[StockEvent]:
    """`decode_inventory_columns` without blocks."""
    return [*flat(decode_inventory_columns(values, arrivals, refuse))]


def expect_same_stock(values: Sequence[bytes], arrivals: Sequence[int] | None = None) -> None:
    """Inventory records come out of a batch, or of columns, as they come out one by one."""
    arrivals = arrivals or [ARRIVAL] * len(values)
    expected = one_by_one(decode_inventory, values, arrivals)
    assert expected == at_once(decode_inventory_batch, values, arrivals)
    assert expected == at_once(flat_columns, values, arrivals)


def expect_same_sign_ups(values: Sequence[bytes]) -> None:
    """Subscription records come out of a batch as they come out one by one."""
    arrivals = [ARRIVAL] * len(values)
    expected = one_by_one(decode_subscription, values, arrivals)
    assert expected == at_once(decode_subscription_batch, values, arrivals)


def stock_of(values: Sequence[bytes], arrivals: Sequence[int] | None = None) -> list[StockEvent]:
    """The events of inventory records all of which are valid."""
    return decode_inventory_batch(values, arrivals or [ARRIVAL] * len(values), _unexpected)


def _unexpected(place: int, error: InvalidRecord) -> None:
    pytest.fail(f"record {place} was refused: {error}")


def with_end(record: bytes, end: bytes) -> bytes:
    """A record with something at its end."""
    return record[:-1] + end


@st.composite
def among_others(
    draw: st.DrawFn,
    plain: bytes,
    texts: st.SearchStrategy[bytes],
    others: st.SearchStrategy[int] = st.integers(0, 40),  # noqa: B008 - it is drawn from, not kept
) -> list[bytes]:
    """Up to eight odd records among up to forty plain ones, or as many as are wanted."""
    values = [plain] * draw(others)
    for value in draw(st.lists(texts, min_size=1, max_size=8)):
        values.insert(draw(st.integers(0, len(values))), value)
    return values


@settings(STEADY, max_examples=150)
@given(among_others(STOCK, inventory_texts))
def test_inventory(values: list[bytes]) -> None:
    """Whatever stands between plain inventory records, each is decided as if it were alone."""
    expect_same_stock(values)


@settings(STEADY, max_examples=150)
@given(among_others(STOCK, inventory_texts, st.integers(120, 200)))
def test_inventory_in_columns(values: list[bytes]) -> None:
    """Whatever stands between so many plain records that they become columns, the same."""
    expect_same_stock(values)


@settings(STEADY, max_examples=40)
@given(among_others(STOCK, inventory_texts, st.just(150)), st.randoms(use_true_random=False))
def test_arrivals_of_columns(values: list[bytes], random: Random) -> None:
    """In columns, too, each record is judged by its own arrival."""
    latest = random.choice([ARRIVAL, ARRIVAL + MAX_AHEAD])
    earliest = random.choice([ARRIVAL - MAX_AHEAD - 1, ARRIVAL - MAX_AHEAD, ARRIVAL - 3])
    expect_same_stock(values, [random.randint(earliest, latest) for _ in values])


@settings(STEADY, max_examples=150)
@given(among_others(SIGN_UP, subscription_texts))
def test_subscriptions(values: list[bytes]) -> None:
    """Whatever stands between plain sign-ups, each is decided as if it were alone."""
    expect_same_sign_ups(values)


@settings(STEADY, max_examples=40)
@given(st.lists(inventory_texts, min_size=9, max_size=30), st.data())
def test_arrivals(values: list[bytes], data: st.DataObject) -> None:
    """Each record is judged by its own arrival."""
    near = st.integers(ARRIVAL - MAX_AHEAD - 2, ARRIVAL + MAX_AHEAD + 2)
    arrivals = data.draw(st.lists(near, min_size=len(values), max_size=len(values)))
    expect_same_stock(values, arrivals)


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("place", [0, 5, 19])
def test_no_value_leans_on_its_neighbour(cut: tuple[bytes, bytes], place: int) -> None:
    """Values that would be valid only together are both refused, and nobody else is."""
    values = [STOCK] * 20
    values[place:place] = cut
    _, refused = at_once(decode_inventory_batch, values, [ARRIVAL] * 22)
    assert [place, place + 1] == [at for at, _ in refused]
    expect_same_stock(values)


@settings(STEADY, max_examples=100)
@given(st.integers(0, 3 * len(STOCK)), st.integers(0, 3 * len(STOCK)), st.integers(9, 20))
def test_values_that_are_cut_elsewhere(first: int, second: int, count: int) -> None:
    """Three records cut into three values at any places are decided as they are cut."""
    text = STOCK * 3
    first, second = sorted((first, second))
    values = [STOCK] * count
    values[4:4] = [text[:first], text[first:second], text[second:]]
    expect_same_stock(values)


@pytest.mark.parametrize("end", ODD.values(), ids=ODD)
@pytest.mark.parametrize("share", [1, 2, 10, 250])
def test_odd_records(end: bytes, share: int) -> None:
    """It does not matter how many of some hundred records are out of the ordinary."""
    odd, plain = with_end(STOCK, end), with_end(STOCK, b',"event_id":"e"}')
    expect_same_stock([plain if place % share else odd for place in range(600)])
    odd, plain = with_end(SIGN_UP, end), with_end(SIGN_UP, b',"event_id":"e"}')
    expect_same_sign_ups([plain if place % share else odd for place in range(600)])


@pytest.mark.parametrize("place", [0, 1, 254, 255, 256, 257, 511, 512, 2047, 2048, 2599])
@pytest.mark.parametrize("decode", [decode_inventory_batch, flat_columns])
def test_place_of_a_refused_record(
    decode: Callable[[Sequence[bytes], Sequence[int], Refuse], list[StockEvent]], place: int
) -> None:
    """A refused record is named by its place in the whole batch."""
    values = [STOCK] * 2600
    values[place] = b"{"
    events, refused = at_once(decode, values, [ARRIVAL] * 2600)
    assert [place] == [at for at, _ in refused]
    assert 2599 == len(events)


@pytest.mark.parametrize("field", [b"variant_id", b"location_id"])
def test_control_characters(field: bytes) -> None:
    """No control character in an identifier slips through among many, wherever it stands."""
    for code in (*range(0x20), 0x7F):
        for before in range(0, 36, 5):
            text = b"a" * before + bytes([code]) + b"a" * (40 - before)
            values = [STOCK] * 20
            values[7] = with_end(STOCK, b',"%b":"%b"}' % (field, text))
            events, refused = at_once(decode_inventory_batch, values, [ARRIVAL] * 20)
            assert (19, [7]) == (len(events), [place for place, _ in refused])


def test_order() -> None:
    """Events stay in the order of their records, however they were read."""
    ends = [*ODD.values()]
    values = [
        b'{"variant_id":"V%d"%b' % (number, ends[number % 11] or b"}") for number in range(500)
    ]
    values = [value.replace(b"}", b',"quantity":1,"occurred_at":1795000364460}', 1)
              for value in values]  # fmt: skip
    events = decode_inventory_batch(values, [ARRIVAL] * 500, lambda *_: None)
    numbers = [int(e.variant_id[1:]) for e in events if e.variant_id[1:].isdecimal()]
    assert len(numbers) > 100
    assert sorted(numbers) == numbers
    expect_same_stock(values)


@pytest.mark.parametrize("count", [0, 1, 8, 9])
def test_few(count: int) -> None:
    """A batch may be small, or empty."""
    expected = StockEvent("V", 7, ARRIVAL)
    assert [expected] * count == stock_of([STOCK] * count)


def test_times_ahead_are_arrivals() -> None:
    """Records dated a little after their arrivals count as dated at them, each at its own."""
    values = [
        json.dumps({**json.loads(STOCK), "occurred_at": format_timestamp(ARRIVAL + 5)}).encode()
    ] * 300
    arrivals = [ARRIVAL + number % 10 for number in range(300)]
    events = stock_of(values, arrivals)
    assert [min(ARRIVAL + 5, arrival) for arrival in arrivals] == [e.occurred_at for e in events]


def test_ordinary_batches_are_not_decided_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """What producers write, with unknown fields too, is decoded by whole pieces."""
    monkeypatch.setattr(batches, "_decide_each", None)
    for name in ("unknown fields", "details", "a product", "a location", "a null sequence"):
        assert 300 == len(stock_of([with_end(STOCK, ODD[name])] * 300))
    for end in (b"}", b',"locale":"sv"}', ODD["unknown fields"]):
        values = [with_end(SIGN_UP, end)] * 300
        assert 300 == len(decode_subscription_batch(values, [ARRIVAL] * 300, _unexpected))


@pytest.mark.parametrize(
    "end",
    [
        b"}",
        b',"sequence":3}',
        ODD["unknown fields"],
        ODD["a null sequence"],
        ODD["a time as text"],
        ODD["a time a little ahead"],
        ODD["a format character"],
    ],
)
def test_plain_figures_become_blocks(end: bytes) -> None:
    """Many plain figures are one block, with a few others where these stand."""
    values = [with_end(STOCK, end)] * 1000
    assert [1000] == sizes_of(values)
    values[0] = values[500] = values[999] = with_end(STOCK, b',"warehouse":"x","sequence":9}')
    assert [1000] == sizes_of(values)
    expect_same_stock(values)
    values[100] = values[999] = with_end(STOCK, ODD["a location"])
    values[200] = with_end(STOCK, b',"quantity":null}')
    values[300] = with_end(STOCK, ODD["details"])
    assert [100, 1, 99, 1, 99, 1, 698, 1] == sizes_of(values)
    values[400] = b"{"
    assert [100, 1, 99, 1, 99, 1, 697, 1] == sizes_of(values)
    expect_same_stock(values)


@pytest.mark.parametrize("name", ["a location", "details", "a product", "no end"])
def test_others_become_no_blocks(name: str) -> None:
    """Where few of the figures are plain there is no block."""
    values = [STOCK, with_end(STOCK, ODD[name])] * 500
    assert {1} == {*sizes_of(values)}
    assert [] == sizes_of([])
    assert [1] == sizes_of([STOCK])


def sizes_of(values: Sequence[bytes]) -> list[int]:
    """How many figures each piece of the columns has."""
    pieces = decode_inventory_columns(values, [ARRIVAL] * len(values), lambda *_: None)
    return [len(piece) if isinstance(piece, StockBlock) else 1 for piece in pieces]


@pytest.mark.parametrize("given", ["all", "some", "none"])
def test_sequences_of_a_block(given: str) -> None:
    """A block has sequences only if one of its figures has one that is not zero."""
    number = {"all": b"3", "some": b"0", "none": b"0"}[given]
    values = [with_end(STOCK, b',"sequence":%b}' % number)] * 500
    if given == "some":
        values[7] = with_end(STOCK, b',"sequence":-9007199254740991}')
    (block,) = decode_inventory_columns(values, [ARRIVAL] * 500, _unexpected)
    assert isinstance(block, StockBlock)
    assert (given == "none") == (block.sequences is None)
    expect_same_stock(values)


def test_the_largest_figures() -> None:
    """Nothing is cut off or rounded in a column."""
    limits = [b"9007199254740991", b"-9007199254740991", b"0", b"-1"] * 100
    values = [with_end(STOCK, b',"quantity":%b,"sequence":%b}' % (n, n)) for n in limits]
    assert [400] == sizes_of(values)
    expect_same_stock(values)


@pytest.mark.parametrize("arrival", [-1, 0, -(2**63), 2**63 - 1])
def test_odd_arrivals(arrival: int) -> None:
    """An arrival may be any number that Kafka can carry."""
    expect_same_stock([STOCK] * 300, [ARRIVAL] * 150 + [arrival] * 2 + [ARRIVAL] * 148)


@pytest.fixture
def no_collector() -> Iterator[None]:
    """Garbage is not collected meanwhile."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("count", [1, 300])
@pytest.mark.parametrize("others", [0, 10_000])
def test_errors_hold_nothing_up(count: int, others: int) -> None:
    """A refused record is forgotten with the batch, also where no garbage is collected."""
    values = [b"{", b'{"variant_id":7}'] * count + [STOCK] * others
    errors: list[weakref.ref[InvalidRecord]] = []
    for decode in (decode_inventory_batch, decode_inventory_columns):
        decode(values, [ARRIVAL] * len(values), lambda _, error: errors.append(weakref.ref(error)))
    assert 4 * count == len(errors)
    assert {None} == {error() for error in errors}
