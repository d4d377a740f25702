# SPDX-License-Identifier: Apache-2.0
"""Two processes on one shard: living, killed, frozen, or told apart by a topic alone."""

import json
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from restock.embedded_broker import EmbeddedBroker
from schemas.leases import Lease
from tests.program.conftest import MakeShop
from tests.support.shop import PATIENCE, Shop, now, stop

# Another machine, as far as the program can tell: the one thing here that cannot be had for real.
ELSEWHERE = """
import sys
from restock import leasing
here = leasing.this_process
def elsewhere(*facts):
    return here(*facts).model_copy(update={"boot_id": "another", "host": "another-machine"})
leasing.this_process = elsewhere
from restock.cli import main
sys.exit(main())
"""


Process = subprocess.Popen[str]
# What a real broker shows of these is shown with the lease alone; here each start costs a second.
on_mock = pytest.mark.parametrize("bootstrap_servers", ["mock"], indirect=True)


def patient(make_shop: MakeShop, lease_timeout: str = "2s") -> Shop:
    """A shop whose leases time out soon."""
    shop = make_shop()
    set_timeout(shop, lease_timeout)
    return shop


def set_timeout(shop: Shop, lease_timeout: str) -> None:
    """Changes the lease timeout in the shop's configuration."""
    text = shop.config.read_text()
    line = f'[state]\nlease_timeout = "{lease_timeout}"\n'
    shop.config.write_text(text.replace("[state]\n", line))


def start_elsewhere(shop: Shop, directory: Path) -> Process:
    """Starts ``restock run`` on another machine, on a state directory of its own."""
    return shop.start_with(["-c", ELSEWHERE], "--state-directory", str(directory))


def copied(shop: Shop, name: str = "copy") -> Path:
    """A copy of the state directory."""
    directory = shop.directory / name
    shutil.copytree(shop.directory / "state", directory)
    return directory


def tell(shop: Shop, person: str, count: int) -> list[dict[str, Any]]:
    """Makes one more person be told, and waits until so many were in all."""
    shop.sign_up(f"variant-{person}", [person], occurred_at=now() - 1000)
    shop.stock(f"variant-{person}", 1)
    return shop.wait_for_notifications(count)


def leases(shop: Shop) -> list[Lease]:
    """Every lease that was written."""
    return [Lease.model_validate_json(value) for value in shop.read(shop.topics.leases) if value]


def ended(process: Process) -> str:
    """The one line with which a process ends by itself, with exit code 1."""
    _, errors = process.communicate(timeout=PATIENCE)
    assert 1 == process.returncode
    # A thread of the client's may still log while the process leaves.
    (line,) = (line for line in errors.splitlines() if line.startswith("restock: "))
    return line


