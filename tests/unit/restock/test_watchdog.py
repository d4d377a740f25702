# SPDX-License-Identifier: Apache-2.0
"""What the watchdog holds for headway, and what it says before it ends the program."""

import threading
from datetime import timedelta

import pytest
from typing_extensions import override

from dataflows.decoding import DecodingCounts
from dataflows.folding import SlotState, empty
from restock import observing
from restock.errors import StalledError
from restock.vitals import Flow, Vitals
from restock.watchdog import Alarm, Watchdog, busy_with


class Output:
    """Source and sink with nothing but a queue."""

    def __init__(self) -> None:
        self.assigned: list[tuple[str, int]] = []
        self.queued = 0
        self.unclaimed = 0
        self.written: dict[str, int] = {}


class Scene:
    """A watchdog with a minute's patience over vitals that are set by hand."""

    def __init__(self) -> None:
        self.now = 0.0
        self.vitals = Vitals(4, clock=lambda: self.now)
        self.output = Output()
        self.barks: list[str] = []
        self.watchdog = Watchdog(
            self.vitals,
            timedelta(seconds=60),
            lambda error: self.barks.append(str(error)),
            doing=lambda: "somewhere",
        )

    def begin(self) -> None:
        """The flow begins, and is seen."""
        self.vitals.begin(Flow(self.output, self.output, DecodingCounts()))
        self.watchdog.look()

    def pass_by(self, seconds: float) -> None:
        """Time goes by, a second a look."""
        for _ in range(int(seconds)):
            self.now += 1
            self.watchdog.look()


@pytest.fixture
def scene() -> Scene:
    """Before the flow."""
    return Scene()


def test_nothing_is_asked_of_a_program_that_starts(scene: Scene) -> None:
    """Waiting for a lease, say, has limits of its own."""
    scene.pass_by(200)
    assert [] == scene.barks


def test_epochs_are_headway(scene: Scene) -> None:
    """It may run for ever while one epoch after the other becomes durable."""
    scene.begin()
    for _ in range(5):
        scene.pass_by(50)
        scene.vitals.epoch_durable({})
    assert [] == scene.barks


def test_silence_is_told_with_its_length_and_what_goes_on(scene: Scene) -> None:
    """One line names the seconds, the records that Kafka has not acknowledged, and the setting."""
    scene.begin()
    scene.vitals.epoch_durable({})
    scene.output.queued = 1234
    scene.pass_by(61)
    scene.pass_by(1)
    assert scene.barks[0] == (
        "no epoch has become durable for 61 s: the program is waiting for Kafka to acknowledge "
        "1,234 records, busy with somewhere; state.watchdog_timeout is 1m; the next start goes on "
        "from the last durable epoch"
    )


@pytest.mark.parametrize(("ended", "expected"), [(False, "in the middle of"), (True, "ending")])
def test_the_part_of_the_epoch_is_named(scene: Scene, ended: bool, expected: str) -> None:  # noqa: FBT001 - a parameter
    """Without records under way it says whether the epoch was ending."""
    scene.begin()
    scene.vitals.epoch_durable({})
    if ended:
        scene.vitals.epoch_ended()
    scene.pass_by(62)
    assert f"the program is {expected}" in scene.barks[0]


def resume(scene: Scene) -> SlotState:
    """A first slot is being loaded."""
    scene.begin()
    state = empty()
    scene.vitals.opening = state
    return state


def test_a_resume_that_comes_to_a_halt_is_told(scene: Scene) -> None:
    """It names the slot and how many records were loaded."""
    resume(scene).folded = 5000
    scene.pass_by(62)
    assert "the program is resuming slot 1 of 4, 5,000 records in" in scene.barks[0]


def test_a_resume_that_comes_on_is_left_alone(scene: Scene) -> None:
    """Each record loaded is headway, up to ten times the timeout in all."""
    state = resume(scene)
    for _ in range(599):
        state.folded += 1
        scene.pass_by(1)
    assert [] == scene.barks
    for _ in range(2):
        state.folded += 1
        scene.pass_by(1)
    assert "no epoch has become durable for 601 s" in scene.barks[0]


def test_the_end_has_limits_of_its_own(scene: Scene) -> None:
    """After the last epoch only offsets are committed and connections closed."""
    scene.begin()
    scene.vitals.epoch_durable({})
    scene.vitals.end()
    scene.pass_by(100)
    assert [] == scene.barks


class Recorder(Alarm):
    """Notes how it is treated."""

    def __init__(self) -> None:
        self.wound = threading.Event()
        self.seconds = 0.0
        self.stopped = 0

    @override
    def wind(self, seconds: float) -> None:
        """Note for how long."""
        self.seconds = seconds
        self.wound.set()

    @override
    def stop(self) -> None:
        """Note that it was."""
        self.stopped += 1


def test_the_timer_is_wound_with_each_look_and_stopped_at_the_end() -> None:
    """It goes off a little after the timeout when no thread can run."""
    timer = Recorder()
    with Watchdog(Vitals(4), timedelta(seconds=7), lambda _error: None, timer=timer):
        assert timer.wound.wait(10)
    assert 12.0 == timer.seconds
    assert timer.stopped


def test_a_thread_is_found_in_our_code() -> None:
    """The innermost function of ours is named, through what is not ours."""
    vitals = Vitals(4)
    inside, go_on = threading.Event(), threading.Event()

    def wait() -> float:
        inside.set()
        go_on.wait(10)
        return 0.0

    vitals.clock = wait
    thread = threading.Thread(target=vitals.epoch_ended)
    thread.start()
    assert inside.wait(10)
    found = busy_with(thread.ident or 0)
    go_on.set()
    thread.join()
    assert "restock.vitals:Vitals.epoch_ended (line " in found
    assert "" == busy_with(thread.ident or 0)


@pytest.mark.parametrize("dump", [False, True])
def test_stacks_are_printed_when_they_are_wanted(
    capfd: pytest.CaptureFixture[str],
    dump: bool,  # noqa: FBT001 - a parameter
) -> None:
    """Those of all threads, before the program is left with the error."""
    left: list[Exception] = []
    error = StalledError("stuck")
    observing._bark(left.append, error, dump=dump)
    assert dump == ("in test_stacks_are_printed_when_they_are_wanted" in capfd.readouterr().err)
    assert [error] == left
