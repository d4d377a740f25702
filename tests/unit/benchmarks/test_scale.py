# SPDX-License-Identifier: Apache-2.0
"""The engine's own run of the job, the pictures of what it costs, and the times of sending."""

import re
from pathlib import Path

import msgspec
import pytest

from benchmarks import plot, scale
from benchmarks.latency import percentile
from benchmarks.memory import CASES, Case
from benchmarks.pacing import steady
from benchmarks.reference import check, expected_output, hashed_id
from benchmarks.trace import TraceSizes, make_trace
from schemas.events import StockEvent

STARTED_AT = 1_795_000_000_000


def test_the_engine_tells_whom_the_reference_expects() -> None:
    """What the section measures does the whole job, sentinels included."""
    trace = make_trace(TraceSizes(variants=40, people=120, events=600), STARTED_AT)
    run = scale.EngineRun(trace)

    check(run.records(), expected_output(trace, hashed_id), trace)

    assert run.cpu_seconds > 0


def test_each_picture_shows_one_series(tmp_path: Path) -> None:
    """Events grow over the same variants in one picture, variants under the same events in one."""
    jobs = [(100, 50, 2.0), (1_000, 50, 3.0), (1_000, 5, 1.0), (1_000, 500, 7.0), (10_000, 50, 4.0)]
    rows = []
    for events, variants, cost in jobs:
        for figure in (scale.CPU, scale.RATE):
            values = [cost, cost / 2, cost * 2]
            subject = scale.subject(events, variants)
            rows.append({"subject": subject, "figure": figure, "values": values, "median": cost})
    results = tmp_path / "results.json"
    results.write_bytes(msgspec.json.encode({"sections": {"scale": {"rows": rows}}}))

    assert plot.main([str(results), str(tmp_path)]) == 0

    assert ["2.00", "3.00", "4.00"] == labels(tmp_path / "performance-events.svg")
    assert ["1.00", "3.00", "7.00"] == labels(tmp_path / "performance-variants.svg")


def test_pictures_need_both_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a file and a folder there is a line that says how it is used."""
    assert plot.main([]) == 2
    assert "usage:" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("value", "ceiling"), [(1.0, 1.0), (4.3, 6.0), (7.9, 8.0), (476.0, 600.0), (0.03, 0.03)]
)
def test_axes_end_at_round_numbers(value: float, ceiling: float) -> None:
    """An axis ends at a round number that is not below the largest value."""
    assert ceiling == pytest.approx(plot.nice_ceiling(value))


@pytest.mark.parametrize(
    ("size", "text"), [(1_000_000, "1M"), (100_000, "100k"), (1_500, "1,500"), (7, "7")]
)
def test_sizes_are_short(size: int, text: str) -> None:
    """Sizes are written as people say them."""
    assert text == plot.short(size)


def test_records_are_due_at_a_steady_rate() -> None:
    """So many a second, from the beginning that was asked for."""
    due = steady("topic", [(b"k", b"1"), (b"k", b"2"), (b"k", b"3")], rate=4, begin=1.0)

    assert [1.0, 1.25, 1.5] == [each.at for each in due]
    assert [b"1", b"2", b"3"] == [each.value for each in due]


def test_a_share_of_the_values_is_not_above_the_percentile() -> None:
    """The percentile is a value that was seen: with few of them, the largest."""
    values = [float(number) for number in range(100, 0, -1)]

    assert (50.0, 99.0, 100.0) == tuple(percentile(values, share) for share in (0.5, 0.99, 1.0))
    assert percentile([7.0], 0.99) == 7.0


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_cases_of_memory_are_told_apart(case: Case) -> None:
    """Each case gives as many events as asked for, of its own kind and identifiers."""
    events = list(case.events(20))

    variants = max(1, int(20 * case.spread)) if case.people else 20
    assert 20 == len(events)
    assert {not case.people} == {isinstance(event, StockEvent) for event in events}
    assert variants == len({event.variant_id for event in events})


def labels(file: Path) -> list[str]:
    """The numbers above the points of the left half."""
    cost, _, _ = file.read_text().partition("events per second")
    return re.findall(r'font-weight="600">([0-9]\.[0-9]{2})<', cost)
