# SPDX-License-Identifier: Apache-2.0
"""The ledger's file: versions, what is kept, what is forgotten, what a crash leaves."""

import sqlite3
import threading
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from typing_extensions import override

from delivery.batch import Batch
from delivery.errors import LedgerError
from delivery.ledger import open_reader, open_writer
from delivery.news import News, Ordered, SignedOff, Stood, variant_item
from delivery.scribe import Change, Scribe
from tests.support.offices import (
    NOW,
    FakeSink,
    MemoryWriter,
    TestClock,
    arrived,
    entries,
    opened_office,
    wait_until,
)

DAY = 86_400_000


def count(path: Path, table: str) -> int:
    """How many rows a table has."""
    with closing(sqlite3.connect(path / "ledger.sqlite3")) as connection:
        query = f"SELECT count(*) FROM {table}"  # noqa: S608 - the tests' own names
        found: tuple[int] = connection.execute(query).fetchone()
    return found[0]


def test_another_version_is_refused(tmp_path: Path) -> None:
    """In one line that names the file and both versions."""
    path = tmp_path / "ledger.sqlite3"
    open_writer(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 9")
    with pytest.raises(LedgerError, match=r"ledger\.sqlite3 is a ledger of version 9"):
        open_writer(path)


def test_what_is_no_ledger_is_refused(tmp_path: Path) -> None:
    """Nothing is overwritten."""
    path = tmp_path / "ledger.sqlite3"
    path.write_bytes(b"something else entirely" * 100)
    with pytest.raises(LedgerError, match="cannot be used as the ledger"):
        open_writer(path)
    assert path.read_bytes().startswith(b"something")


def test_an_outcome_is_synced_before_it_counts(tmp_path: Path) -> None:
    """A commit waits for the disk: a power cut does not make a message be sent again."""
    with closing(open_writer(tmp_path / "ledger.sqlite3")) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)


def test_the_index_of_people_is_there_for_digests_only(tmp_path: Path) -> None:
    """It costs with every notification; switching digests on or off makes or drops it."""
    path = tmp_path / "ledger.sqlite3"
    query = "SELECT count(*) FROM sqlite_master WHERE name = 'journeys_by_person'"
    for by_person in (False, True, False):
        with closing(open_writer(path, by_person=by_person)) as connection:
            assert connection.execute(query).fetchone() == (by_person,)


def test_what_is_old_is_forgotten_unless_kafka_does_not_know_it(tmp_path: Path) -> None:
    """Entries, orders and sign-offs after `remember`; what was not announced is kept."""
    clock = TestClock()

    sinks = {"mail": FakeSink(), "texts": FakeSink()}
    with pytest.raises(OSError, match="no broker"):
        _deliver_without_kafka(tmp_path, sinks, clock)
    clock.now += 31 * DAY
    news: list[News] = [
        Ordered("o", ("id:x",), (variant_item("V"),), NOW, cancelled=False),
        SignedOff("V", ("id:x",), NOW),
        Stood("V", offered=True, at=NOW),
    ]
    writer = MemoryWriter()
    with opened_office(tmp_path, sinks, clock=clock, writer=writer) as office:
        office.take(news)
        wait_until(lambda: len(writer.deliveries()) == 1)
        office.take([arrived("bob", at=clock.now)])
        wait_until(lambda: len(writer.deliveries()) == 2)
    with opened_office(tmp_path, sinks, clock=clock) as office:
        wait_until(lambda: count(tmp_path, "orders") == 0)
        wait_until(lambda: count(tmp_path, "sign_offs") == 0)
        wait_until(lambda: [row[0] for row in entries(tmp_path)] == ["id:bob"])
    assert count(tmp_path, "statuses") == 1


class _Deaf(MemoryWriter):
    @override
    def flush(self) -> None:
        message = "no broker"
        raise OSError(message)


def _deliver_without_kafka(path: Path, sinks: Mapping[str, FakeSink], clock: TestClock) -> None:
    with opened_office(path, sinks, clock=clock, writer=_Deaf()) as office:
        office.take([arrived("ann")])
        wait_until(lambda: len(entries(path)) == 1)


def test_numbers_of_entries_are_never_given_twice(tmp_path: Path) -> None:
    """Else what comes after all was forgotten would count as announced."""
    clock, writer = TestClock(), MemoryWriter()
    sinks = {"mail": FakeSink(), "texts": FakeSink()}
    with opened_office(tmp_path, sinks, clock=clock, writer=writer) as office:
        office.take([arrived("ann")])
        wait_until(lambda: len(writer.deliveries()) == 1)
    clock.now += 31 * DAY
    with opened_office(tmp_path, sinks, clock=clock, writer=writer) as office:
        wait_until(lambda: entries(tmp_path) == [])
        office.take([arrived("bob", at=clock.now)])
        wait_until(lambda: len(writer.deliveries()) == 2)


def test_a_reader_sees_what_is_committed(tmp_path: Path) -> None:
    """And cannot write."""
    path = tmp_path / "ledger.sqlite3"
    with closing(open_writer(path)) as writer, closing(open_reader(path)) as reader:
        writer.execute("BEGIN")
        writer.execute("INSERT INTO statuses VALUES ('V', 1, 1)")
        assert reader.execute("SELECT count(*) FROM statuses").fetchone() == (0,)
        writer.execute("COMMIT")
        assert reader.execute("SELECT count(*) FROM statuses").fetchone() == (1,)
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            reader.execute("DELETE FROM statuses")


class Note:
    """A change that writes a status, or fails."""

    def __init__(self, name: str, *, fails: bool = False) -> None:
        self.name = name
        self.fails = fails
        self.durable = threading.Event()

    def write(self, batch: Batch) -> None:
        """One row."""
        if self.fails:
            raise sqlite3.OperationalError("database or disk is full")
        batch.connection.execute("INSERT INTO statuses VALUES (?, 1, 1)", (self.name,))

    def committed(self) -> None:
        """It is."""
        self.durable.set()


def test_urgent_changes_go_first_and_many_share_a_commit(tmp_path: Path) -> None:
    """What arrives waits in portions, one to a commit; what lanes settle does not."""
    commits: list[list[Change]] = []

    def after(changes: Sequence[Change]) -> None:
        commits.append(list(changes))

    path = tmp_path / "ledger.sqlite3"
    scribe = Scribe(open_writer(path), lambda _: None, after)
    portions = [Note(f"p{number}") for number in range(3)]
    urgent = [Note(f"u{number}") for number in range(5)]
    for portion in portions:
        scribe.submit_portion(portion)
    for change in urgent:
        scribe.submit(change)
    scribe.start()
    scribe.barrier(bool)
    scribe.close()
    assert commits[0] == [*urgent, portions[0]]
    assert [commit[0] for commit in commits[1:3]] == portions[1:]


def test_a_disk_that_is_full_ends_the_writing_in_one_line(tmp_path: Path) -> None:
    """Nothing of that commit counts, and nobody waits for ever."""
    errors: list[Exception] = []
    path = tmp_path / "ledger.sqlite3"
    scribe = Scribe(open_writer(path), errors.append, lambda _: None)
    good, bad = Note("good"), Note("bad", fails=True)
    scribe.submit(good)
    scribe.submit(bad)
    scribe.start()
    with pytest.raises(LedgerError, match="cannot be written any more"):
        scribe.barrier(bool)
    assert not good.durable.is_set()
    (error,) = errors
    assert "the ledger cannot be written: database or disk is full" in str(error)
    scribe.close()
    assert count(tmp_path, "statuses") == 0
