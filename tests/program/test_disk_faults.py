# SPDX-License-Identifier: Apache-2.0
"""Faults of the disk under `restock run`: one line and exit code 1, or it goes on rightly.

Never a silent fresh start, which would tell people again, and never a traceback.
"""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from bytewax.recovery import init_db_dir

from restock.embedded_broker import EmbeddedBroker
from restock.state_check import check_shard
from tests.support.shop import PATIENCE, Shop, now, stop
from tests.support.small_disk import fill, small_disk

WAVES = '[policy]\nper_unit = 1\nwait = "1h"\n'
SHARD = "shard-0-of-1"


class Past:
    """A shop that has run on two days, and its state at the end of each."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.yesterday = shop.directory / "yesterday"
        self.today = shop.directory / "today"

    def have(self, state: Path) -> Path:
        """Put a state where the program looks for it; the shard's folder."""
        place = self.shop.directory / "state"
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(state, place)
        return place / SHARD

    def told(self) -> list[str]:
        """The ids of all notifications."""
        values = self.shop.read(self.shop.topics.notifications)
        return [json.loads(value)["id"] for value in values]

    def refused(self) -> str:
        """Start the program, which must end by itself at once; its only line besides the log."""
        result = self.shop.run("run", "--config", str(self.shop.config))
        assert 1 == result.returncode, result.stderr
        (line,) = [line for line in result.stderr.splitlines() if not line.startswith("{")]
        return line


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory, mock_broker: EmbeddedBroker) -> Iterator[Past]:
    """Two days, with people told and people waiting on each, in several slots."""
    directory = tmp_path_factory.mktemp("past")
    shop = Shop(directory, mock_broker.bootstrap_servers, directory.name, WAVES)
    shop.create_topics(mock_broker.create_topic)
    past = Past(shop)
    count = 0
    for day, names in ((past.yesterday, ["A", "B", "C", "D"]), (past.today, ["E", "F", "G"])):
        process = shop.start()
        variants = ("shoe", "coat", f"hat-{names[0]}", f"bag-{names[0]}")
        for variant in variants:
            shop.sign_up(variant, names, occurred_at=now() - 1000)
        # Stock that came first would find a part of the queue, and leave the rest for an hour.
        until_waiting(shop, variants, names)
        for variant in (f"hat-{names[0]}", f"bag-{names[0]}"):
            shop.stock(variant, 2)
        count += 4
        shop.wait_for_notifications(count)
        assert 0 == stop(process)[0]
        shutil.copytree(directory / "state", day)
    yield past
    shop.close()


def until_waiting(shop: Shop, variants: Sequence[str], names: Sequence[str]) -> None:
    """Wait until all of them wait for each of the variants."""
    deadline = time.monotonic() + PATIENCE
    while True:
        waiting = {record["variant_id"]: record["waiting"] for record in _statuses(shop)}
        if all(waiting.get(variant, 0) >= len(names) for variant in variants):
            return
        assert time.monotonic() < deadline, waiting
        time.sleep(0.05)


def segments(shard: Path) -> list[Path]:
    """All segments, the longest first."""
    files = shard.glob("slots/*/segment-*")
    return sorted(files, key=lambda file: file.stat().st_size, reverse=True)


def cut(file: Path, length: int) -> None:
    """Leave only the beginning of a file."""
    os.truncate(file, length)


def flip(file: Path) -> None:
    """Change a byte in the middle."""
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def other_day(past: Past, shard: Path, part: str) -> None:
    """Put yesterday's part of the state in the place of today's."""
    shutil.rmtree(shard / part)
    shutil.copytree(past.yesterday / SHARD / part, shard / part)


def lose_store(shard: Path) -> None:
    """Lose what says that anything was durable."""
    (shard / "durable").unlink()
    shutil.rmtree(shard / "recovery")


def empty_store(shard: Path) -> None:
    """The same, with a sound store that was never used in the place of the lost one."""
    lose_store(shard)
    (shard / "recovery").mkdir()
    init_db_dir(shard / "recovery", 1)


