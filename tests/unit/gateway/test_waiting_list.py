# SPDX-License-Identifier: Apache-2.0
"""The list over real topics: kept by a process, taken up again, built anew, never half."""

import asyncio
import errno
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from multiprocessing import active_children
from pathlib import Path

import pytest

from gateway.waiting import WaitingList
from gateway.waiting_queries import Waiting
from gateway.waiting_tables import list_file
from schemas.encode import notification_id
from schemas.timestamps import format_timestamp
from tests.support.brokers import CreateTopic
from tests.support.gateway_doors import settings_of
from tests.support.kafka import produce, settings_for, until

VARIANT = "$custom:::$default:::A"


def sign_up(email: str, **fields: object) -> bytes:
    """A record of somebody who wants to be told."""
    return _record("subscribe", email, **fields)


def sign_off(email: str) -> bytes:
    """A record of somebody who does not want to be told any more."""
    return _record("unsubscribe", email)


def _record(kind: str, email: str, **fields: object) -> bytes:
    now = int(time.time() * 1000)
    record = {"type": kind, "variant_id": VARIANT, "occurred_at": now, "profile": {"email": email}}
    return json.dumps({**record, **fields}).encode()


def told(email: str, subscribed_at: int) -> bytes:
    """A record of somebody who was told; only what matters of it."""
    at = format_timestamp(subscribed_at)
    record = {
        "variant_id": VARIANT,
        "profile": {"email": email},
        "subscribed_at": at,
        "triggered_at": at,
        "cycle": 1,
        "cycle_opened_at": at,
        "wave": 1,
    }
    return json.dumps(record).encode()


class Shop:
    """Two topics, and the list over them."""

    def __init__(self, bootstrap_servers: str, create_topic: CreateTopic, directory: Path) -> None:
        self.servers = bootstrap_servers
        self.subscriptions = create_topic("subscriptions", 2)
        self.notifications = create_topic("notifications", 1)
        self.directory = directory

    def write(self, *values: bytes, notifications: bool = False, partition: int = 0) -> None:
        """Write records now."""
        produce(
            self.servers,
            self.notifications if notifications else self.subscriptions,
            [(VARIANT.encode(), value) for value in values],
            partition=partition,
            timestamp=int(time.time() * 1000),
        )

    @contextmanager
    def list(self) -> Iterator[WaitingList]:
        """Start the list, and wait until it has caught up."""
        waiting = WaitingList(
            settings_of(directory=str(self.directory)),
            settings_for(self.servers, "gateway"),
            self.subscriptions,
            self.notifications,
            None,
        )
        waiting.start()
        try:
            until(lambda: waiting.is_ready)
            yield waiting
        finally:
            waiting.stop()


@pytest.fixture
def shop(bootstrap_servers: str, create_topic: CreateTopic, tmp_path: Path) -> Shop:
    """Topics without a record."""
    return Shop(bootstrap_servers, create_topic, tmp_path / "gateway")


def of_person(waiting: WaitingList, email: str) -> list[Waiting]:
    """What somebody waits for."""
    return asyncio.run(waiting.of_person(f"email:{email}", after=(0, ""), limit=10))


def is_known(waiting: WaitingList, email: str, *, count: int = 1) -> None:
    """Wait until so many of somebody's sign-ups are known."""
    until(lambda: count == len(of_person(waiting, email)))


def test_list_follows_its_topics(shop: Shop) -> None:
    """Signed up: there, with their place; signed off or told: gone; invalid: skipped."""
    shop.write(sign_up("a@b.example"), b"{", sign_up("c@d.example", priority=5))
    with shop.list() as waiting:
        (first,) = of_person(waiting, "c@d.example")
        (second,) = of_person(waiting, "a@b.example")
        key = notification_id(VARIANT, "email:a@b.example", second.subscribed_at)

        assert [(1, 2), (2, 2)] == [(each.position, each.waiting) for each in (first, second)]
        assert second == asyncio.run(waiting.find(key))
        assert 0 == waiting.behind
        assert waiting.as_of is not None

        shop.write(sign_off("C@D.example"))
        is_known(waiting, "c@d.example", count=0)
        shop.write(told("a@b.example", second.subscribed_at), notifications=True)
        is_known(waiting, "a@b.example", count=0)

        assert asyncio.run(waiting.find(key)) is None


def test_list_goes_on_where_it_was(shop: Shop) -> None:
    """A second start reads only what has come since, and doubles nothing."""
    shop.write(sign_up("a@b.example"))
    with shop.list() as waiting:
        is_known(waiting, "a@b.example")
    shop.write(sign_up("c@d.example"))
    with shop.list() as waiting:
        (second,) = of_person(waiting, "c@d.example")

        assert (2, 2) == (second.position, second.waiting)
    with closing(sqlite3.connect(list_file(shop.directory))) as connection:
        assert (2,) == connection.execute("SELECT count(*) FROM requests").fetchone()


