# SPDX-License-Identifier: Apache-2.0
"""`restock run` as a process: what it does, how it stops, and what it says when it cannot start."""

import json
import shutil
import signal
import socket
from typing import Any

import pytest

from tests.program.conftest import MakeShop
from tests.support.shop import now, stop

PEOPLE = [f"P{number:02}" for number in range(30)]
WAVES = '[policy]\nper_unit = 2\nwait = "300ms"\n'


def people(notifications: list[dict[str, Any]]) -> list[str]:
    """Who was told, by position in the queue (the topic's partitions have no common order)."""
    places = sorted((record["wave"], record["position"], record["profile"]["id"])
                    for record in notifications)  # fmt: skip
    return [person for _, _, person in places]


def test_it_tells_in_waves_and_stops_on_a_signal(make_shop: MakeShop) -> None:
    """Everybody is told in the order of the queue; SIGTERM ends it with everything durable."""
    shop = make_shop(WAVES)
    shop.sign_up("shoe", PEOPLE, occurred_at=now() - 60_000)
    shop.stock("shoe", 5)
    shop.send_raw(b"\xff")
    process = shop.start()
    notifications = shop.wait_for_notifications(30)
    assert PEOPLE == people(notifications)
    assert [10, 10, 10] == [
        sum(record["wave"] == wave for record in notifications) for wave in (1, 2, 3)
    ]
    code, errors = stop(process)
    assert (0, "") == (code, "".join(line for line in errors.splitlines() if "Trace" in line))
    assert [b"\xff"] == shop.read(f"{shop.topics.inventory}.dlq")
    assert {shop.topics.inventory: 2, shop.topics.subscriptions: 30} == shop.committed()
    status = json.loads(shop.read(shop.topics.waitlist)[-1])
    assert ("shoe", 0, 30) == (status["variant_id"], status["waiting"], status["told"])


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_it_goes_on_where_it_was(make_shop: MakeShop, ending: int) -> None:
    """However it ends in the middle of the waves, the next start tells the rest, nobody twice."""
    shop = make_shop(WAVES)
    shop.sign_up("shoe", PEOPLE, occurred_at=now() - 60_000)
    shop.stock("shoe", 2)
    process = shop.start()
    shop.wait_for_notifications(8)
    code, _ = stop(process, ending)
    assert code == (-signal.SIGKILL if ending == signal.SIGKILL else 0)
    shop.sign_up("coat", ["C1"], occurred_at=now() - 1000)
    shop.stock("coat", 1)
    shop.start()
    notifications = shop.wait_for_notifications(31)
    assert 31 == len(notifications) == len({record["id"] for record in notifications})
    assert [*PEOPLE] == people([one for one in notifications if one["variant_id"] == "shoe"])


def test_killed_again_and_again(make_shop: MakeShop) -> None:
    """Killed every moment while people are told, it still tells each of them exactly once."""
    shop = make_shop(WAVES)
    shop.sign_up("shoe", PEOPLE, occurred_at=now() - 60_000)
    shop.stock("shoe", 1)
    for told in (2, 6, 10, 14):
        process = shop.start()
        shop.wait_for_notifications(told)
        stop(process, signal.SIGKILL)
    shop.start()
    notifications = shop.wait_for_notifications(30)
    assert PEOPLE == people(notifications)
    assert 30 == len({record["id"] for record in notifications})


def test_no_broker(make_shop: MakeShop) -> None:
    """An address at which nobody answers is named in one line, after `connect_timeout`."""
    shop = make_shop(topics=False)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
        result = shop.run("run", "--config", str(shop.config), "--bootstrap-servers", address)
    assert 1 == result.returncode
    (line,) = result.stderr.splitlines()
    assert address in line


def test_missing_topics(make_shop: MakeShop) -> None:
    """A topic that does not exist is named in one line, with the command that makes it."""
    shop = make_shop(topics=False)
    result = shop.run("run", "--config", str(shop.config))
    assert 1 == result.returncode
    (line,) = result.stderr.splitlines()
    assert "restock topics create" in line
    assert shop.topics.inventory in line
    assert not (shop.directory / "state").exists()


