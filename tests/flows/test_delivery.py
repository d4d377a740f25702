# SPDX-License-Identifier: Apache-2.0
"""The end of the delivery flow: an epoch is durable only with its news and its dead letters."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from bytewax.outputs import StatefulSinkPartition
from typing_extensions import override

from connectors.failure import Failure
from connectors.kafka.records import Outgoing
from dataflows.desk import Desk
from dataflows.sorting import Portion
from delivery.errors import LedgerError
from delivery.news import News, Stood
from delivery.office import Office
from schemas.errors import RestockError
from tests.support.offices import NOW, FakeSink, MemoryWriter, arrived, opened_office, wait_until

LETTER = Outgoing("orders.dlq", [(None, b"{")])


class BrokenWriter(MemoryWriter):
    """Its broker takes nothing."""

    @override
    def flush(self) -> None:
        """Fail."""
        raise ConnectionError


def sinks() -> dict[str, FakeSink]:
    """Two that answer only after the test."""
    return {"mail": FakeSink(seconds=60), "texts": FakeSink()}


def part_of(
    office: Office, letters: MemoryWriter, failure: Failure
) -> StatefulSinkPartition[Portion, bytes]:
    """The part of the desk, as Bytewax builds it."""
    writer: Any = letters
    return Desk(office, writer, failure).build_part("flow.desk", "desk", None)


def known(path: Path) -> list[str]:
    """The people whose journeys the ledger has."""
    with closing(sqlite3.connect(path / "ledger.sqlite3")) as connection:
        rows = connection.execute("SELECT profile_key FROM journeys ORDER BY number").fetchall()
    return [row[0] for row in rows]


def test_an_epoch_ends_with_its_news_in_the_ledger(tmp_path: Path) -> None:
    """However many portions there are; and the brokers have its dead letters."""
    failure, letters = Failure(), MemoryWriter()
    people = [f"p{number:04}" for number in range(1_000)]
    with opened_office(tmp_path, sinks(), patience=0.01) as office:
        part = part_of(office, letters, failure)
        part.write_batch(
            [
                Portion([arrived(name, position=n) for n, name in enumerate(people, 1)], []),
                Portion([], [LETTER]),
            ]
        )
        assert b"" == part.snapshot()
        assert [f"id:{name}" for name in people] == known(tmp_path)
    assert (1, [LETTER]) == (letters.flushed, letters.letters())
    assert failure.error is None


def test_an_epoch_does_not_end_when_the_ledger_cannot_be_written(tmp_path: Path) -> None:
    """What is not written down must be read again: the snapshot raises, nothing is durable."""
    unwritable: Any = object()
    news: list[News] = [arrived("ann"), Stood("V", offered=unwritable, at=NOW)]
    raised: list[bool] = []

    def take_and_end() -> None:
        with opened_office(tmp_path, sinks(), patience=0.01) as office:
            part = part_of(office, MemoryWriter(), Failure())
            part.write_batch([Portion(news, [])])
            raised.append(raises(part))

    with pytest.raises(LedgerError):
        take_and_end()
    assert [] == known(tmp_path)
    assert [True] == raised


def test_an_epoch_does_not_end_when_kafka_takes_no_dead_letters(tmp_path: Path) -> None:
    """The error is recorded, and the snapshot raises as well."""
    failure, mail = Failure(), FakeSink()
    with opened_office(tmp_path, {"mail": mail, "texts": FakeSink()}) as office:
        part = part_of(office, BrokenWriter(), failure)
        part.write_batch([Portion([arrived("ann")], [LETTER])])
        raised = raises(part)
        wait_until(lambda: len(mail.messages) == 1)
    assert isinstance(failure.error, ConnectionError)
    assert raised


def raises(part: StatefulSinkPartition[Portion, bytes]) -> bool:
    """Whether the part does not vouch for its epoch."""
    try:
        part.snapshot()
    except (RestockError, OSError):
        return True
    return False