def wait_until(condition: Callable[[], object]) -> None:
    """Waits for a condition, and fails when it never comes."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


def test_a_copy_on_another_machine_is_refused(make_shop: MakeShop) -> None:
    """While the first lives, a second one with a copy of its state names it and ends."""
    shop = patient(make_shop)
    first = shop.start()
    tell(shop, "P1", 1)
    line = ended(start_elsewhere(shop, copied(shop)))
    assert f"shard 0/1 of group {shop.group} is looked after by pid {first.pid}" in line
    assert str(shop.directory / "state") in line
    assert ["P1", "P2"] == people(tell(shop, "P2", 2))


@on_mock
def test_a_killed_process_is_succeeded_at_once_where_it_was(make_shop: MakeShop) -> None:
    """After kill -9 nobody waits for the dead process on its own machine."""
    shop = patient(make_shop, "1h")
    tell_and_kill(shop)
    successor = shop.start()
    assert ["P1", "P2"] == people(tell(shop, "P2", 2))
    _, errors = stop(successor)
    assert "waiting" not in errors


@on_mock
def test_a_released_lease_is_free_everywhere(make_shop: MakeShop) -> None:
    """SIGTERM gives the lease back: elsewhere the next start does not wait for an hour."""
    shop = patient(make_shop, "1h")
    first = shop.start()
    tell(shop, "P1", 1)
    assert 0 == stop(first)[0]
    assert "released" == leases(shop)[-1].state
    start_elsewhere(shop, copied(shop))
    assert ["P1", "P2"] == people(tell(shop, "P2", 2))


def test_a_frozen_process_ends_when_it_thaws(make_shop: MakeShop) -> None:
    """Frozen for longer than the timeout and superseded, it writes nothing more and says why."""
    shop = patient(make_shop)
    first = shop.start()
    tell(shop, "P1", 1)
    first.send_signal(signal.SIGSTOP)
    second = start_elsewhere(shop, copied(shop))
    assert ["P1", "P2"] == people(tell(shop, "P2", 2))
    first.send_signal(signal.SIGCONT)
    assert "did not acknowledge the lease of shard 0/1" in ended(first)
    assert ["P1", "P2", "P3"] == people(tell(shop, "P3", 3))
    _, errors = stop(second)
    assert "waiting up to 2 s" in errors


@on_mock
def test_of_two_that_start_together_one_runs(make_shop: MakeShop) -> None:
    """Two machines that start at the same moment agree on one of them."""
    shop = patient(make_shop)
    first = shop.start()
    tell(shop, "P1", 1)
    stop(first)
    rivals = [start_elsewhere(shop, copied(shop, name)) for name in ("one", "two")]
    wait_until(lambda: any(rival.poll() is not None for rival in rivals))
    (loser,) = [rival for rival in rivals if rival.poll() is not None]
    assert "is looked after by" in ended(loser)
    assert ["P1", "P2"] == people(tell(shop, "P2", 2))


@on_mock
def test_another_state_directory_is_refused(make_shop: MakeShop) -> None:
    """A directory that was not mounted is never a fresh start, unless it is asked for."""
    shop = patient(make_shop)
    first = shop.start()
    tell(shop, "P1", 1)
    stop(first)
    state = leases(shop)[-1].state_id
    other = ("--state-directory", str(shop.directory / "other"))
    line = ended(shop.start(*other))
    assert f"belongs to state {state}, last in {shop.directory / 'state'}" in line
    assert f"{shop.directory / 'other'}/shard-0-of-1 is empty or new" in line
    assert "--begin-anew" in line
    anew = shop.start(*other, "--begin-anew")
    assert ["P1", "P1"] == people(shop.wait_for_notifications(2))
    _, log = stop(anew)
    assert 1 == log.count("--begin-anew: nothing is remembered of who was told")
    assert state != leases(shop)[-1].state_id


@on_mock
def test_an_upgraded_directory_gets_an_id(make_shop: MakeShop) -> None:
    """State of a release without leases is taken as it is, and has an id from then on."""
    shop = patient(make_shop)
    tell_and_kill(shop)
    file = shop.directory / "state" / "shard-0-of-1" / "identity.json"
    content = json.loads(file.read_text())
    state = content.pop("state_id")
    file.write_text(json.dumps(content))
    shop.clear_lease()
    shop.start()
    assert ["P1", "P2"] == people(tell(shop, "P2", 2))
    assert json.loads(file.read_text())["state_id"] == leases(shop)[-1].state_id != state


@pytest.fixture
def lonely_broker() -> Iterator[EmbeddedBroker]:
    """A broker that may be taken down."""
    with EmbeddedBroker() as broker:
        yield broker


def test_it_ends_when_the_broker_is_gone(lonely_broker: EmbeddedBroker, tmp_path: Path) -> None:
    """With nothing to write, it still ends, and says where Kafka was and what it did not do."""
    shop = Shop(tmp_path, lonely_broker.bootstrap_servers, "shop")
    set_timeout(shop, "1s")
    shop.create_topics(lonely_broker.create_topic)
    process = shop.start()
    try:
        tell(shop, "P1", 1)
        lonely_broker.set_down()
        line = ended(process)
    finally:
        shop.close()
    address = lonely_broker.bootstrap_servers
    assert f"Kafka at {address} did not acknowledge the lease of shard 0/1" in line


def tell_and_kill(shop: Shop) -> None:
    """A run that tells one person and dies."""
    process = shop.start()
    tell(shop, "P1", 1)
    # Told is not durable yet; the lease must do with either.
    stop(process, signal.SIGKILL)


def people(notifications: list[dict[str, Any]]) -> list[str]:
    """Who was told."""
    return sorted(record["profile"]["id"] for record in notifications)
