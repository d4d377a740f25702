# SPDX-License-Identifier: Apache-2.0
"""`restock run --shards`: a process for each shard, none of them left alone."""

import json
import os
import shutil
import signal
import socket
import time
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from restock.holder import process_start
from tests.program.conftest import MakeShop
from tests.support.shop import PATIENCE, Shop, now, stop

PARTITIONS = 4
PEOPLE = [f"P{number:02}" for number in range(12)]
VARIANTS = [f"shoe-{number}" for number in range(8)]
LATER = [f"boot-{number}" for number in range(8)]
ALL = len(PEOPLE) * len(VARIANTS)
WAVES = '[policy]\nper_unit = 1\nwait = "300ms"\n'
"""One unit each: twelve waves of one person."""

# What a supervisor does does not depend on the broker.
ON_MOCK = pytest.mark.parametrize("bootstrap_servers", ["mock"], indirect=True)

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/task").exists(), reason="looks for processes in /proc"
)


def open_shop(make_shop: MakeShop, settings: str = WAVES) -> Shop:
    """People wait for variants of both shards, and a unit of each comes back."""
    shop = make_shop(settings, partitions=PARTITIONS)
    for variant in VARIANTS:
        shop.sign_up(variant, PEOPLE, occurred_at=now() - 60_000)
        shop.stock(variant, 1)
    return shop


def children(pid: int) -> dict[str, int]:
    """The processes that another has started, by the shard that they look after."""
    found = {}
    for number in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        words = Path(f"/proc/{number}/cmdline").read_bytes().split(b"\0")
        if b"--shard" in words:
            found[words[words.index(b"--shard") + 1].decode()] = int(number)
    return found


def until(condition: Callable[[], object]) -> None:
    """Wait for it, and fail when it never comes."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


def assert_all_told_once(notifications: list[dict[str, Any]]) -> None:
    """Everybody, once, and in the order of each queue."""
    assert ALL == len(notifications) == len({record["id"] for record in notifications})
    for variant in VARIANTS:
        told = sorted(
            (record["wave"], record["position"], record["profile"]["id"])
            for record in notifications
            if record["variant_id"] == variant
        )
        assert PEOPLE == [person for _, _, person in told]


def two_free_ports() -> int:
    """The first of two ports in a row on which nobody listens."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as one:
            port = int(one.getsockname()[1])
            try:
                with socket.create_server(("127.0.0.1", port + 1)):
                    return port
            except (OSError, OverflowError):
                continue


