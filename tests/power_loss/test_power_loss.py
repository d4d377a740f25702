# SPDX-License-Identifier: Apache-2.0
"""A power cut at any moment: what was not synced is gone, and still everybody is told once."""

import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from restock.embedded_broker import EmbeddedBroker
from tests.power_loss.image import Disk, Luck
from tests.support.shop import PATIENCE, Shop, now

HERE = Path(__file__).parent
PROGRAM = "tests.power_loss.program"
CUTS = int(os.environ.get("RESTOCK_POWER_CUTS", "10"))
SEED = int(os.environ.get("RESTOCK_POWER_SEED", "1"))
PEOPLE_A_ROUND = 20
VARIANTS = ("shoe", "coat", "hat")
LONGEST_LIFE = 0.5
TIME_LIMIT = 60 + 5 * CUTS


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shim, compiled."""
    compiler = shutil.which("cc")
    if compiler is None or sys.platform != "linux":
        pytest.skip("no C compiler for the layer that forgets what was not synced")
    library = tmp_path_factory.mktemp("shim") / "shim.so"
    options = ["-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]
    command = [compiler, *options, "-o", str(library), str(HERE / "shim.c"), "-ldl"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (0, "") == (done.returncode, done.stderr)
    return library


class Machine:
    """A shop whose program runs on a machine that loses its power again and again."""

    def __init__(self, shop: Shop, shim: Path, seed: int) -> None:
        self.shop = shop
        self.chance = random.Random(seed)
        self.disk = Disk(shop.directory / "state", shop.directory / "notes")
        self.signed_up = 0
        self.compacted = False
        self._shim = shim
        self._process: subprocess.Popen[str] | None = None
        (shop.directory / "state").mkdir()
        self.disk.begin()

    def start(self, forget: str = "") -> None:
        """Start the program."""
        inherited = {n: v for n, v in os.environ.items() if not n.startswith("RESTOCK_")}
        self._process = subprocess.Popen(
            [sys.executable, "-m", PROGRAM, "run", "--config", str(self.shop.config)],
            cwd=HERE.parent.parent,
            env={**inherited, **self.disk.environment(self._shim, forget)},
            stderr=subprocess.PIPE,
            text=True,
        )

    def busy_day(self) -> None:
        """Sign people up, restock, and let the program work for a moment."""
        names = [f"P{self.signed_up + number:04}" for number in range(PEOPLE_A_ROUND)]
        self.signed_up += len(names)
        for name in names:
            self.shop.sign_up(self.chance.choice(VARIANTS), [name], occurred_at=now() - 1000)
        for variant in VARIANTS:
            self.shop.stock(variant, 0)
            self.shop.stock(variant, self.chance.choice([1, 5]))
        running = self.running
        deadline = time.monotonic() + PATIENCE
        while not (self.disk.root / "shard-0-of-1" / "durable").exists():
            assert running.poll() is None, running.communicate()[1]
            assert time.monotonic() < deadline
            time.sleep(0.005)

    def live_a_while(self) -> None:
        """Let the program live for a random time, counted from its start or from its first work."""
        if self.chance.random() < 0.5:
            topic = self.shop.topics.notifications
            told = len(self.shop.read(topic))
            deadline = time.monotonic() + PATIENCE
            while len(self.shop.read(topic)) == told and time.monotonic() < deadline:
                self.check_alive()
        time.sleep(self.chance.uniform(0, LONGEST_LIFE))
        self.check_alive()
        self.compacted |= any(self.disk.root.glob("*/slots/*/base-*.journal"))

    def lose_power(self, luck: Luck | None = None) -> None:
        """End the program and take away what was not synced."""
        self.running.kill()
        self.running.communicate(timeout=PATIENCE)
        self.disk.cut(luck or self.chance.choice(list(Luck)), self.chance)

    def check_alive(self) -> None:
        """Fail with what the program said when it has ended by itself."""
        running = self.running
        assert running.poll() is None, running.communicate()[1]

    def ended(self) -> list[str]:
        """Wait until the program ends by itself, which is exit code 1; what it said, by lines."""
        _, errors = self.running.communicate(timeout=PATIENCE)
        assert 1 == self.running.returncode
        assert "Traceback" not in errors
        return errors.splitlines()

    @property
    def running(self) -> "subprocess.Popen[str]":
        """The program's process."""
        assert self._process is not None
        return self._process

    def close(self) -> None:
        """Leave no process behind."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()


@pytest.fixture
def machine(tmp_path: Path, shim: Path, mock_broker: EmbeddedBroker) -> Iterator[Machine]:
    """A machine with an empty disk; the broker is elsewhere and keeps its power."""
    name = f"power-{tmp_path.name}"
    waves = '[policy]\nper_unit = 2\nwait = "50ms"\n'
    shop = Shop(tmp_path, mock_broker.bootstrap_servers, name, waves)
    shop.create_topics(mock_broker.create_topic)
    made = Machine(shop, shim, SEED)
    yield made
    made.close()
    shop.close()


@pytest.mark.timeout(TIME_LIMIT)
def test_nobody_is_lost_or_told_twice_when_the_power_goes(machine: Machine) -> None:
    """Cut after cut, and whatever of the unsynced bytes was lucky, each person is told once."""
    machine.start()
    for _ in range(CUTS):
        machine.busy_day()
        machine.live_a_while()
        machine.lose_power()
        machine.start()
    assert machine.compacted
    _tell_everybody(machine)


@pytest.mark.parametrize("forget", ["data", "names"])
def test_the_layer_finds_a_program_that_forgets_to_sync(machine: Machine, forget: str) -> None:
    """Were the journals not synced, or their names not, a power cut would be noticed."""
    machine.start(forget)
    machine.busy_day()
    machine.shop.wait_for_notifications(1)
    time.sleep(0.5)
    machine.check_alive()
    machine.lose_power(Luck.NOTHING)
    machine.start()
    assert "restore a backup" in machine.ended()[-1]


@pytest.mark.parametrize(
    ("part", "words"), [("/slots/", "cannot sync the journal"), ("sqlite3-wal", "disk I/O error")]
)
def test_a_sync_that_fails_ends_the_run(machine: Machine, part: str, words: str) -> None:
    """What the disk did not take is never counted on; a later start tells nobody twice."""
    machine.start()
    machine.busy_day()
    machine.shop.wait_for_notifications(1)
    broken = machine.disk.notes / "broken"
    broken.write_text(part)
    machine.shop.sign_up("hat", ["late"], occurred_at=now() - 1000)
    machine.signed_up += 1
    last = machine.ended()[-1]
    assert last.startswith("restock: ")
    assert words in last
    assert "check free space, permissions and the disk" in last
    broken.unlink()
    machine.start()
    _tell_everybody(machine)


def _tell_everybody(machine: Machine) -> None:
    for variant in VARIANTS:
        machine.shop.stock(variant, 0)
        machine.shop.stock(variant, machine.signed_up)
    told = _settled(machine)
    machine.check_alive()
    assert machine.signed_up == len(told), "lost or told twice"
    assert machine.signed_up == len(set(told)), "told twice"


def _settled(machine: Machine) -> list[str]:
    """The ids of all notifications, once all have come and a moment after that."""
    topic = machine.shop.topics.notifications
    deadline = time.monotonic() + PATIENCE
    found: list[bytes] = []
    while len(found) < machine.signed_up and time.monotonic() < deadline:
        machine.check_alive()
        found = machine.shop.read(topic)
        time.sleep(0.1)
    time.sleep(0.5)
    return [json.loads(value)["id"] for value in machine.shop.read(topic)]
