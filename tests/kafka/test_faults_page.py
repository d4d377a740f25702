# SPDX-License-Identifier: Apache-2.0
"""`docs/faults.md` quotes the lines that the program prints, all of them."""

import logging
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest.mock import Mock

import pytest
from confluent_kafka import KafkaError, Message

from connectors.errors import ConnectorError
from connectors.kafka.admin import Cluster, check_topics, cluster
from connectors.kafka.delivered import _Reader
from connectors.kafka.delivery import Delivery
from connectors.kafka.faults import FetchFaults
from connectors.kafka.growth import Growth, Share, check_growth
from connectors.kafka.offsets import EARLIEST, list_offsets
from connectors.kafka.progress import GroupProgress
from connectors.kafka.resume import lost_message
from connectors.kafka.source import KafkaSource
from restock import leaving
from restock.embedded_broker import EmbeddedBroker
from tests.support.kafka import settings_for, source_part

PAGE = Path(__file__).parents[2] / "docs" / "faults.md"
SETTINGS = settings_for("127.0.0.1:1", "g", connect_timeout="100ms")


def quoted(section: str) -> list[str]:
    """The lines in the first column of a section's table."""
    text = PAGE.read_text().partition(f"## {section}")[2].partition("\n## ")[0]
    columns = [row.split(" | ")[0] for row in text.splitlines() if row.startswith("| `")]
    return [line for column in columns for line in re.findall(r"`([^`]+)`", column)]


def refused(code: int) -> str:
    """The line for a record that brokers refuse."""
    delivery = Delivery(SETTINGS, threading.Event())
    delivery.fail("t", KafkaError(code), 12)
    with pytest.raises(ConnectorError) as caught:
        delivery.raise_failure(Mock())
    return str(caught.value)


def raised(call: Callable[[], object]) -> str:
    """The line of the error that a call raises."""
    with pytest.raises(ConnectorError) as caught:
        call()
    return str(caught.value)


def damaged() -> str:
    """The line for a record whose checksum is wrong."""
    message = Message(topic="t", partition=0, offset=4, error=KafkaError(KafkaError._BAD_MSG))
    return raised(lambda: FetchFaults(SETTINGS, Mock()).sift([message]))


def missing() -> str:
    """The line for a topic that stays away."""
    times = iter(range(0, 1000, 10))
    asked = Mock(**{"list_topics.return_value": Mock(brokers={}, topics={})})
    faults = FetchFaults(SETTINGS, asked, lambda: next(times))
    faults.suspect(KafkaError(KafkaError._UNKNOWN_TOPIC), [("t", 0)])
    return raised(faults.look_again)


def unreadable() -> str:
    """The line for rights that are withdrawn."""
    with EmbeddedBroker() as broker:
        broker.create_topic("t", 1)
        settings = settings_for(broker.bootstrap_servers, "t")
        source = KafkaSource(settings, ["t"], threading.Event())
        part = source_part(source)
        part._on_error(KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED))  # type: ignore[attr-defined]
        try:
            return raised(part.next_batch)
        finally:
            source.close()


def bug(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> str:
    """The line for an error that nobody expected."""
    monkeypatch.setattr("os._exit", lambda _code: None)
    leaving.leave(KeyError("oops"))
    return capfd.readouterr().err.strip().removeprefix("restock: ")


def ending(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A line of each kind that ends the run."""
    admin = Mock(**{"list_offsets.side_effect": TimeoutError()})
    yield raised(lambda: cluster(SETTINGS))
    yield str(Delivery(SETTINGS, threading.Event()).given_up(3))
    yield raised(lambda: list_offsets(admin, SETTINGS, [("t", 0)], EARLIEST))
    yield _Reader(SETTINGS, {("t", 0): (0, 1)}, {}, None, print)._stuck("no records came")
    for code in (10, 29, 3, 32, 87, 21):
        yield refused(code)
    yield lost_message(("t", 0), 5, {("t", 0): (7, 9)}, 1)
    yield missing()
    yield damaged()
    yield unreadable()
    yield raised(lambda: check_growth("t", 4, 6, (0, 4)))
    yield raised(lambda: check_topics(Cluster((), {}), ["t"]))
    yield bug(capfd, monkeypatch)


def warned(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A warning of each kind."""
    faults = FetchFaults(SETTINGS, Mock())
    failed = Message(topic="t", partition=0, offset=4, error=KafkaError(2))
    denied = Message(topic="t", partition=0, offset=4, error=KafkaError(-140))
    known = {("t", 0): (0, 9)}
    monkeypatch.setattr("connectors.kafka.faults.watermarks", lambda *_: known)
    monkeypatch.setattr("connectors.kafka.growth.list_offsets", lambda *_: {("t", 1): 0})
    growth = Growth(SETTINGS, Mock(), {"t": 1}, Share())
    growth._latest = {"t": 2}
    with caplog.at_level(logging.WARNING):
        GroupProgress().on_commit(KafkaError(30), [])
        faults.sift([failed])
        faults.sift([denied])
        growth.take()
        Delivery(SETTINGS, threading.Event()).on_error(KafkaError(KafkaError._TRANSPORT))
    growth.close()
    return caplog.messages


def pattern(line: str) -> re.Pattern[str]:
    """A quoted line as an expression; code in the program's own line is in backticks."""
    return re.compile(re.escape(line).replace("…", ".*"))


def test_every_line_that_ends_the_run_is_quoted(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the order of the table, each line is the one that the program prints."""
    printed = [line.replace("`", "") for line in ending(capfd, monkeypatch)]
    table = quoted("Lines that end the run")

    assert len(table) == len(printed)
    for line, said in zip(table, printed, strict=True):
        assert pattern(line).fullmatch(said), f"{line}\n{said}"
        assert "\n" not in said


def test_every_warning_is_quoted(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same for what is logged while it goes on."""
    said = warned(caplog, monkeypatch)
    table = quoted("Warnings, while it goes on")

    assert [*table[:4], "producer: …"] == [
        next(line for line in table if pattern(line).fullmatch(one)) for one in said
    ]
