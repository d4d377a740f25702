# SPDX-License-Identifier: Apache-2.0
"""The supervisor's decisions, with a clock that is set and processes that are made up."""

import signal
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from structlog.testing import capture_logs

from restock.errors import EXIT_USAGE, ShardFailed, UsageError
from restock.shards import Shard, parse_shards
from restock.supervised import EXIT_IN_VAIN
from restock.supervisor import Ended, Event, Said, Signalled, Supervisor
from restock.supervisor_backoff import BackOff, Pauses
from restock.supervisor_log import Heard

A, B = parse_shards("0-1/2")
TERM = Signalled(signal.SIGTERM)
RUNNING = (Said(A, "running"), Said(B, "running"))
STOPPED = (TERM, Ended(A, 0), Ended(B, 0))


@dataclass
class Puppet:
    """A process that does nothing by itself."""

    pid: int
    told: list[str] = field(default_factory=list)

    def stop(self) -> None:
        """Take note."""
        self.told.append("stop")

    def kill(self) -> None:
        """Take note."""
        self.told.append("kill")


class Stage:
    """Plays a script to a supervisor: events, and seconds in which there is none."""

    def __init__(self, *script: Event | float, refusals: int = 0) -> None:
        self.now = 0.0
        self.starts: list[tuple[Shard, float, bool]] = []
        self.puppets: dict[Shard, Puppet] = {}
        self._script = list(script)
        self._refusals = refusals
        pauses = Pauses()
        self._supervisor = Supervisor(
            [A, B], self._spawn, lambda: BackOff(pauses, lambda: 0.0), _hear, lambda: self.now
        )

    def run(self) -> int:
        """Play it to its end."""
        return self._supervisor.run(self._wait)

    def starts_of(self, shard: Shard) -> list[float]:
        """When it was started, in seconds since the beginning."""
        return [at for which, at, _ in self.starts if which == shard]

    def _spawn(self, shard: Shard, first: bool) -> Puppet:  # noqa: FBT001 - see Supervisor
        if self._refusals:
            self._refusals -= 1
            raise OSError(11, "no more processes")
        self.starts.append((shard, self.now, first))
        self.puppets[shard] = Puppet(len(self.starts))
        return self.puppets[shard]

    def _wait(self, seconds: float | None) -> Event | None:
        item = self._script.pop(0)
        if not isinstance(item, float):
            return item
        passed = item if seconds is None else min(item, seconds)
        self.now += passed
        if passed < item:
            self._script.insert(0, item - passed)
        return None


def _hear(_shard: Shard, line: str) -> Heard:
    return Heard(is_running=True) if line == "running" else Heard(reason=line)


def deaths(pauses: Sequence[float]) -> list[Event | float]:
    """Shard A dies at each of its starts."""
    return [step for pause in pauses for step in (Ended(A, 1), pause)]


def test_it_starts_all_and_ends_with_all() -> None:
    """Each shard has one process; told to stop, it tells each, waits for them, and returns 0."""
    stage = Stage(*RUNNING, 5.0, *STOPPED)
    assert 0 == stage.run()
    assert [(A, 0.0, True), (B, 0.0, True)] == stage.starts
    assert [["stop"], ["stop"]] == [stage.puppets[shard].told for shard in (A, B)]


def test_the_pauses_double_up_to_a_minute() -> None:
    """A shard that dies at each start waits longer and longer; the other is left alone."""
    stage = Stage(*RUNNING, *deaths([1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]), *STOPPED)
    assert 0 == stage.run()
    assert [0.0, 1.0, 3.0, 7.0, 15.0, 31.0, 63.0, 123.0, 183.0] == stage.starts_of(A)
    assert [0.0] == stage.starts_of(B)


def test_whoever_ran_well_begins_again_with_a_short_pause() -> None:
    """After a minute of running the deaths before do not count any more."""
    before = deaths([1.0, 2.0, 4.0])
    stage = Stage(*before, Said(A, "running"), 60.0, Ended(A, -9), 1.0, *STOPPED)
    assert 0 == stage.run()
    assert [0.0, 1.0, 3.0, 7.0, 68.0] == stage.starts_of(A)


def test_a_long_start_is_no_running_well() -> None:
    """Time that a shard waited for its lease, and did not get it, counts for nothing."""
    stage = Stage(Ended(A, 1), 1.0, 90.0, Ended(A, 1), 2.0, *STOPPED)
    assert 0 == stage.run()
    assert [0.0, 1.0, 93.0] == stage.starts_of(A)