def be_another_shard(shard: Path) -> None:
    """Carry another shard's identity."""
    file = shard / "identity.json"
    file.write_text(file.read_text().replace('"0/1"', '"1/2"'))


def slot_of_yesterday(past: Past, shard: Path) -> None:
    """Put yesterday's journal of one slot, which has gone on since, among those of today."""
    before = {file.name for file in segments(past.yesterday / SHARD)}
    new = next(file for file in segments(shard) if file.name not in before)
    other_day(past, shard, f"slots/{new.parent.name}")


REFUSED: dict[str, tuple[Callable[[Past, Path], object], str]] = {
    "store cut": (lambda _, shard: cut(shard / "recovery/part-0.sqlite3", 5000), "part-0.sqlite3"),
    "segment missing": (lambda _, shard: segments(shard)[0].unlink(), "is missing"),
    "segment cut": (lambda _, shard: cut(segments(shard)[0], 100), "the marker says"),
    "segment damaged": (lambda _, shard: flip(segments(shard)[0]), "is damaged"),
    "slot missing": (lambda _, shard: shutil.rmtree(segments(shard)[0].parent), "is missing"),
    "journals of yesterday": (lambda past, shard: other_day(past, shard, "slots"), "backup"),
    "a slot of yesterday": (slot_of_yesterday, "backup"),
    "store and mark lost": (lambda _, shard: lose_store(shard), "part-0.sqlite3"),
    "store empty, mark lost": (lambda _, shard: empty_store(shard), "part-0.sqlite3"),
    "identity missing": (lambda _, shard: (shard / "identity.json").unlink(), "identity.json"),
    "identity garbled": (
        lambda _, shard: (shard / "identity.json").write_text("{"),
        "identity.json",
    ),
    "another shard's": (lambda _, shard: be_another_shard(shard), "1/2"),
}


# A check takes milliseconds, a start takes a second: one for each place where a start looks.
STARTED = (
    "segment missing",
    "a slot of yesterday",
    "store and mark lost",
    "store empty, mark lost",
    "identity garbled",
)


@pytest.mark.parametrize("name", REFUSED)
def test_a_check_names_the_damage(past: Past, name: str) -> None:
    """`restock state check` says beforehand what a start would say."""
    damage, words = REFUSED[name]
    shard = past.have(past.today)
    assert [] == check_shard(shard).problems
    damage(past, shard)
    problems = check_shard(shard).problems
    assert any(words in line and str(shard) in line for line in problems), problems


@pytest.mark.parametrize("name", STARTED)
def test_damage_is_refused_in_one_line(past: Past, name: str) -> None:
    """What cannot be resumed from is named in one line, and left as it is."""
    damage, words = REFUSED[name]
    shard = past.have(past.today)
    damage(past, shard)
    journals = {file: file.read_bytes() for file in segments(shard)}
    before = past.told()
    line = past.refused()
    assert words in line
    assert str(shard) in line
    assert journals == {file: file.read_bytes() for file in segments(shard)}
    assert before == past.told()


@pytest.mark.parametrize("name", ["store of yesterday", "mark lost"])
def test_what_can_be_resumed_from_is(past: Past, name: str) -> None:
    """An older store over newer journals, or a lost mark, tells nobody twice and forgets nobody."""
    shard = past.have(past.today)
    if name == "mark lost":
        (shard / "durable").unlink()
    else:
        other_day(past, shard, "recovery")
    before = past.told()
    process = past.shop.start()
    past.shop.stock("coat", 0)
    past.shop.sign_up(f"new-{name}", ["N"], occurred_at=now() - 1000)
    past.shop.stock(f"new-{name}", 1)
    past.shop.wait_for_notifications(len(before) + 1)
    assert 0 == stop(process)[0]
    told = past.told()
    assert len(before) + 1 == len(told) == len(set(told))
    status = {record["variant_id"]: record for record in _statuses(past.shop)}
    assert (7, 0) == (status["coat"]["waiting"], status["coat"]["told"])


