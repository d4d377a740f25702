# SPDX-License-Identifier: Apache-2.0
"""`restock state` beside a running program: check, back up, restore, and go on."""

import io
import json
import os
import shutil
import signal
import time
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any
from unittest import mock

from restock.cli import main
from tests.program.conftest import MakeShop
from tests.support.shop import PATIENCE, Shop, now, stop

VARIANTS = ("shoe", "coat", "hat", "bag")


def state(shop: Shop, *words: str) -> tuple[int, dict[str, Any], str]:
    """`restock state` in this process; its exit code, its JSON and standard error."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("RESTOCK_")}
    out, errors = io.StringIO(), io.StringIO()
    with (
        mock.patch.dict(os.environ, kept, clear=True),
        redirect_stdout(out),
        redirect_stderr(errors),
    ):
        code = main(["state", *words, "--config", str(shop.config), "--json"])
    return code, json.loads(out.getvalue() or "{}"), errors.getvalue()


def offer(shop: Shop, people: list[str]) -> None:
    """Each of them signs up for every variant; then all sell out and come back."""
    for variant in VARIANTS:
        shop.sign_up(variant, people, occurred_at=now() - 1000)
        shop.stock(variant, 0)
        shop.stock(variant, 1)


def ids(records: list[dict[str, Any]]) -> set[str]:
    """Which notifications there are."""
    return {record["id"] for record in records}


def test_a_backup_of_a_running_program_is_restored_and_goes_on(make_shop: MakeShop) -> None:
    """People told after the backup are not told again, those waiting in it are not forgotten."""
    shop = make_shop()
    process = shop.start()
    offer(shop, ["A", "B"])
    shop.wait_for_notifications(8)
    shop.sign_up("late", ["L"], occurred_at=now() - 1000)
    backup = str(shop.directory / "backup")
    code, made, errors = state(shop, "backup", backup)
    assert (0, "") == (code, errors)
    assert ["0/1"] == [shard["shard"] for shard in made["shards"]]
    offer(shop, ["C"])
    shop.wait_for_notifications(12)

    code, _, errors = state(shop, "restore", backup, "--replace")
    assert 1 == code
    assert "in use" in errors
    stop(process, signal.SIGKILL)
    code, _, errors = state(shop, "restore", backup)
    assert 1 == code
    assert "--replace" in errors
    code, done, errors = state(shop, "restore", backup, "--replace")
    assert (0, "") == (code, errors)
    (aside,) = map(Path, done["moved"].values())
    assert (aside / "identity.json").exists()

    process = shop.start()
    shop.stock("late", 1)
    offer(shop, ["D"])
    told = shop.wait_for_notifications(17)
    assert 17 == len(told) == len(ids(told))
    assert 0 == stop(process)[0]
    assert 17 == len(shop.read(shop.topics.notifications))


def test_a_check_tells_what_is_there_and_what_is_wrong(make_shop: MakeShop) -> None:
    """Sound while it runs and when it has stopped; one line and exit code 1 for each damage."""
    shop = make_shop()
    process = shop.start()
    offer(shop, ["A", "B"])
    shop.wait_for_notifications(8)
    shop.sign_up("rare", ["A", "B", "C"], occurred_at=now() - 1000)
    code, _, errors = state(shop, "check")
    assert (0, "") == (code, errors)
    # What it has not read when it is told to stop is left for the next start.
    deadline = time.monotonic() + PATIENCE
    while sum(shop.committed().values()) < 19:
        assert time.monotonic() < deadline
    assert 0 == stop(process)[0]

    code, found, errors = state(shop, "check", "--shard", "0/1")
    assert (0, "") == (code, errors)
    (shard,) = found["shards"]
    assert (5, 3) == (shard["variants"], shard["waiting"])
    assert 19 == sum(offset for _, _, offset in shard["offsets"])
    assert shard["bytes"] > 20_000
    assert [] == shard["beside"]

    directory = shop.directory / "state" / "shard-0-of-1"
    first, second, *_ = sorted(directory.glob("slots/*/segment-*"))
    first.write_bytes(first.read_bytes()[:-1])
    second.unlink()
    shutil.copyfile(directory / "durable", directory / "notes.txt")
    code, found, errors = state(shop, "check")
    assert 1 == code
    assert ["notes.txt"] == found["shards"][0]["beside"]
    assert [str(first), str(second)] == [
        next(word for word in line.split() if "segment" in word) for line in errors.splitlines()
    ]
    code, _, errors = state(shop, "backup", str(shop.directory / "backup"))
    assert 1 == code
    assert 1 == len(errors.splitlines())
    assert not (shop.directory / "backup").exists()
    assert [] == list(shop.directory.glob(".backup*"))
