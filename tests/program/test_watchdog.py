# SPDX-License-Identifier: Apache-2.0
"""A program that hangs ends itself, and says where it hung."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from restock.embedded_broker import EmbeddedBroker
from tests.support.shop import PATIENCE, Shop, now

# Runs the program with a disk that stops answering after some epochs.
PROGRAM = """
import ctypes, sys, time
from journal.journal import Journal
from restock.cli import main

working, left = Journal.sync, [20]

def sync(self):
    left[0] -= 1
    if left[0] < 0:
        {hang}
    return working(self)

Journal.sync = sync
sys.exit(main(sys.argv[1:]))
"""
ASLEEP = "time.sleep(600)"
WITH_THE_LOCK = "ctypes.PyDLL(None).sleep(600)"


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """A shop whose program loses patience after two seconds."""
    with EmbeddedBroker() as broker:
        shop = Shop(tmp_path, broker.bootstrap_servers, "watchdog")
        text = shop.config.read_text()
        text = text.replace("[kafka]\n", '[kafka]\ndelivery_timeout = "1900ms"\n')
        shop.config.write_text(text.replace("[state]\n", '[state]\nwatchdog_timeout = "2s"\n'))
        shop.create_topics(broker.create_topic)
        shop.sign_up("shoe", ["P1"], occurred_at=now() - 1000)
        shop.stock("shoe", 1)
        try:
            yield shop
        finally:
            shop.close()


def hang(shop: Shop, how: str) -> tuple[int, list[str]]:
    """Run until it ends; exit code and the lines of standard error."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(hang=how), "run", "--config", str(shop.config)],
        cwd=shop.directory, capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    return done.returncode, done.stderr.splitlines()


def test_a_program_that_hangs_ends_in_one_line(shop: Shop) -> None:
    """The line says for how long, and in which function; nothing else is printed than the log."""
    code, lines = hang(shop, ASLEEP)
    assert 1 == code
    assert lines[-1].startswith("restock: no epoch has become durable for ")
    assert "the program is ending an epoch, busy with dataflows.waitlist_step:" in lines[-1]
    assert [] == [line for line in lines if "Thread" in line]
    assert 1 == len(shop.wait_for_notifications(1))
    shop.start()
    assert 1 == len(shop.wait_for_notifications(1))


def test_a_program_that_hangs_with_pythons_lock_ends_as_well(shop: Shop) -> None:
    """No thread can say anything then: a timer outside of Python prints all stacks and leaves."""
    code, lines = hang(shop, WITH_THE_LOCK)
    assert 1 == code
    assert [line for line in lines if line.startswith("Timeout (0:00:0")]
    assert [line for line in lines if "in sync" in line]
