# SPDX-License-Identifier: Apache-2.0
"""The processes that the sinks of `restock deliver` run in: they may die, and outlive nobody."""

import os
import signal
import subprocess
import time

import pytest

from tests.program.conftest import MakeShop
from tests.support.delivering import Deliveries, Receivers
from tests.support.shop import PATIENCE, stop

# What they show does not depend on the broker.
pytestmark = pytest.mark.parametrize("bootstrap_servers", ["mock"], indirect=True)

PEOPLE = [f"P{number:02}" for number in range(30)]
CONCURRENCY = 4


@pytest.fixture
def deliveries(make_shop: MakeShop, receivers: Receivers) -> Deliveries:
    """A shop whose messages go to them."""
    return Deliveries(make_shop(), receivers, concurrency=CONCURRENCY)


def processes() -> dict[int, tuple[int, str]]:
    """Parent and command line of every process that is no zombie."""
    command = ["ps", "-A", "-ww", "-o", "pid=,ppid=,stat=,args="]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rows = [line.split(maxsplit=3) for line in listed.splitlines()]
    return {int(row[0]): (int(row[1]), row[3]) for row in rows if not row[2].startswith("Z")}


def sinks_of(program: int) -> set[int]:
    """The processes of its sinks."""
    return {
        number
        for number, (parent, words) in processes().items()
        if parent == program and "spawn_main" in words
    }


def test_a_sink_whose_process_dies_is_started_again(
    deliveries: Deliveries, receivers: Receivers
) -> None:
    """What it had on its way comes again with the same ids, the rest as if nothing had been."""
    receivers.delay = 0.05
    ids = [deliveries.notify(person, position=n + 1) for n, person in enumerate(PEOPLE)]
    process = deliveries.start()
    receivers.wait_for(5, process)
    for number in sinks_of(process.pid):
        os.kill(number, signal.SIGKILL)
    deliveries.outcomes(len(PEOPLE))
    code, errors = stop(process)
    assert 0 == code, errors
    assert "its process has ended, it is started again" in errors
    assert set(ids) == set(receivers.ids)
    assert len(receivers.receipts) - len(PEOPLE) <= CONCURRENCY


def test_no_sink_outlives_a_program_that_is_killed(
    deliveries: Deliveries, receivers: Receivers
) -> None:
    """Else an old one would go on sending beside the new one."""
    receivers.delay = 0.5
    for number, person in enumerate(PEOPLE):
        deliveries.notify(person, position=number + 1)
    process = deliveries.start()
    receivers.wait_for(1, process)
    sinks = sinks_of(process.pid)
    assert 2 == len(sinks)
    stop(process, signal.SIGKILL)
    deadline = time.monotonic() + PATIENCE
    while sinks & processes().keys():
        assert time.monotonic() < deadline, "a sink outlives its program"
        time.sleep(0.05)
    assert len(receivers.receipts) <= CONCURRENCY