def test_damaged_file_is_built_anew(shop: Shop) -> None:
    """Whatever lies in its place, the topics say it all again."""
    shop.write(sign_up("a@b.example"))
    shop.directory.mkdir()
    list_file(shop.directory).write_bytes(b"this is no database" * 1000)

    with shop.list() as waiting:
        assert 1 == len(of_person(waiting, "a@b.example"))


def test_damage_behind_the_first_page_is_mended(shop: Shop) -> None:
    """A list that opens well, and breaks when it is used, is no list for ever."""
    shop.write(sign_up("a@b.example"))
    with shop.list():
        pass
    page = 4_096
    with list_file(shop.directory).open("r+b") as file:
        file.seek(2 * page)
        file.write(b"\xff" * (list_file(shop.directory).stat().st_size - 2 * page))

    with shop.list() as waiting:
        assert 1 == len(of_person(waiting, "a@b.example"))


def test_process_that_cannot_be_started_is_tried_again(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that has no file left for a while does not end the list for good."""
    launch = WaitingList._launch
    tries: list[WaitingList] = []

    def try_to_launch(waiting: WaitingList) -> object:
        tries.append(waiting)
        if len(tries) == 1:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        assert waiting.trouble == "the list of who waits is not kept: Too many open files"
        return launch(waiting)

    monkeypatch.setattr(WaitingList, "_launch", try_to_launch)
    monkeypatch.setattr("gateway.waiting._PAUSE_SECONDS", 0.01)
    with shop.list() as waiting:
        assert waiting.is_ready


def test_list_of_other_topics_is_built_anew(shop: Shop, create_topic: CreateTopic) -> None:
    """Offsets of other topics mean nothing here."""
    shop.write(sign_up("a@b.example"))
    with shop.list():
        pass
    shop.subscriptions = create_topic("subscriptions", 2)
    shop.write(sign_up("c@d.example"))

    with shop.list() as waiting:
        assert [] == of_person(waiting, "a@b.example")
        assert 1 == len(of_person(waiting, "c@d.example"))


def test_killed_process_is_started_again(shop: Shop) -> None:
    """A kill in the middle loses nothing: what was not committed is read again."""
    shop.write(*(sign_up(f"{number}@b.example") for number in range(200)))
    with shop.list() as waiting:
        (process,) = [each for each in active_children() if each.name == "waiting-list"]
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        until(lambda: not waiting.is_ready)
        shop.write(sign_up("late@b.example"))
        until(lambda: waiting.is_ready)

        (late,) = of_person(waiting, "late@b.example")
        assert (201, 201) == (late.position, late.waiting)


def test_second_list_in_a_directory_says_so(shop: Shop) -> None:
    """Two gateways must not write the same file."""
    with shop.list() as first:
        second = WaitingList(
            settings_of(directory=str(shop.directory)),
            settings_for(shop.servers, "gateway"),
            shop.subscriptions,
            shop.notifications,
            None,
        )
        second.start()
        try:
            until(lambda: "is in use" in (second.trouble or ""))
        finally:
            second.stop()

        assert first.is_ready


def test_missing_topic_is_said(shop: Shop) -> None:
    """The trouble names the topic and what to do."""
    waiting = WaitingList(
        settings_of(directory=str(shop.directory)),
        settings_for(shop.servers, "gateway"),
        "no-such-topic",
        shop.notifications,
        None,
    )
    waiting.start()
    try:
        until(lambda: "no-such-topic" in (waiting.trouble or ""))
    finally:
        waiting.stop()

    assert not waiting.is_ready


PARENT = """
import sys
from multiprocessing import active_children
from gateway.waiting import WaitingList
from tests.support.gateway_doors import settings_of
from tests.support.kafka import settings_for, until

if __name__ == "__main__":
    directory, servers, subscriptions, notifications = sys.argv[1:]
    settings = settings_of(directory=directory)
    waiting = WaitingList(
        settings, settings_for(servers, "gateway"), subscriptions, notifications, None
    )
    waiting.start()
    until(lambda: waiting.is_ready)
    print(*(each.pid for each in active_children()), flush=True)
    sys.stdin.read()
"""


def test_process_ends_with_its_parent(shop: Shop, tmp_path: Path) -> None:
    """A gateway that is killed leaves nobody behind who holds the directory."""
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    places = [str(shop.directory), shop.servers, shop.subscriptions, shop.notifications]
    with subprocess.Popen(
        [sys.executable, str(script), *places],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
    ) as parent:
        assert parent.stdout is not None
        number = int(parent.stdout.readline())
        parent.kill()

    def is_gone() -> bool:
        try:
            state = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        return state == "Z"  # nobody is left to hear of its end

    until(is_gone)
    with shop.list() as waiting:
        assert waiting.is_ready
