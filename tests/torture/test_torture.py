# SPDX-License-Identifier: Apache-2.0
"""A short torture run as part of all tests; ``make torture`` is the long one."""

import random
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest

from tests.torture.brokers import NamedBroker
from tests.torture.driver import Part, plan_parts, run_part
from tests.torture.faults import plan_faults
from tests.torture.kills import BIRTH, Kill, plan_kills
from tests.torture.report import Failure, Progress, Tally, as_json, render
from tests.torture.verdict import Problem, Verdict
from tests.torture.victim import POINTS

ROOT = Path(__file__).parents[2]
VARIANTS = 40


def torment(part: Part, folder: Path, broker: NamedBroker | None = None) -> Tally:
    """Run one part and give what it came to, which must be nothing wrong."""
    tally = Tally()
    progress = Progress(StringIO(), part.kills + part.faults)
    run_part(part, tally, progress, folder, broker)
    assert [] == [line for failure in tally.failures for line in failure.what]
    (verdict,) = tally.verdicts
    assert 0 < verdict.required <= verdict.notified
    return tally


@pytest.mark.timeout(240)
def test_killed_on_the_mock_cluster(tmp_path: Path) -> None:
    """Killed at random moments and chosen points, it loses nobody and tells nobody twice."""
    tally = torment(Part(3, 1, "mock", kills=8, variants=VARIANTS), tmp_path)
    assert 8 <= tally.killed_in_all + tally.terminated
    assert tally.hits


@pytest.mark.timeout(240)
def test_killed_on_a_real_broker(tmp_path: Path, real_broker_address: str) -> None:
    """The same on a real broker, with everybody told at their variant's restock."""
    broker = NamedBroker(real_broker_address)
    tally = torment(Part(4, 2, "real", kills=6, variants=VARIANTS), tmp_path, broker)
    assert 6 <= tally.killed_in_all + tally.terminated
    assert tally.hits


@pytest.mark.timeout(240)
def test_brokers_that_fail(tmp_path: Path) -> None:
    """While brokers refuse, move and vanish, nobody is lost or told twice either."""
    tally = torment(Part(5, 1, "mock", faults=3, variants=VARIANTS), tmp_path)
    assert 3 == tally.faults.total()


def test_every_point_is_in_the_program() -> None:
    """Each point at which the program can be made to die is still a place in the program."""
    command = [sys.executable, "-m", "tests.torture.victim", "--points"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ("", list(POINTS)) == (done.stderr, done.stdout.split())


def test_a_plan_follows_from_its_seed() -> None:
    """The same seed draws the same kills and faults, another seed others."""
    plans = [plan_kills(random.Random(seed), 200, hot=True) for seed in (1, 1, 2)]
    assert plans[0] == plans[1] != plans[2]
    faults = [plan_faults(random.Random(seed), 30, real=False) for seed in (1, 1, 2)]
    assert faults[0] == faults[1] != faults[2]


def test_a_plan_kills_as_often_as_it_was_told_to() -> None:
    """Those that are only told to stop come on top, and every aim is at a known point."""
    kills = plan_kills(random.Random(1), 1000, hot=True)
    assert 1000 == sum(kill.kind != "terminated" for kill in kills)
    aimed = {kill.point for kill in kills} - {""}
    assert set(POINTS) == aimed
    assert list(BIRTH) == [kill.point for kill in kills if kill.kind == "birth"]
    assert 20 == sum(kill.kind == "hot" for kill in kills)


def test_a_run_is_split_into_parts() -> None:
    """Parts share kills and faults without a rest; a real broker is made to fail a few times."""
    parts = plan_parts(7, kills=1000, faults=100, broker="real")
    assert 1000 == sum(part.kills for part in parts)
    assert 100 == sum(part.faults for part in parts)
    assert 10 == sum(part.faults for part in parts if part.broker == "real")
    assert {"waves", "all"} == {part.policy for part in parts if part.kills}
    assert [] == plan_parts(7, kills=0, faults=0, broker="real")


def test_a_report_says_what_was_reached_and_what_went_wrong() -> None:
    """Points that were never reached are named, and count as kills from outside."""
    tally = Tally()
    tally.killed(Kill("aimed", "queued", 2), hit=True)
    tally.killed(Kill("aimed", "flushed", 2), hit=False)
    tally.verdicts.append(Verdict(9, 8, 0, 7, [Problem("lost", "V1: P1 was not told")]))
    tally.failures.append(Failure("part 1", ["lost: V1: P1 was not told"], "somewhere"))
    text = render(tally, 61)
    assert "flushed  NEVER REACHED" in text
    assert "queued\n" in text
    assert "FAILED in part 1\n  lost: V1: P1 was not told\n" in text
    assert "1 min 1 s" in text
    assert "Killed 2 times\n" in text
    found = as_json(tally, 61, seed=7)
    assert (7, 2, 1, 0) == (found["seed"], found["killed"], found["lost"], found["duplicated"])
    assert {"random": 1, "aimed": 1} == found["kills"]


def test_a_report_tells_kills_within_faults_from_those_asked_for() -> None:
    """Some faults kill the program in their middle: that is no step of the plan."""
    tally = Tally()
    tally.killed(Kill("aimed", "queued"), hit=True)
    tally.killed(Kill("fault"), hit=True)
    tally.faults["leader"] += 1
    text = render(tally, 1)
    assert "Killed 2 times, 1 of them within faults, on top of those asked for\n" in text
    stream = StringIO()
    Progress(stream, 2).show(tally, "leader")
    assert stream.getvalue().startswith("2 of 2, ")


def test_a_report_says_what_its_figures_mean() -> None:
    """Who had to be told, who might be, and who was: the last lies between the others."""
    tally = Tally()
    tally.verdicts.append(Verdict(9, 5, 3, 7))
    lines = {line[:15].strip(): line[15:].split("  ") for line in render(tally, 1).splitlines()}
    figures = {"Had to be told": "5", "Might be told": "3", "Were told": "7"}
    assert figures == {name: lines[name][-2].strip() for name in figures}
    assert all(lines[name][-1] for name in figures)
