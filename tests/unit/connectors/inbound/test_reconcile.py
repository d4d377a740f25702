# SPDX-License-Identifier: Apache-2.0
"""A whole feed against the stream: only what differs becomes records."""

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from connectors.errors import InboundError
from connectors.inbound.feed import FeedSource
from connectors.inbound.feed_settings import FeedSettings
from connectors.inbound.reconcile import Counts, Reconciled, Stream, reconcile
from tests.naive.replay import replay

AT = 1_763_640_000_000
SOURCE = FeedSource(FeedSettings(variant_prefix=""))


def stream_of(*records: dict[str, object]) -> Stream:
    """A stream that has said these things, before the feed unless they say when."""
    stream = Stream()
    for record in records:
        value = json.dumps({"occurred_at": AT - 1_000, **record}).encode()
        stream.add(value, AT + 1_000_000)
    return stream


def told(variant_id: str, quantity: int | None, **fields: object) -> dict[str, object]:
    """A record that the feed made before."""
    return {"variant_id": variant_id, "quantity": quantity, "source": "feed", **fields}


def compare(
    figures: dict[str, object], stream: Stream, *, sold_out: bool = False, max_absent: float = 0.5
) -> Reconciled:
    """What a feed with these figures comes to."""
    items = [{"id": name, "inventory_quantity": figure} for name, figure in figures.items()]
    feed = SOURCE.read(json.dumps(items).encode(), AT)
    return reconcile(feed, stream, SOURCE.sold_out if sold_out else None, max_absent)


def written(done: Reconciled) -> dict[str, int]:
    """What is to be written, all of it with the time of the feed."""
    values = [json.loads(record.value) for record in done.records]
    assert {AT} >= {value["occurred_at"] for value in values}
    return {value["variant_id"]: value["quantity"] for value in values}


def test_only_what_differs_is_written() -> None:
    """What is the same, and what the stream knows better, is left alone; all is counted."""
    stream = stream_of(
        {"variant_id": "same", "quantity": 3},
        {"variant_id": "changed", "quantity": 3},
        {"variant_id": "newer", "quantity": 3, "occurred_at": AT + 1},
        {"variant_id": "equal", "quantity": 3, "occurred_at": AT + 1},
        {"variant_id": "placed", "quantity": 3, "location_id": "L1"},
        {"variant_id": "gone", "quantity": None},
    )
    figures: dict[str, object] = dict.fromkeys(["same", "equal"], 3)
    figures |= dict.fromkeys(["changed", "newer", "placed", "gone", "new"], 5) | {"bad": "x"}
    done = compare(figures, stream)
    assert {"changed": 5, "gone": 5, "new": 5} == written(done)
    assert Counts(same=2, changed=2, new=1, newer=1, mixed=1, refused=1) == done.counts


def test_figures_of_the_same_time_are_overridden_unless_their_sequence_is_higher() -> None:
    """As the flow would: of equal keys the later arrival wins."""
    stream = stream_of(
        {"variant_id": "a", "quantity": 1, "occurred_at": AT},
        {"variant_id": "b", "quantity": 1, "occurred_at": AT, "sequence": 1},
    )
    done = compare({"a": 2, "b": 2}, stream)
    assert {"a": 2} == written(done)
    assert 1 == done.counts.newer


def test_the_latest_by_time_counts_not_the_last() -> None:
    """Records may come in any order; those that are not valid say nothing."""
    stream = stream_of(
        {"variant_id": "a", "quantity": 1, "occurred_at": AT - 10},
        {"variant_id": "a", "quantity": 2, "occurred_at": AT - 20},
        {"variant_id": "a", "quantity": "9", "occurred_at": AT - 5},
    )
    assert {} == written(compare({"a": 1}, stream))


@pytest.mark.parametrize(
    ("records", "is_mixed"),
    [
        ([{"location_id": "L", "quantity": 1}], True),
        ([{"location_id": "L", "quantity": 1}, {"quantity": 5}], True),
        ([{"quantity": 5}, {"location_id": "L", "quantity": 1}], False),
        ([{"location_id": "L", "quantity": 1}, {"location_id": "L", "quantity": None}], False),
        ([{"location_id": "L", "quantity": 1}, {"quantity": None}], False),
        (
            [{"location_id": "L", "quantity": 1, "occurred_at": AT - 5}, {"quantity": None}],
            True,
        ),
        (
            [{"quantity": None}, {"location_id": "L", "quantity": 1, "occurred_at": AT - 2000}],
            False,
        ),
    ],
)
def test_totals_do_not_mix_with_figures_by_location(
    records: list[dict[str, object]],
    is_mixed: bool,  # noqa: FBT001
) -> None:
    """Which of the two a variant has is decided as in the flow."""
    done = compare({"v": 9}, stream_of(*({"variant_id": "v", **one} for one in records)))
    assert is_mixed == (done.counts.mixed == 1)
    assert is_mixed == (written(done) == {})


@settings(deadline=None, derandomize=True, database=None)
@example([("A", None, 2, 0), (None, 1, 1, 0)])
@given(
    st.lists(
        st.tuples(
            st.sampled_from([None, "A", "B"]),
            st.sampled_from([None, 0, 1, 2]),
            st.integers(0, 4),
            st.integers(0, 1),
        ),
        min_size=1,
        max_size=7,
    )
)
def test_the_stream_knows_the_figures_that_the_flow_knows(
    events: list[tuple[str | None, int | None, int, int]],
) -> None:
    """Whatever the order: what it took for the same, the flow would never learn."""
    records: list[dict[str, object]] = [
        {
            "variant_id": "v",
            "location_id": location,
            "quantity": quantity,
            "occurred_at": AT + later,
            "sequence": sequence,
        }
        for location, quantity, later, sequence in events
    ]
    known = stream_of(*records).get("v")
    assert known is not None
    found: dict[str | None, int] = {
        place: one for place, (_, one) in (known.locations or {}).items() if one is not None
    }
    if known.quantity is not None:
        found[None] = known.quantity
    lines = [{"at": AT + 1_000, "topic": "inventory", "value": record} for record in records]
    model = replay(lines, {}).model.variants["v"]
    assert {place: one.quantity for place, one in model.figures.items()} == found


def test_absent_variants_are_counted_and_left_alone() -> None:
    """A variant may be missing for many reasons."""
    done = compare({}, stream_of(told("a", 1), told("b", 2)))
    assert {} == written(done)
    assert 2 == done.counts.absent


def test_absent_variants_are_sold_out_if_wanted() -> None:
    """Only those that the feed has told of, that are in stock, and not newer than the feed."""
    stream = stream_of(
        *(told(name, 1) for name in "abc"),
        told("absent", 4),
        {"variant_id": "other", "quantity": 4},
        told("sold", 0),
        told("newer", 4, occurred_at=AT + 1),
        told("refused", 4),
    )
    figures: dict[str, object] = {"a": 1, "b": 1, "c": 1, "refused": "x"}
    done = compare(figures, stream, sold_out=True)
    assert {"absent": 0} == written(done)
    assert 1 == done.counts.absent


def test_a_feed_that_lacks_too_much_is_refused() -> None:
    """Nothing of it is applied, and the message names the setting."""
    stream = stream_of(*(told(name, 1) for name in "abcd"))
    assert {"c": 0, "d": 0} == written(compare({"a": 1, "b": 1}, stream, sold_out=True))
    with pytest.raises(InboundError, match=r"lacks 3 of 4 .* raise max_absent"):
        compare({"a": 1, "new": 5}, stream, sold_out=True)
    assert 3 == len(compare({"a": 1}, stream, sold_out=True, max_absent=1.0).records)