def _statuses(shop: Shop) -> list[dict[str, Any]]:
    return [json.loads(value) for value in shop.read(shop.topics.waitlist)]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of three megabytes."""
    with small_disk(tmp_path / "disk", "3m"):
        yield tmp_path / "disk"


@pytest.fixture
def small_shop(disk: Path, tmp_path: Path, mock_broker: EmbeddedBroker) -> Iterator[Shop]:
    """A shop whose state lies on the small disk."""
    shop = Shop(tmp_path, mock_broker.bootstrap_servers, f"small-{tmp_path.name}", WAVES)
    shop.create_topics(mock_broker.create_topic)
    configure(shop, directory=str(disk / "state"), min_free_bytes=100_000)
    yield shop
    shop.close()


def configure(shop: Shop, **state: object) -> None:
    """Change keys of the table [state]."""
    kept = [
        line for line in shop.config.read_text().splitlines() if line.split(" = ")[0] not in state
    ]
    place = kept.index("[state]") + 1
    kept[place:place] = [f"{key} = {json.dumps(value)}" for key, value in state.items()]
    shop.config.write_text("\n".join(kept) + "\n")


def test_a_disk_that_fills_up_ends_the_run_in_time(small_shop: Shop, disk: Path) -> None:
    """One line while there is some space left; with more space it goes on, and tells nobody twice.

    At a start on the full disk it says the same.
    """
    small_shop.sign_up("shoe", ["A", "B"], occurred_at=now() - 1000)
    small_shop.stock("shoe", 1)
    process = small_shop.start()
    small_shop.wait_for_notifications(1)
    ballast = fill(disk, leave=90_000)
    _, errors = process.communicate(timeout=PATIENCE)
    assert 1 == process.returncode
    assert "min_free_bytes" in errors.splitlines()[-1]
    assert "Traceback" not in errors
    assert "panicked" not in errors
    again = small_shop.run("run", "--config", str(small_shop.config))
    assert 1 == again.returncode
    assert "min_free_bytes" in again.stderr.splitlines()[-1]
    ballast.unlink()
    small_shop.sign_up("coat", ["C"], occurred_at=now() - 1000)
    small_shop.stock("coat", 1)
    process = small_shop.start()
    assert 2 == len({record["id"] for record in small_shop.wait_for_notifications(2)})
    assert 0 == stop(process)[0]


def test_a_full_disk_under_a_commit_ends_the_run(small_shop: Shop, disk: Path) -> None:
    """Where free space is not watched, the last line still says what is wrong; it resumes."""
    configure(small_shop, min_free_bytes=0)
    small_shop.sign_up("shoe", ["A", "B"], occurred_at=now() - 1000)
    small_shop.stock("shoe", 1)
    process = small_shop.start()
    small_shop.wait_for_notifications(1)
    ballast = fill(disk)
    _, errors = process.communicate(timeout=PATIENCE)
    assert 1 == process.returncode
    assert errors.splitlines()[-1].startswith("restock: ")
    assert "check free space" in errors.splitlines()[-1]
    assert "Traceback" not in errors
    ballast.unlink()
    small_shop.sign_up("coat", ["C"], occurred_at=now() - 1000)
    small_shop.stock("coat", 1)
    process = small_shop.start()
    assert 2 == len({record["id"] for record in small_shop.wait_for_notifications(2)})
    assert 0 == stop(process)[0]


def test_a_read_only_disk_is_named(small_shop: Shop, disk: Path) -> None:
    """A state directory that cannot be written to is refused in one line."""
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True, timeout=PATIENCE)
    result = small_shop.run("run", "--config", str(small_shop.config))
    assert 1 == result.returncode
    (line,) = result.stderr.splitlines()
    assert "Read-only file system" in line
    assert str(disk) in line
