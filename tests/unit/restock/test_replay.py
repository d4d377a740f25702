# SPDX-License-Identifier: Apache-2.0
"""The clock of a replay, and the command's files, summary and errors."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from restock.cli import main
from schemas.timestamps import format_timestamp

START = 1_795_000_000_000
MINUTE = 60_000
Write = Callable[..., Path]


def stock(minute: int, quantity: int, variant: str = "A") -> dict[str, object]:
    """A line with a stock figure, so many minutes after the start."""
    at = START + minute * MINUTE
    value = {"variant_id": variant, "quantity": quantity, "occurred_at": at}
    return {"at": at, "topic": "inventory", "value": value}


def sign_up(minute: int, person: str, variant: str = "A", **more: object) -> dict[str, object]:
    """A line with a sign-up, so many minutes after the start."""
    at = START + minute * MINUTE
    profile = {"id": person}
    value = {"type": "subscribe", "variant_id": variant, "profile": profile, "occurred_at": at}
    return {"at": at, "topic": "subscriptions", "value": value | more}


def tombstone(minute: int) -> dict[str, object]:
    """A line with a null value."""
    return {"at": START + minute * MINUTE, "topic": "inventory", "value": None}


@pytest.fixture
def trace(own_directory: Path) -> Write:
    """Writes a trace; returns its path."""

    def write(*lines: dict[str, object]) -> Path:
        path = own_directory / "events.jsonl"
        path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        return path

    return write


@pytest.fixture
def output(own_directory: Path) -> Path:
    """Where the notifications go; there is an older file in its place."""
    path = own_directory / "out.jsonl"
    path.write_text("older", encoding="utf-8")
    return path


@pytest.fixture
def policy(own_directory: Path) -> Path:
    """A policy of one person per unit every ten minutes, among other tables."""
    path = own_directory / "policy.toml"
    text = '[kafka]\nunknown = 1\n[policy]\nper_unit = 1\nwait = "10m"\n'
    path.write_text(text, encoding="utf-8")
    return path


def told(output: Path) -> list[tuple[str, int]]:
    """Who was told, and how many minutes after the start."""
    notifications = map(json.loads, output.read_text(encoding="utf-8").splitlines())
    return [(told["profile"]["id"], _minute(told["triggered_at"])) for told in notifications]


def _minute(text: str) -> int:
    minutes = (minute for minute in range(1000) if _text(minute) == text)
    return next(minutes)


def _text(minute: int) -> str:
    return format_timestamp(START + minute * MINUTE)


def replay(*arguments: str | Path) -> int:
    """Run the command."""
    return main(["replay", *map(str, arguments)])


def test_lines_of_one_arrival_are_applied_before_a_wave_starts(trace: Write, output: Path) -> None:
    """Stock that comes and goes at the same moment tells nobody; a late sign-up of it is told."""
    events = trace(sign_up(0, "P1"), stock(1, 5), stock(1, 0), stock(2, 1), sign_up(2, "P2"))
    assert replay(events, "--output", output) == 0
    assert [("P1", 2), ("P2", 2)] == told(output)


def test_the_clock_jumps_to_each_wave(trace: Write, output: Path, policy: Path) -> None:
    """Between lines and after the last, waves start at the times at which they fall due."""
    people = [sign_up(0, f"P{number}") for number in range(4)]
    events = trace(*people, stock(1, 1), tombstone(15))
    assert replay(events, "--output", output, "--policy", policy) == 0
    assert [("P0", 1), ("P1", 11), ("P2", 21), ("P3", 31)] == told(output)


def test_a_wave_due_when_a_line_arrives_starts_after_that_line(
    trace: Write, output: Path, policy: Path
) -> None:
    """The line's own figure is the one that the wave reads."""
    people = [sign_up(0, f"P{number}") for number in range(3)]
    events = trace(*people, stock(1, 1), stock(11, 2))
    assert replay(events, "--output", output, "--policy", policy) == 0
    assert [("P0", 1), ("P1", 11), ("P2", 11)] == told(output)


