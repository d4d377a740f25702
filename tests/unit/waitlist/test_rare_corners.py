# SPDX-License-Identifier: Apache-2.0
"""Corners of docs/semantics.md section 2 that random traces seldom reach."""

from tests.naive.replay import replay
from tests.naive.times import read_time
from tests.support.compare import differ_in_replay
from tests.support.traces import Trace

_START = 1_795_000_000_000


def test_late_dip_dates_the_cycle_by_the_highest_key_not_by_the_latest_arrival() -> None:
    """B's figure of second 30 came before A's of second 10: the new cycle opened at 30."""
    lines = [
        _stock(0, quantity=2, location_id="A"),
        _stock(30, quantity=0, location_id="B"),
        _stock(10, quantity=2, location_id="A"),
        _line("subscriptions", 20, type="subscribe", profile={"id": "P1"}),
        _stock(5, quantity=0, location_id="A"),
    ]
    told = _told(lines, {"late_grace": 0})
    assert [_START + 30_000] == told


def test_older_event_of_another_place_does_not_set_what_a_newer_one_set() -> None:
    """Unpublished in second 20 is not undone by what B said in second 10."""
    lines = [
        _line("subscriptions", 0, type="subscribe", profile={"id": "P1"}),
        _stock(20, quantity=0, location_id="A", published=False, product={"title": "new"}),
        _stock(10, quantity=5, location_id="B", published=True, product={"title": "old"}),
    ]
    assert [] == _told(lines, {})
    lines.append(_stock(30, quantity=5, location_id="B", published=True))
    assert [_START + 30_000] == _told(lines, {})


def _told(lines: list[dict[str, object]], policy: dict[str, object]) -> list[object]:
    """When the cycles opened in which people were told, once product and model agree."""
    assert differ_in_replay(Trace(0, policy, lines, None)) is None
    outcome = replay(lines, policy)
    opened = [value["cycle_opened_at"] for _, value in outcome.notifications]
    return [read_time(text) for text in opened]


def _stock(second: int, **fields: object) -> dict[str, object]:
    return _line("inventory", second, **fields)


def _line(topic: str, second: int, **fields: object) -> dict[str, object]:
    value = {"variant_id": "v", "occurred_at": _START + 1000 * second, **fields}
    return {"at": _START + 60_000, "topic": topic, "value": value}
