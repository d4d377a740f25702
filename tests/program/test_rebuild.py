# SPDX-License-Identifier: Apache-2.0
"""`restock run --rebuild`: the state is gone, the topics are not."""

import json
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.program.conftest import MakeShop
from tests.support.shop import PATIENCE, Shop, now, stop

PEOPLE = [f"P{number:02}" for number in range(12)]
SLOW = """
[policy]
per_unit = 2
wait = "1h"
[[policy.override]]
variants = ["fast"]
wait = "200ms"
"""


def told(notifications: list[dict[str, Any]], variant_id: str) -> list[str]:
    """Who was told of a variant, by cycle, wave and position."""
    return [
        record["profile"]["id"]
        for record in sorted(
            (one for one in notifications if one["variant_id"] == variant_id),
            key=lambda one: (one["cycle"], one["wave"], one["position"]),
        )
    ]


def shard_directory(shop: Shop, shard: str = "0-of-1") -> Path:
    """Where the state of a shard is."""
    return shop.directory / "state" / f"shard-{shard}"


def wait_until(condition: Callable[[], object]) -> None:
    """Waits for something that another process does."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def wait_until_rebuilt(shop: Shop, shard: str = "0-of-1") -> None:
    """Until a rebuild that was begun is done."""
    directory = shard_directory(shop, shard)
    wait_until((directory / "durable").exists)
    wait_until(lambda: not (directory / "rebuilding.json").exists())


def lose_state(shop: Shop) -> None:
    """The disk is gone."""
    shutil.rmtree(shop.directory / "state")


def sign_off(shop: Shop, variant_id: str, person: str) -> None:
    """Nobody wants to hear of it any more."""
    value = {
        "type": "unsubscribe",
        "variant_id": variant_id,
        "profile": {"id": person},
        "occurred_at": now(),
    }
    shop._send(shop.topics.subscriptions, variant_id, json.dumps(value).encode())


def test_nobody_is_told_twice_and_the_rest_is_told(make_shop: MakeShop) -> None:
    """After the loss of everything, waves go on behind the last, with new and with old sign-ups."""
    shop = make_shop(SLOW)
    shop.sign_up("shoe", PEOPLE, occurred_at=now() - 60_000)
    shop.sign_up("fast", ["F1", "F2", "F3"], occurred_at=now() - 60_000)
    shop.send_raw(b"\xff")
    shop.stock("shoe", 2)
    shop.stock("fast", 1)
    process = shop.start()
    first = shop.wait_for_notifications(7)
    assert PEOPLE[:4] == told(first, "shoe")
    stop(process, signal.SIGKILL)
    lose_state(shop)

    sign_off(shop, "shoe", "P05")
    shop.sign_up("fast", ["F1", "F4"], occurred_at=now())
    refused = shop.run("run", "--config", str(shop.config))
    assert (1, True) == (refused.returncode, "--rebuild" in refused.stderr)
    shop.start("--rebuild")
    wait_until_rebuilt(shop)
    # A cycle that opened before the sign-ups, with its next wave an hour off: still nobody new.
    shop.stock("fast", 0)
    shop.stock("fast", 9)
    notifications = shop.wait_for_notifications(9)

    assert first == [one for one in notifications if one in first]
    assert ["F1", "F2", "F3", "F1", "F4"] == told(notifications, "fast")
    assert [1, 1, 1, 2, 2] == sorted(
        one["cycle"] for one in notifications if one["variant_id"] == "fast"
    )
    assert PEOPLE[:4] == told(notifications, "shoe")
    assert 9 == len({one["id"] for one in notifications})
    assert [b"\xff"] == shop.read(f"{shop.topics.inventory}.dlq")


@pytest.mark.parametrize("bootstrap_servers", ["mock"], indirect=True)
def test_killed_again_and_again_while_it_rebuilds(make_shop: MakeShop) -> None:
    """The next start goes on with the rebuild, with or without the flag, until it is done."""
    shop = make_shop(SLOW)
    shop.sign_up("fast", ["F1", "F2"], occurred_at=now() - 60_000)
    shop.stock("fast", 1)
    process = shop.start()
    shop.wait_for_notifications(2)
    stop(process, signal.SIGKILL)
    lose_state(shop)

    directory = shard_directory(shop)
    moments: list[tuple[Callable[[], object], list[str]]] = [
        ((directory / "rebuilding.json").exists, ["--rebuild"]),
        (lambda: [*directory.glob("slots/*/segment-*")], []),
    ]
    for moment, arguments in moments:
        process = shop.start(*arguments)
        wait_until(moment)
        stop(process, signal.SIGKILL)
    shop.sign_up("fast", ["F3"], occurred_at=now() - 60_000)
    shop.start()
    notifications = shop.wait_for_notifications(3)
    assert ["F1", "F2", "F3"] == told(notifications, "fast")
    assert [(1, 1), (1, 1), (1, 2)] == sorted((one["cycle"], one["wave"]) for one in notifications)


@pytest.mark.parametrize("bootstrap_servers", ["mock"], indirect=True)
def test_one_shard_rebuilds_while_the_other_goes_on(make_shop: MakeShop) -> None:
    """Each reads only what its own partitions and its own notifications say."""
    shop = make_shop()
    variants = [f"v{number}" for number in range(6)]
    for variant_id in variants:
        shop.sign_up(variant_id, [f"A-{variant_id}"], occurred_at=now() - 60_000)
        shop.stock(variant_id, 1)
    shop.start("--shard", "0/2")
    process = shop.start("--shard", "1/2")
    shop.wait_for_notifications(6)
    stop(process)
    shutil.rmtree(shard_directory(shop, "1-of-2"))

    shop.start("--shard", "1/2", "--rebuild")
    wait_until_rebuilt(shop, "1-of-2")
    for variant_id in variants:
        shop.sign_up(variant_id, [f"B-{variant_id}"], occurred_at=now())
        shop.stock(variant_id, 0)
        shop.stock(variant_id, 1)
    notifications = shop.wait_for_notifications(12)

    assert 12 == len({one["id"] for one in notifications})
    for variant_id in variants:
        assert [f"A-{variant_id}", f"B-{variant_id}"] == told(notifications, variant_id)
