# SPDX-License-Identifier: Apache-2.0
"""What the list keeps, counts and forgets."""

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from gateway.waiting_crowds import place_of
from gateway.waiting_queries import ListUnreadable, find, of_person
from gateway.waiting_store import Rules, WaitingStore
from gateway.waiting_tables import list_file, open_list
from schemas.encode import notification_id
from schemas.events import Profile, SubscribeEvent, UnsubscribeEvent
from schemas.told import Told

DAY = 86_400_000
NOW = 1_790_000_000_000
KEPT = Rules(expires_after=365 * DAY, remember=7 * DAY, remember_sign_offs=365 * DAY)


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """An empty list."""
    with closing(open_list(list_file(tmp_path), "test")) as opened:
        yield opened


def sign_up(
    email: str, at: int, *, priority: int = 0, expires_at: int | None = None
) -> SubscribeEvent:
    """Somebody asks."""
    return SubscribeEvent(
        "A",
        at,
        Profile(email=email),
        (f"email:{email}",),
        priority=priority,
        expires_at=expires_at,
    )


def told(email: str, subscribed_at: int, at: int) -> Told:
    """Somebody is told."""
    return Told("A", (f"email:{email}",), subscribed_at, at, 1, at, 1)


def count(connection: sqlite3.Connection, table: str) -> int:
    """How many rows a table has."""
    ((rows,),) = connection.execute(f"SELECT count(*) FROM {table}")  # noqa: S608
    return int(rows)


def test_places_are_those_of_the_order(connection: sqlite3.Connection) -> None:
    """Over months, minutes and the same millisecond; whoever leaves makes room."""
    chance = random.Random(7)
    store = WaitingStore(connection, KEPT)
    times = [
        NOW - chance.choice((0, 1, 70_000, 3 * DAY, 90 * DAY)) - chance.randrange(5)
        for _ in range(400)
    ]
    for number, at in enumerate(times):
        store.sign_up(sign_up(f"{number}@b.example", at, priority=chance.randrange(3)), NOW, NOW)
    store.commit({}, NOW)
    for number in chance.sample(range(400), 150):
        leaving = UnsubscribeEvent("A", NOW, (f"email:{number}@b.example",))
        store.sign_off(leaving, NOW)
    store.commit({}, NOW)

    queue = connection.execute(
        "SELECT variant, rank, occurred_at, number FROM requests WHERE waiting = 1 "
        "ORDER BY rank, occurred_at, number"
    ).fetchall()
    assert [(place, 250) for place in range(1, 251)] == [
        place_of(connection, *row) for row in queue
    ]


def test_expired_are_not_shown(connection: sqlite3.Connection, tmp_path: Path) -> None:
    """Not from the very millisecond on, whether or not anything was read since."""
    store = WaitingStore(connection, KEPT)
    store.sign_up(sign_up("a@b.example", NOW, expires_at=NOW + 5), NOW, NOW)
    store.commit({}, NOW)
    file = list_file(tmp_path)

    def shown(now: int) -> int:
        return len(of_person(file, "email:a@b.example", now, after=(0, ""), limit=9))

    assert [1, 0] == [shown(NOW + 4), shown(NOW + 5)]
    store.commit({}, NOW + 5)
    assert 0 == count(connection, "crowds")


def test_what_nothing_asks_for_is_forgotten(connection: sqlite3.Connection) -> None:
    """The expired, and marks that no record can be too early for any more."""
    store = WaitingStore(connection, KEPT)
    store.sign_up(sign_up("a@b.example", NOW, expires_at=NOW + 5), NOW, NOW)
    store.tell(told("c@d.example", NOW, NOW), NOW)
    store.sign_off(UnsubscribeEvent("A", NOW, ("email:e@f.example",)), NOW)
    tables = ("requests", "people", "told", "signed_off")

    store.prune(NOW)
    assert [1, 1, 1, 1] == [count(connection, table) for table in tables]
    store.prune(NOW + 8 * DAY)
    assert [0, 0, 0, 1] == [count(connection, table) for table in tables]
    store.prune(NOW + 366 * DAY)
    assert 0 == count(connection, "signed_off")


def test_somebody_who_asks_for_ever_fills_nothing(connection: sqlite3.Connection) -> None:
    """One entry for a person and variant, and a bounded number of those that might count."""
    store = WaitingStore(connection, KEPT)
    for number in range(200):
        store.sign_up(sign_up("a@b.example", NOW + number), NOW + number, NOW + number)
    store.commit({}, NOW + 200)

    assert count(connection, "requests") <= 33
    first = notification_id("A", "email:a@b.example", NOW)
    found = connection.execute("SELECT hex(notification) FROM requests WHERE waiting = 1")
    assert [(first.upper(),)] == found.fetchall()

    store.tell(told("a@b.example", NOW, NOW + 150), NOW + 200)
    store.commit({}, NOW + 200)
    assert [(1,)] == connection.execute(
        "SELECT count(*) FROM requests WHERE waiting = 1"
    ).fetchall()


def test_uncommitted_is_not_there_after_a_crash(tmp_path: Path) -> None:
    """Records and their offsets are one: both are read again."""
    file = list_file(tmp_path)
    with closing(open_list(file, "test")) as connection:
        store = WaitingStore(connection, KEPT)
        store.sign_up(sign_up("a@b.example", NOW), NOW, NOW)
        store.commit({("t", 0): 1}, NOW)
        store.sign_up(sign_up("c@d.example", NOW), NOW, NOW)

    with closing(open_list(file, "test")) as connection:
        assert {("t", 0): 1} == WaitingStore(connection, KEPT).offsets()
        assert 1 == count(connection, "requests")


def test_list_of_other_rules_is_made_anew(tmp_path: Path) -> None:
    """What was decided by them does not hold any more."""
    file = list_file(tmp_path)
    with closing(open_list(file, "test")) as connection:
        store = WaitingStore(connection, KEPT)
        store.sign_up(sign_up("a@b.example", NOW), NOW, NOW)
        store.commit({("t", 0): 1}, NOW)

    with closing(open_list(file, "other")) as connection:
        assert {} == WaitingStore(connection, KEPT).offsets()
        assert 0 == count(connection, "requests")


def test_missing_list_cannot_be_read(tmp_path: Path) -> None:
    """It is said so, and none is made by looking."""
    file = list_file(tmp_path)

    with pytest.raises(ListUnreadable):
        find(file, "0" * 32, NOW)
    assert not file.exists()
