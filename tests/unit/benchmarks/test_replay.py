# SPDX-License-Identifier: Apache-2.0
"""The replay section's trace is one, and its checks find what is wrong."""

import json
from pathlib import Path

import pytest

from benchmarks.errors import WrongOutput
from benchmarks.reference import expected_output, hashed_id
from benchmarks.replay import check_output, check_summary, trace_lines
from benchmarks.trace import SENTINELS, TraceSizes, make_trace
from restock.cli import main

TRACE = make_trace(TraceSizes(variants=40, people=120, events=600), 1_795_000_000_000)
LINES = len(TRACE.sign_ups) + 600 + SENTINELS
EXPECTED = expected_output(TRACE, hashed_id)


@pytest.fixture
def output(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """What the program makes of the trace; its summary is beside it."""
    (tmp_path / "events.jsonl").write_bytes(b"".join(trace_lines(TRACE)))
    told = tmp_path / "told.jsonl"
    arguments = ["replay", str(tmp_path / "events.jsonl"), "--output", str(told), "--json"]
    assert 0 == main(arguments)
    (tmp_path / "summary.json").write_text(capsys.readouterr().out)
    return told


def test_the_program_passes(output: Path) -> None:
    """Notifications and summary are those that the plain reference expects."""
    check_output(output, EXPECTED, TRACE)
    summary = json.loads(output.with_name("summary.json").read_text())
    check_summary(summary, LINES, len(EXPECTED), TRACE)


def test_a_notification_left_out_is_found(output: Path) -> None:
    """One person who was not told makes the figures void."""
    output.write_bytes(b"".join(output.read_bytes().splitlines(keepends=True)[1:]))
    with pytest.raises(WrongOutput, match="1 not told"):
        check_output(output, EXPECTED, TRACE)


@pytest.mark.parametrize("name", ["events", "notifications", "waiting", "variants"])
def test_a_figure_that_is_off_by_one_is_found(output: Path, name: str) -> None:
    """Each figure of a summary is compared."""
    summary = json.loads(output.with_name("summary.json").read_text())
    summary[name] += 1
    with pytest.raises(WrongOutput, match=f"summary: {name} is"):
        check_summary(summary, LINES, len(EXPECTED), TRACE)
