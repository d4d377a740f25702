# SPDX-License-Identifier: Apache-2.0
"""Asks Kafka every other second where the input ends: does it answer, and how far behind are we?

It has a client and a thread of its own, so that it knows while the flow waits for Kafka as well.
Without a health port there is no probe.
"""

import threading
from collections.abc import Callable, Collection, Mapping
from typing import Self

from connectors.errors import ConnectorError
from connectors.kafka.admin import read_cluster
from connectors.kafka.clients import new_admin
from connectors.kafka.offsets import LATEST, list_offsets
from connectors.kafka.records import Partition
from connectors.kafka.settings import KafkaSettings
from restock.vitals import Vitals

__all__ = ["Ask", "KafkaProbe", "asks_for_ends"]

Ask = Callable[[Collection[Partition]], Mapping[Partition, int]]
"""Gives for each partition the offset after its last record; raises `ConnectorError`."""

_PAUSE_SECONDS = 2.0
_QUIET_SECONDS = 5.0


class KafkaProbe:
    """Keeps asking while the context lasts.

    Args:
        vitals: of the program; `caught_up` is set here.
        ask: how to ask.

    Attributes:
        ends: the last answer: for each partition read the offset after its last record.
    """

    def __init__(self, vitals: Vitals, ask: Ask) -> None:
        self.ends: Mapping[Partition, int] = {}
        self._vitals = vitals
        self._ask = ask
        self._goal: tuple[int, Mapping[Partition, int]] = (0, {})
        self._answered_at = vitals.clock()
        self._stop = threading.Event()

    def __enter__(self) -> Self:
        """Start asking."""
        threading.Thread(target=self._watch, name="kafka-probe", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop asking; a question that is on its way is not waited for."""
        self._stop.set()

    def silence(self) -> float:
        """For how many seconds Kafka has not answered; 0 while nothing has been asked."""
        return self._vitals.clock() - self._answered_at

    def lag(self) -> dict[Partition, int]:
        """For each partition how many records are not durable yet, by the last answer."""
        return _behind(self.ends, self._vitals.offsets)

    def behind(self) -> int | None:
        """How many records of those that were there at the start; None: that is not known yet."""
        runs, goal = self._goal
        if runs != self._vitals.runs or not self._vitals.offsets:
            return None
        return sum(_behind(goal, self._vitals.offsets).values())

    def look(self) -> None:
        """Ask once, and judge whether the program has caught up."""
        vitals = self._vitals
        flow = vitals.flow
        partitions = [] if flow is None else flow.source.assigned
        if vitals.phase in {"resuming", "running"} and partitions:
            runs = vitals.runs
            try:
                self.ends = self._ask(partitions)
            except ConnectorError:
                return  # the silence tells
            if self._goal[0] != runs:
                self._goal = (runs, self.ends)
        self._answered_at = vitals.clock()
        self._judge()

    def _judge(self) -> None:
        """Set `caught_up` once, for good.

        Markers of transactions take offsets at the end of a partition that no record ever
        reaches. So it also counts when Kafka answers and no record came for a while.
        """
        vitals, behind = self._vitals, self.behind()
        if vitals.phase != "running" or behind is None or vitals.durable_at is None:
            return
        if behind == 0 or vitals.durable_at - vitals.records_at > _QUIET_SECONDS:
            vitals.caught_up = True

    def _watch(self) -> None:
        while not self._stop.is_set():
            self.look()
            # Until the end of the input is known nobody is ready: that is worth a look or two.
            known = self._goal[0] == self._vitals.runs and self._vitals.caught_up
            self._stop.wait(_PAUSE_SECONDS if known else _PAUSE_SECONDS / 10)


def asks_for_ends(settings: KafkaSettings) -> Ask:
    """A way to ask a cluster; the client is made with the first question."""
    admin = None
    failed = False

    def ask(partitions: Collection[Partition]) -> Mapping[Partition, int]:
        nonlocal admin, failed
        if admin is None:
            admin = new_admin(settings)
        if failed:
            # The client would otherwise go on asking the leader it knows.
            read_cluster(admin, settings)
        failed = True
        ends = list_offsets(admin, settings, partitions, LATEST)
        failed = False
        return ends

    return ask


def _behind(
    ends: Mapping[Partition, int], offsets: Mapping[Partition, int]
) -> dict[Partition, int]:
    return {place: max(0, end - offsets[place]) for place, end in ends.items() if place in offsets}