def is_ready(port: int) -> bool:
    """Ask for a shard's readiness."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=PATIENCE) as answer:
            return bool(answer.status == HTTPStatus.OK)
    except urllib.error.HTTPError as error:
        error.close()
        return False
    except OSError:
        return False


def logged(errors: str, event: str) -> list[dict[str, Any]]:
    """The lines of a log in which something happened; every line must be JSON."""
    lines = [json.loads(line) for line in errors.splitlines()]
    return [line for line in lines if line["event"] == event]


@pytest.mark.parametrize("names", [VARIANTS, LATER])
def test_the_input_is_that_of_both_shards(names: list[str]) -> None:
    """Otherwise the tests below would show little."""
    assert {0, 1} == {zlib.crc32(name.encode()) % PARTITIONS % 2 for name in names}


@ON_MOCK
def test_a_killed_shard_is_started_again(make_shop: MakeShop) -> None:
    """It tells the rest of its waves and whoever comes later; nobody is lost or told twice."""
    shop = open_shop(make_shop)
    process = shop.start("--shards", "0-1/2")
    shop.wait_for_notifications(2 * len(VARIANTS))
    before = children(process.pid)
    os.kill(before["0/2"], signal.SIGKILL)
    # Only its successor can tell these, however far it had come itself.
    for variant in LATER:
        shop.sign_up(variant, ["P00"], occurred_at=now() - 60_000)
        shop.stock(variant, 1)
    notifications = shop.wait_for_notifications(ALL + len(LATER))
    after = children(process.pid)
    code, errors = stop(process)
    assert 0 == code, errors
    later = [record for record in notifications if record["variant_id"] in LATER]
    assert LATER == sorted(record["variant_id"] for record in later)
    assert_all_told_once([record for record in notifications if record not in later])
    assert {"0/2", "1/2"} == set(before) == set(after)
    assert (True, False) == (before["0/2"] != after["0/2"], before["1/2"] != after["1/2"])
    (death,) = logged(errors, "shard died")
    assert ("0/2", before["0/2"], "signal SIGKILL") == tuple(
        death[name] for name in ("shard", "pid", "reason")
    )
    assert ["0/2", "1/2", "0/2"] == [line["shard"] for line in logged(errors, "shard started")]
    assert ["0/2", "0/2", "1/2"] == sorted(line["shard"] for line in logged(errors, "running"))
    assert ["0/2", "1/2"] == sorted(line["shard"] for line in logged(errors, "shard stopped"))


@ON_MOCK
def test_nothing_outlives_a_supervisor_that_is_killed(make_shop: MakeShop) -> None:
    """Its shards end with it, and the next supervisor goes on where they were."""
    shop = open_shop(make_shop)
    process = shop.start("--shards", "0-1/2")
    shop.wait_for_notifications(len(VARIANTS))
    orphans = children(process.pid).values()
    stop(process, signal.SIGKILL)
    until(lambda: not any(process_start(pid) for pid in orphans))
    process = shop.start("--shards", "0-1/2")
    assert_all_told_once(shop.wait_for_notifications(ALL))
    assert 0 == stop(process, signal.SIGINT)[0]


@ON_MOCK
def test_a_shard_moves_with_its_directory(make_shop: MakeShop) -> None:
    """Stopped in the middle of its waves, it goes on in another place; the other one stays."""
    shop = open_shop(make_shop)
    process = shop.start("--shards", "0-1/2")
    shop.wait_for_notifications(2 * len(VARIANTS))
    assert 0 == stop(process)[0]
    elsewhere = shop.directory / "elsewhere"
    elsewhere.mkdir()
    shutil.move(shop.directory / "state" / "shard-1-of-2", elsewhere)
    shop.start("--shards", "0/2")
    shop.start("--shard", "1/2", "--state-directory", str(elsewhere))
    assert_all_told_once(shop.wait_for_notifications(ALL))


@ON_MOCK
def test_a_shard_whose_state_was_left_behind_ends_the_start(make_shop: MakeShop) -> None:
    """Another start would not find it either: one line says so, and the exit code is 1."""
    shop = open_shop(make_shop)
    process = shop.start("--shards", "0-1/2")
    shop.wait_for_notifications(len(VARIANTS))
    assert 0 == stop(process)[0]
    shutil.move(shop.directory / "state" / "shard-1-of-2", shop.directory / "lost")
    result = shop.run("run", "--config", str(shop.config), "--shards", "0-1/2")
    assert 1 == result.returncode
    last = result.stderr.splitlines()[-1]
    assert last.startswith("restock: shard 1/2: ")
    assert "shard-1-of-2" in last
    assert "--begin-anew" in last


@ON_MOCK
def test_a_directory_of_another_shard_count_ends_the_start(make_shop: MakeShop) -> None:
    """No shard is started over and over for it."""
    shop = make_shop()
    (shop.directory / "state" / "shard-0-of-1").mkdir(parents=True)
    result = shop.run("run", "--config", str(shop.config), "--shards", "0-1/2")
    assert 1 == result.returncode
    last = result.stderr.splitlines()[-1]
    assert last.startswith("restock: shard ")
    assert "holds state of another shard count" in last


@ON_MOCK
def test_each_shard_answers_at_a_port_of_its_own(make_shop: MakeShop) -> None:
    """That of the settings and the shard's number; the supervisor itself has none."""
    port = two_free_ports()
    shop = open_shop(make_shop, f"[health]\nport = {port}\n")
    process = shop.start("--shards", "0-1/2")
    until(lambda: is_ready(port))
    until(lambda: is_ready(port + 1))
    code, errors = stop(process)
    assert 0 == code
    ports = {line["shard"]: line["port"] for line in logged(errors, "health")}
    assert {"0/2": port, "1/2": port + 1} == ports


@ON_MOCK
def test_options_are_passed_on(make_shop: MakeShop) -> None:
    """The shards use the broker and the directory that the supervisor was given."""
    shop = make_shop()
    text = shop.config.read_text().replace(shop.bootstrap_servers, "nobody:1")
    shop.config.write_text(text)
    places = ("--bootstrap-servers", shop.bootstrap_servers, "--state-directory", "over there")
    process = shop.start("--shards", "0-1/2", "--from", "latest", *places)
    durable = [shop.directory / "over there" / f"shard-{i}-of-2" / "durable" for i in (0, 1)]
    until(lambda: all(file.exists() for file in durable))
    assert 0 == stop(process)[0]
