# SPDX-License-Identifier: Apache-2.0
"""Alive or not, ready or not, and why: judged from facts that the tests make up."""

from collections.abc import Collection, Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from connectors.errors import BrokerUnreachable
from connectors.kafka.records import Partition
from dataflows.decoding import DecodingCounts
from dataflows.folding import SlotState, empty
from journal.journal import Journal
from restock.health import CHECKS, Health
from restock.kafka_probe import KafkaProbe
from restock.settings import Settings
from restock.vitals import Flow, Histogram, Vitals
from restock.watchdog import Watchdog

PLACE = ("in", 0)
FACTORY = "dataflows.folding:empty"


class Clock:
    """Stands still until it is told."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """What it is told."""
        return self.now


class Parts:
    """Source and sink, by their facts alone."""

    def __init__(self) -> None:
        self.assigned: list[Partition] = [PLACE]
        self.queued = 0
        self.unclaimed = 0
        self.written: Mapping[str, int] = {}


class Program:
    """A program whose facts are set by hand."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.vitals = Vitals(4, clock=self.clock)
        self.parts = Parts()
        self.decoded = DecodingCounts()
        self.ends: Mapping[Partition, int] | None = {PLACE: 10}
        self.probe = KafkaProbe(self.vitals, self._ask)
        self.barks: list[str] = []
        self.watchdog = Watchdog(
            self.vitals,
            timedelta(seconds=60),
            lambda error: self.barks.append(str(error)),
            doing=lambda: "somewhere",
        )
        self.health = Health(self.vitals, Settings(), self.probe, self.watchdog)

    def begin(self) -> None:
        """The flow begins."""
        self.vitals.begin(Flow(self.parts, self.parts, self.decoded))

    def epoch(self, offset: int) -> None:
        """An epoch becomes durable."""
        self.vitals.epoch_ended()
        self.vitals.epoch_durable({PLACE: offset})

    def open_slot(self, number: int, directory: Path) -> Journal:
        """A slot resumes with nothing in it."""

        def opener(slot: int, marker: bytes | None, state: SlotState) -> Journal:
            folder = directory / str(slot)
            return Journal.open(folder, slot, marker, state, token="t", factory=FACTORY)

        return self.vitals.watched(opener)(number, None, empty())

    def _ask(self, _partitions: Collection[Partition]) -> Mapping[Partition, int]:
        if self.ends is None:
            message = "nobody there"
            raise BrokerUnreachable(message)
        return self.ends


@pytest.fixture
def program() -> Program:
    """Before its flow."""
    return Program()


@pytest.fixture
def running(program: Program) -> Program:
    """Ready: with all of the input durable."""
    program.begin()
    program.epoch(10)
    program.probe.look()
    assert [] == program.health.reasons()
    return program


def test_before_the_flow_it_is_starting(program: Program) -> None:
    """Nothing else is said, because nothing else is known."""
    assert ["starting"] == program.health.reasons()


def test_slots_are_counted_while_they_resume(program: Program, tmp_path: Path) -> None:
    """The reason names the slot that is being loaded."""
    program.begin()
    program.open_slot(0, tmp_path)
    assert ["resuming slot 2 of 4", "no epoch durable yet"] == program.health.reasons()


def test_it_is_catching_up_until_the_first_end_is_reached(program: Program) -> None:
    """What counts is the end of the input at the start; what comes later is ordinary lag."""
    program.begin()
    program.epoch(4)
    assert ["catching up: the end of the input is not known yet"] == program.health.reasons()
    program.probe.look()
    assert ["catching up: 6 records behind"] == program.health.reasons()
    program.ends = {PLACE: 5_000}
    program.epoch(10)
    program.probe.look()
    assert [] == program.health.reasons()
    assert {PLACE: 4_990} == program.probe.lag()


def test_once_caught_up_it_stays_so(running: Program) -> None:
    """A flood of new records makes it busy, not unready."""
    running.ends = {PLACE: 1_000_000}
    running.probe.look()
    assert [] == running.health.reasons()


def test_offsets_without_records_do_not_hold_it_up(program: Program) -> None:
    """Markers of transactions stand at the end of a partition, and nobody ever reads them."""
    program.begin()
    program.decoded.records = 9
    program.epoch(9)
    program.probe.look()
    assert ["catching up: 1 records behind"] == program.health.reasons()
    program.clock.now += 5.5
    program.epoch(9)
    program.probe.look()
    assert [] == program.health.reasons()