@pytest.mark.parametrize("until", [_text(11), str(START + 11 * MINUTE)])
def test_the_clock_can_be_stopped(
    trace: Write, output: Path, policy: Path, until: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A wave due at the last moment still starts; later lines are neither read nor checked."""
    people = [sign_up(0, f"P{number}") for number in range(4)]
    events = trace(*people, stock(1, 1), {"at": START + 12 * MINUTE}, {"rubbish": 1})
    arguments = (events, "--output", output, "--policy", policy, "--until", until, "--json")
    assert replay(*arguments) == 0
    assert [("P0", 1), ("P1", 11)] == told(output)
    summary = json.loads(capsys.readouterr().out)
    assert summary == {
        "events": 5,
        "dead_lettered": 0,
        "tombstones": 0,
        "notifications": 2,
        "waiting": 2,
        "variants": 1,
    }


def test_values_that_are_no_records_are_counted_and_move_the_clock(
    trace: Write, output: Path, policy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Dead letters and tombstones are lines read; they name no variant."""
    bad = {"at": START + 30 * MINUTE, "topic": "inventory", "value": {"variant_id": "B"}}
    events = trace(sign_up(0, "P1"), sign_up(0, "P2"), stock(1, 1), tombstone(2), bad)
    assert replay(events, "--output", output, "--policy", policy, "--json") == 0
    assert [("P1", 1), ("P2", 11)] == told(output)
    summary = json.loads(capsys.readouterr().out)
    assert summary["events"] == 5
    assert summary["dead_lettered"] == 1
    assert summary["tombstones"] == 1
    assert summary["variants"] == 1


def test_who_expires_after_the_end_still_waits(
    trace: Write, output: Path, policy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The end is the last line or wave, not a later time at which nobody was left to be told."""
    brief = sign_up(0, "P2", expires_at=START + 5 * MINUTE)
    events = trace(sign_up(0, "P1"), brief, stock(1, 1), tombstone(2))
    assert replay(events, "--output", output, "--policy", policy, "--json") == 0
    assert [("P1", 1)] == told(output)
    assert json.loads(capsys.readouterr().out)["waiting"] == 1


def test_an_empty_trace_is_one(
    own_directory: Path, output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No line, no notification, no error."""
    (own_directory / "empty.jsonl").write_bytes(b"\n \n")
    assert replay("empty.jsonl", "--output", output, "--json") == 0
    assert output.read_bytes() == b""
    assert set(json.loads(capsys.readouterr().out).values()) == {0}


def test_people_get_a_summary_on_standard_error(
    trace: Write, output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In a pipe it is one line, and standard output stays empty."""
    assert replay(trace(sign_up(0, "P1"), stock(1, 1)), "--output", output) == 0
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == (
        "2 lines read (0 dead-lettered, 0 tombstones), 1 variant: "
        f"1 notification in {output}, 0 still waiting\n"
    )


def test_a_summary_needs_no_output(
    trace: Write, own_directory: Path, policy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With --summary-only the same is decided and counted, and no file is made."""
    events = trace(sign_up(0, "P1"), sign_up(0, "P2"), stock(1, 1), stock(2, 0))
    before = {path.name for path in own_directory.iterdir()}
    assert replay(events, "--policy", policy, "--summary-only", "--json") == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out)["notifications"] == 1
    assert shown.err == (
        "4 lines read (0 dead-lettered, 0 tombstones), 1 variant: 1 notification, 1 still waiting\n"
    )
    assert before == {path.name for path in own_directory.iterdir()}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "--output is missing: name a file for the notifications, or give --summary-only"),
        (["--output", "x", "--summary-only"], "--summary-only writes no notifications"),
    ],
)
def test_either_an_output_or_a_summary_is_wanted(
    arguments: list[str], message: str, trace: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither, or both, is a usage error that says what to do."""
    assert replay(trace(stock(0, 1)), *arguments) == 2
    assert capsys.readouterr().err.startswith(f"restock: {message}")
    assert not Path("x").exists()


def test_the_configuration_of_the_directory_is_not_read(trace: Write, output: Path) -> None:
    """Without --policy the default policy holds, whatever restock.toml says."""
    Path("restock.toml").write_text("[policy]\nmin_quantity = 99\n", encoding="utf-8")
    assert replay(trace(sign_up(0, "P1"), stock(1, 1)), "--output", output) == 0
    assert [("P1", 1)] == told(output)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing.jsonl"], "missing.jsonl: cannot be read: No such file"),
        (["."], ".: cannot be read: Is a directory"),
        (["bad.jsonl"], "bad.jsonl:2: is not JSON"),
        (["good.jsonl", "--until", "soon"], "--until soon: "),
        (["good.jsonl", "--until", ""], "--until"),
        (["good.jsonl", "--policy", "missing.toml"], "missing.toml: cannot be read"),
        (["good.jsonl", "--policy", "bad.toml"], "bad.toml: policy.override[0].wait: "),
        (["good.jsonl", "--policy", "number.toml"], "number.toml: policy: must be a table"),
        (["good.jsonl", "--policy", "bad.jsonl"], "bad.jsonl: is not TOML"),
    ],
)
def test_after_an_error_there_is_no_output(
    arguments: list[str],
    message: str,
    trace: Write,
    output: Path,
    own_directory: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Any error is exit code 2 and one line; neither a new nor an older output is left behind."""
    trace(sign_up(0, "P1"), stock(1, 1)).rename("good.jsonl")
    good = Path("good.jsonl").read_bytes()
    Path("bad.jsonl").write_bytes(good.splitlines()[0] + b"\nrubbish\n" + good)
    Path("number.toml").write_text("policy = 1", encoding="utf-8")
    Path("bad.toml").write_text(
        "[[policy.override]]\nvariants = []\nper_unit = 1", encoding="utf-8"
    )
    before = {path.name for path in own_directory.iterdir()} - {output.name}
    assert replay(*arguments, "--output", output) == 2
    shown = capsys.readouterr()
    assert shown.err.startswith("restock: ")
    assert message in shown.err
    assert shown.err.count("\n") == 1
    assert before == {path.name for path in own_directory.iterdir()}


@pytest.mark.parametrize("place", ["nowhere/out.jsonl", "folder"])
def test_an_output_that_cannot_be_written_is_named(
    place: str, trace: Write, own_directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A missing directory, or a directory in the file's place, is one line."""
    (own_directory / "folder").mkdir()
    assert replay(trace(stock(0, 1)), "--output", place) == 2
    assert f"--output {place}: cannot be written: " in capsys.readouterr().err


def test_an_input_is_never_overwritten(
    trace: Write, own_directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Naming the trace as the output is refused, and the trace is left as it is."""
    events = trace(stock(0, 1))
    link = own_directory / "link.jsonl"
    link.symlink_to(events)
    content = events.read_bytes()
    assert replay(events, "--output", link) == 2
    assert "is also read" in capsys.readouterr().err
    assert content == events.read_bytes()


def test_a_pipe_is_written_to_and_kept(trace: Write, own_directory: Path) -> None:
    """An output that is no regular file is not replaced."""
    pipe = own_directory / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        assert replay(trace(sign_up(0, "P1"), stock(1, 1)), "--output", pipe) == 0
        assert b'"P1"' in os.read(reader, 10_000)
    finally:
        os.close(reader)
    assert pipe.is_fifo()
