# SPDX-License-Identifier: Apache-2.0
"""The flow under Bytewax's own command, for those who prefer it: alone, and as a cluster."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from bytewax.recovery import init_db_dir

from tests.program.conftest import MakeShop
from tests.support.shop import PATIENCE, Shop, now

PEOPLE = [f"P{number:02}" for number in range(12)]
VARIANTS = [f"shoe-{number}" for number in range(10)]
_BY_THE_CLOCK = ("cycle_opened_at", "triggered_at")


@contextmanager
def bytewax_run(shop: Shop, recovery: Path, addresses: list[str]) -> Iterator[None]:
    """``python -m bytewax.run dataflows.restock``, one process for each address."""
    command = [sys.executable, "-m", "bytewax.run", "dataflows.restock"]
    command += ["-r", str(recovery), "-s", "1", "-b", "0"]
    cluster = ["-a", ";".join(addresses)] if len(addresses) > 1 else []
    processes = [
        subprocess.Popen(
            [*command, *cluster, *(["-i", str(number)] if cluster else [])],
            cwd=shop.directory,
            env={n: value for n, value in os.environ.items() if not n.startswith("RESTOCK_")},
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(len(addresses))
    ]
    try:
        yield
        # A cluster stops only when each of its processes is told to.
        for process in processes:
            process.send_signal(signal.SIGTERM)
        for process in processes:
            _, errors = process.communicate(timeout=PATIENCE)
            assert 0 == process.returncode, errors
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def until_read(shop: Shop, sign_ups: int) -> None:
    """Wait until so many sign-ups have been taken in durably."""
    deadline = time.monotonic() + PATIENCE
    while shop.committed()[shop.topics.subscriptions] < sign_ups:
        assert time.monotonic() < deadline, "the sign-ups were not read"
        time.sleep(0.05)


def comparable(record: dict[str, Any]) -> dict[str, Any]:
    """A notification without the times at which things happened to happen."""
    return {name: value for name, value in record.items() if name not in _BY_THE_CLOCK}


@pytest.mark.parametrize("processes", [1, 2])
def test_the_flow_runs_under_bytewax_itself(make_shop: MakeShop, processes: int) -> None:
    """It finds restock.toml, tells everybody once, and stops on SIGTERM."""
    shop = make_shop()
    recovery = shop.directory / "recovery"
    recovery.mkdir()
    init_db_dir(recovery, 1)
    for variant in ("shoe", "coat", "hat"):
        shop.sign_up(variant, PEOPLE, occurred_at=now() - 60_000)
        shop.stock(variant, 1)
    addresses = [f"127.0.0.1:{port}" for port in free_ports(processes)]
    with bytewax_run(shop, recovery, addresses):
        notifications = shop.wait_for_notifications(36)
        assert 36 == len({record["id"] for record in notifications})


@pytest.mark.parametrize("bootstrap_servers", ["mock"], indirect=True)
def test_a_cluster_decides_as_one_process_does(make_shop: MakeShop) -> None:
    """Two processes write the very notifications that one writes of the same input."""
    began = now() - 60_000
    told = []
    for processes in (1, 2):
        shop = make_shop('[policy]\nper_unit = 2\nwait = "300ms"\n')
        recovery = shop.directory / f"recovery-{processes}"
        recovery.mkdir()
        init_db_dir(recovery, 1)
        for number, variant in enumerate(VARIANTS):
            shop.sign_up(variant, PEOPLE, occurred_at=began + number)
        addresses = [f"127.0.0.1:{port}" for port in free_ports(processes)]
        with bytewax_run(shop, recovery, addresses):
            until_read(shop, len(VARIANTS) * len(PEOPLE))
            for variant in VARIANTS:
                shop.stock(variant, 2)
            records = shop.wait_for_notifications(len(VARIANTS) * len(PEOPLE))
        told.append(sorted(json.dumps(comparable(record)) for record in records))
        shutil.rmtree(shop.directory / "state")
    assert len(VARIANTS) * len(PEOPLE) == len(set(told[0]))
    assert told[0] == told[1]