def test_a_second_flow_has_to_catch_up_anew(running: Program) -> None:
    """The first start runs one flow that reads nothing, and then the real one."""
    running.vitals.end()
    assert ["ending"] == running.health.reasons()
    running.begin()
    running.ends = {PLACE: 30}
    running.epoch(10)
    running.probe.look()
    assert ["catching up: 20 records behind"] == running.health.reasons()


def test_told_to_stop_it_is_ending_at_once(running: Program) -> None:
    """Not only when the flow has ended: an epoch that becomes durable meanwhile changes nothing."""
    running.vitals.stop()
    assert ["ending"] == running.health.reasons()
    running.epoch(11)
    assert ["ending"] == running.health.reasons()


def test_a_stop_that_hangs_is_still_watched(running: Program) -> None:
    """An epoch that does not end is told beside it, and the watchdog barks as ever."""
    running.watchdog.look()
    running.vitals.stop()
    running.clock.now += 61
    running.probe.look()
    running.watchdog.look()
    assert ["ending", "no epoch durable for 61 s"] == running.health.reasons()
    assert "no headway for 61 s" == running.health.alive()
    assert 1 == len(running.barks)


def test_an_epoch_that_does_not_end_is_told(running: Program) -> None:
    """After three intervals and ten seconds without one it is not ready; a new one mends it."""
    running.clock.now += 13
    running.probe.look()
    assert [] == running.health.reasons()
    running.clock.now += 1
    assert ["no epoch durable for 14 s"] == running.health.reasons()
    running.epoch(10)
    assert [] == running.health.reasons()


def test_a_silent_kafka_is_told(running: Program) -> None:
    """After `connect_timeout` without an answer; the next answer mends it."""
    running.ends = None
    for _ in range(6):
        running.clock.now += 2
        running.epoch(10)
        running.probe.look()
    assert ["Kafka has not answered for 12 s"] == running.health.reasons()
    running.ends = {PLACE: 10}
    running.probe.look()
    assert [] == running.health.reasons()


def test_a_lost_lease_is_told(running: Program) -> None:
    """Without seconds left the shard may be somebody else's."""
    running.vitals.lease_left = lambda: 3.0
    assert [] == running.health.reasons()
    running.vitals.lease_left = lambda: -0.5
    assert ["the lease is not held"] == running.health.reasons()


def test_a_compaction_that_fails_again_and_again_is_told(running: Program, tmp_path: Path) -> None:
    """Five failures in a row are a reason, in one line with the last cause; four are not."""
    journal = running.open_slot(3, tmp_path)
    journal.compactions.failed_in_a_row = 4
    assert [] == running.health.reasons()
    journal.compactions.failed_in_a_row = 5
    journal._compaction.last_error = "exit code 1:\nno space"
    expected = "compaction of slot 3 failed 5 times: exit code 1: no space"
    assert [expected] == running.health.reasons()


def test_every_check_has_its_name(running: Program) -> None:
    """The checks come in the order of their names."""
    assert list(CHECKS) == [check.name for check in running.health.checks()]


def test_it_is_alive_while_there_is_headway(running: Program) -> None:
    """Not ready is not dead: only the watchdog's timeout makes it so."""
    running.watchdog.look()
    running.clock.now += 59
    running.watchdog.look()
    assert running.health.alive() is None
    running.clock.now += 2
    assert "no headway for 61 s" == running.health.alive()


def test_without_a_watchdog_it_is_alive(program: Program) -> None:
    """Who switches the watchdog off wants no verdict."""
    health = Health(program.vitals, Settings(), program.probe, None)
    program.clock.now += 10_000
    assert health.alive() is None


def test_a_histogram_counts_up_to_its_bounds() -> None:
    """A bound belongs to its bucket; what is longer than all is only in the last."""
    histogram = Histogram((1.0, 2.0))
    for seconds in (0.5, 1.0, 1.5, 7.0):
        histogram.observe(seconds)
    assert [2, 3, 4] == histogram.cumulative()
    assert 10.0 == histogram.total