def test_a_state_directory_has_one_user(make_shop: MakeShop) -> None:
    """A second process on the same state is refused in one line."""
    shop = make_shop()
    shop.sign_up("shoe", ["P1"], occurred_at=now() - 1000)
    shop.stock("shoe", 1)
    shop.start()
    shop.wait_for_notifications(1)
    result = shop.run("run", "--config", str(shop.config))
    assert 1 == result.returncode
    (line,) = result.stderr.splitlines()
    assert "in use" in line


def test_a_state_directory_keeps_its_shard_count(make_shop: MakeShop) -> None:
    """State of one shard layout is refused under another, in one line."""
    shop = make_shop()
    process = shop.start()
    shop.sign_up("shoe", ["P1"], occurred_at=now() - 1000)
    shop.stock("shoe", 1)
    shop.wait_for_notifications(1)
    stop(process)
    result = shop.run("run", "--config", str(shop.config), "--shard", "0/2")
    assert 1 == result.returncode
    (line,) = result.stderr.splitlines()
    assert "shard-0-of-1" in line


def test_a_policy_that_makes_no_sense(make_shop: MakeShop) -> None:
    """The path of the key is named, and nothing is started."""
    shop = make_shop("[policy]\nper_unit = 2\n", topics=False)
    result = shop.run("run", "--config", str(shop.config))
    assert 2 == result.returncode
    (line,) = result.stderr.splitlines()
    assert "policy.wait" in line


def test_a_lost_recovery_store_is_never_a_fresh_start(make_shop: MakeShop) -> None:
    """With the journals there and the recovery store gone, it refuses to start."""
    shop = make_shop()
    process = shop.start()
    shop.sign_up("shoe", ["P1"], occurred_at=now() - 1000)
    shop.stock("shoe", 1)
    shop.wait_for_notifications(1)
    stop(process)
    for file in (shop.directory / "state" / "shard-0-of-1" / "recovery").iterdir():
        file.unlink()
    result = shop.run("run", "--config", str(shop.config))
    assert 1 == result.returncode
    (line,) = result.stderr.splitlines()
    assert "part-0.sqlite3 is missing" in line


def test_a_damaged_recovery_store_is_refused(make_shop: MakeShop) -> None:
    """One line names the file, whether it is no database, lost its tables or is torn."""
    shop = make_shop()
    process = shop.start()
    shop.sign_up("shoe", ["P1"], occurred_at=now() - 1000)
    shop.stock("shoe", 1)
    shop.wait_for_notifications(1)
    stop(process)
    file = shop.directory / "state" / "shard-0-of-1" / "recovery" / "part-0.sqlite3"
    whole = file.read_bytes()
    for damaged in (b"", b"garbage" * 2000, whole[:100] + bytes(5000) + whole[5100:]):
        file.write_bytes(damaged)
        result = shop.run("run", "--config", str(shop.config))
        assert 1 == result.returncode
        (line,) = result.stderr.splitlines()
        assert "part-0.sqlite3" in line
    file.write_bytes(whole)
    shop.sign_up("shoe", ["P2"], occurred_at=now() - 1000)
    shop.start()
    assert ["P1", "P2"] == sorted(people(shop.wait_for_notifications(2)))


def test_a_start_that_was_cut_short_is_made_up_for(make_shop: MakeShop) -> None:
    """Before anything was durable, a recovery store that is no database is made anew."""
    shop = make_shop()
    process = shop.start()
    shop.sign_up("shoe", ["P1"], occurred_at=now() - 1000)
    shop.stock("shoe", 1)
    shop.wait_for_notifications(1)
    stop(process)
    state = shop.directory / "state" / "shard-0-of-1"
    (state / "durable").unlink()
    (state / "recovery" / "part-0.sqlite3").write_bytes(b"")
    shutil.rmtree(state / "slots")
    shop.start()
    shop.wait_for_notifications(2)
