# SPDX-License-Identifier: Apache-2.0
"""Logging: for people on a terminal, for machines elsewhere, never naming a person."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Literal

import pytest
import structlog
from typing_extensions import override

from restock.log_setup import configure_logging
from restock.secret_names import MASK
from restock.settings import LoggingSettings


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    @override
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def fresh_configuration() -> Iterator[None]:
    """Leave structlog and Python's logging as they were found."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers[:], root.level = handlers, level


def test_elsewhere_than_on_a_terminal_lines_are_json() -> None:
    """One object a line, with level and time."""
    stream = io.StringIO()
    configure_logging(LoggingSettings(), stream, {})
    structlog.get_logger().info("started", shard="0/1")
    line = json.loads(stream.getvalue())
    assert line["event"] == "started"
    assert line["level"] == "info"
    assert line["shard"] == "0/1"
    assert "timestamp" in line


@pytest.mark.parametrize(
    ("environment", "colored"), [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True)]
)
def test_a_terminal_gets_text_and_colors_unless_refused(
    environment: dict[str, str],
    colored: bool,  # noqa: FBT001 - a case
) -> None:
    """NO_COLOR is respected when it is not empty."""
    stream = Terminal()
    configure_logging(LoggingSettings(), stream, environment)
    structlog.get_logger().info("started")
    assert "started" in stream.getvalue()
    assert colored == ("\x1b[" in stream.getvalue())


@pytest.mark.parametrize("form", ["console", "json"])
def test_what_is_personal_or_secret_is_masked(form: Literal["console", "json"]) -> None:
    """Addresses, profile keys and passwords are not written, whoever logs them."""
    stream = io.StringIO()
    configure_logging(LoggingSettings(format=form), stream, {})
    structlog.get_logger().warning("x", email="a@b.org", profile_key="id:7", password="hunter2")
    assert MASK in stream.getvalue()
    for hidden in ("a@b.org", "id:7", "hunter2"):
        assert hidden not in stream.getvalue()


def test_less_severe_lines_are_left_out() -> None:
    """Nothing below the level is written."""
    stream = io.StringIO()
    configure_logging(LoggingSettings(level="warning"), stream, {})
    structlog.get_logger().info("quiet")
    assert stream.getvalue() == ""


def test_python_s_own_logging_gives_the_same_lines() -> None:
    """What the connectors log is a line like every other, arguments filled in."""
    stream = io.StringIO()
    configure_logging(LoggingSettings(), stream, {})
    logging.getLogger("connectors.kafka.sink").warning("producer: %s", "broker is away")
    line = json.loads(stream.getvalue())
    assert ("producer: broker is away", "warning") == (line["event"], line["level"])
