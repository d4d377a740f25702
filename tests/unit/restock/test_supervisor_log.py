# SPDX-License-Identifier: Apache-2.0
"""What supervised shards write goes through, with the shard named."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any, Literal

import pytest
import structlog

from restock.log_setup import configure_logging
from restock.settings import LoggingSettings
from restock.shards import Shard
from restock.supervisor_log import ChildLog, Heard, environment_for

SHARD = Shard(3, 16)
Level = Literal["debug", "info", "warning", "error"]


@pytest.fixture(autouse=True)
def fresh_configuration() -> Iterator[None]:
    """Leave structlog and Python's logging as they were found."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers[:], root.level = handlers, level


def heard(
    line: str, level: Level = "info", style: Literal["json", "console"] = "json"
) -> tuple[str, Heard]:
    """What comes out, and what is understood."""
    settings = LoggingSettings(level=level, format=style)
    stream = io.StringIO()
    configure_logging(settings, stream, {})
    found = ChildLog(settings, stream).hear(SHARD, line)
    return stream.getvalue(), found


def log_line(event: str, level: str = "info") -> str:
    """As a process writes it."""
    time = "2026-11-20T10:00:00.000000Z"
    return json.dumps({"event": event, "level": level, "timestamp": time, "lag": 7})


def test_a_log_line_keeps_its_time_and_gets_the_shard() -> None:
    """Everything else stays as the process wrote it."""
    text, found = heard(log_line("slow"))
    assert {**json.loads(log_line("slow")), "shard": "3/16"} == json.loads(text)
    assert Heard() == found


def test_for_people_it_is_rendered_for_people() -> None:
    """One text line, in the form of the supervisor's own."""
    text, _ = heard(log_line("slow"), style="console")
    assert 1 == text.count("\n")
    for part in ("2026-11-20T10:00:00", "slow", "lag=7", "shard=3/16"):
        assert part in text


@pytest.mark.parametrize(("level", "shown"), [("info", True), ("warning", False)])
def test_the_running_line_is_understood_even_where_it_is_not_shown(
    level: Level,
    shown: bool,  # noqa: FBT001 - a case
) -> None:
    """The level that was chosen decides what is shown, not what the supervisor knows."""
    text, found = heard(log_line("running"), level)
    assert (shown, True) == (bool(text), found.is_running)


def test_last_words_are_kept_for_the_report() -> None:
    """They are not shown twice."""
    assert ("", Heard(reason="the disk is full")) == heard("restock: the disk is full")


@pytest.mark.parametrize("line", ["Thread 0x7f (most recent call first):", "{not json", "[1]"])
def test_anything_else_becomes_a_warning(line: str) -> None:
    """A log collector that expects JSON gets JSON."""
    text, found = heard(line)
    event: dict[str, Any] = json.loads(text)
    assert (line, "warning", "3/16") == (event["event"], event["level"], event["shard"])
    assert event["timestamp"].endswith("Z")
    assert Heard(reason=line) == found


def test_an_empty_line_is_nothing() -> None:
    """It neither shows nor counts as a reason."""
    assert ("", Heard()) == heard("")


@pytest.mark.parametrize(("level", "asked"), [("debug", "debug"), ("error", "info")])
def test_processes_are_made_to_say_enough(level: Level, asked: str) -> None:
    """They log JSON, and never less than what the supervisor must understand."""
    expected = {"RESTOCK_LOGGING__FORMAT": "json", "RESTOCK_LOGGING__LEVEL": asked}
    assert expected == environment_for(LoggingSettings(level=level))