def test_up_to_half_of_a_pause_is_left_out_by_chance() -> None:
    """So shards that died together do not come back together."""
    draws = iter([0.5, 1.0])
    back_off = BackOff(Pauses(first=2.0), lambda: next(draws))
    assert [1.5, 2.0] == [back_off.pause(0), back_off.pause(0)]


def test_options_for_one_start_are_given_until_the_shard_has_run() -> None:
    """Of a start that failed they are repeated, of a shard that has run they are not."""
    stage = Stage(Ended(A, 1), 1.0, Said(A, "running"), Ended(A, 1), 2.0, *STOPPED)
    assert 0 == stage.run()
    assert [True, True, False] == [first for shard, _, first in stage.starts if shard == A]


@pytest.mark.parametrize(("code", "error"), [(EXIT_USAGE, UsageError), (EXIT_IN_VAIN, ShardFailed)])
def test_what_another_start_does_not_mend_ends_all(code: int, error: type[Exception]) -> None:
    """A shard that has not run yet ends the others cleanly, with its own message."""
    stage = Stage(Said(B, "running"), Said(A, "not ours: move it"), Ended(A, code), Ended(B, 0))
    with pytest.raises(error, match=r"^shard 0/2: not ours: move it$"):
        stage.run()
    assert ["stop"] == stage.puppets[B].told
    assert [0.0] == stage.starts_of(A)


@pytest.mark.parametrize("code", [EXIT_USAGE, EXIT_IN_VAIN])
def test_a_shard_that_has_run_does_not_take_the_others_with_it(code: int) -> None:
    """It is tried again at the longest pause, until somebody has mended what is wrong."""
    stage = Stage(*RUNNING, Ended(A, 1), 1.0, Ended(A, code), 60.0, Said(A, "running"), *STOPPED)
    assert 0 == stage.run()
    assert [0.0, 1.0, 61.0] == stage.starts_of(A)


def test_a_shard_that_is_stopped_from_outside_is_started_again() -> None:
    """A clean end that nobody asked the supervisor for is a death like any other."""
    stage = Stage(*RUNNING, Ended(A, 0), 1.0, *STOPPED)
    assert 0 == stage.run()
    assert [0.0, 1.0] == stage.starts_of(A)


def test_a_process_that_cannot_be_started_is_tried_again() -> None:
    """The system's refusal is a death like any other."""
    stage = Stage(1.0, *STOPPED, refusals=1)
    assert 0 == stage.run()
    assert ([1.0], [0.0]) == (stage.starts_of(A), stage.starts_of(B))


def test_a_second_signal_kills_all() -> None:
    """The first asks, the second does not; a third adds nothing, and the end was not clean."""
    stage = Stage(*RUNNING, TERM, TERM, TERM, Ended(A, -9), Ended(B, 0))
    with pytest.raises(ShardFailed, match=r"\(0/2\): signal SIGKILL; the next start goes on"):
        stage.run()
    assert ["stop", "kill"] == stage.puppets[A].told


def test_one_that_could_not_stop_is_named() -> None:
    """The others' clean ends do not hide it."""
    stage = Stage(*RUNNING, TERM, Said(B, "no broker"), Ended(A, 0), Ended(B, 1))
    with pytest.raises(ShardFailed, match=r"\(1/2\): exit code 1: no broker; "):
        stage.run()


def test_one_that_was_down_at_the_stop_is_named() -> None:
    """It is not started only to be stopped, and its last words are told."""
    stage = Stage(*RUNNING, Said(A, "disk full"), Ended(A, 1), TERM, Ended(B, 0))
    with pytest.raises(ShardFailed, match=r"\(0/2\): exit code 1: disk full; "):
        stage.run()
    assert [0.0] == stage.starts_of(A)


def test_one_that_was_still_starting_stops_cleanly() -> None:
    """Whoever dies of the signal before it could catch it had nothing to make durable."""
    stage = Stage(Said(A, "running"), TERM, Ended(A, 0), Ended(B, -signal.SIGTERM))
    assert 0 == stage.run()


def test_each_death_is_one_line() -> None:
    """It names the shard, its process, why it died, and when it is started again."""
    stage = Stage(*RUNNING, Said(A, "first"), Said(A, "disk full"), Ended(A, 1), 1.0, *STOPPED)
    with capture_logs() as logs:
        stage.run()
    expected = {
        "event": "shard died",
        "log_level": "error",
        "shard": "0/2",
        "pid": 1,
        "reason": "exit code 1: disk full",
        "restart_in": 1.0,
    }
    assert [expected] == [line for line in logs if line["event"] == "shard died"]
    started = [(line["shard"], line["pid"]) for line in logs if line["event"] == "shard started"]
    assert [("0/2", 1), ("1/2", 2), ("0/2", 3)] == started
