# SPDX-License-Identifier: Apache-2.0
"""The ledger, as the sections about delivery look at it."""

import threading
from pathlib import Path

import pytest

from benchmarks.errors import BenchmarkError, WrongOutput
from benchmarks.ledgers import announced, check_ledger, taken_in
from connectors.sinks.contract import Answer, Message, Resolution
from tests.support.offices import FakeSink, arrived, opened_office, wait_until


def test_a_ledger_says_how_far_it_is(tmp_path: Path) -> None:
    """Three people who are sent to: taken in while under way, then told to Kafka, and all sent."""
    ledger = tmp_path / "ledger.sqlite3"
    may_answer = threading.Event()

    def answer(_message: Message) -> Answer:
        assert may_answer.wait(10)
        return Answer(Resolution.SENT)

    sinks = {"mail": FakeSink(answer), "texts": FakeSink()}
    with opened_office(tmp_path, sinks) as office:
        office.take([arrived(f"p{number}", position=number) for number in (1, 2, 3)])
        wait_until(lambda: taken_in(ledger) == 3)
        may_answer.set()
        wait_until(lambda: announced(ledger) == 3)

    check_ledger(ledger, 3)
    with pytest.raises(WrongOutput, match="3 entries, 3 people sent to, of 4"):
        check_ledger(ledger, 4)


def test_a_ledger_that_is_none_is_named(tmp_path: Path) -> None:
    """A file that cannot be read is an error that names it."""
    with pytest.raises(BenchmarkError, match=r"nothing\.sqlite3: unable to open"):
        taken_in(tmp_path / "nothing.sqlite3")
