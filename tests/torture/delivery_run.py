# SPDX-License-Identifier: Apache-2.0
"""Drives a torture run of delivery: writes, starts, kills, and gathers what is left."""

import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

import msgspec

from connectors.sinks.email_settings import EmailSettings
from connectors.sinks.webhook import WebhookSettings
from delivery.lane import most_in_flight
from restock.commands.common import load
from restock.ways import AHEAD, read_sinks
from tests.support import shop as shops
from tests.support.delivering import Deliveries, Receipt, Receivers
from tests.torture.delivery_checker import Evidence, Outcome
from tests.torture.delivery_plan import Kill, Objection, Planned

__all__ = ["Stuck", "Torture"]

_AHEAD_SHARE: Final = 10
_STUCK_SECONDS: Final = 120.0
_QUIET_SECONDS: Final = 0.2
_LOOK_SECONDS: Final = 0.01
_LEDGER_SECONDS: Final = 0.2


class Stuck(Exception):  # noqa: N818 - what is the matter
    """The program ended by itself, or makes no headway; the message says which, and its words."""


@dataclass
class Torture:
    """One run.

    Attributes:
        deliveries: topics and configuration; no topic holds anything yet.
        receivers: where messages go.
        feed: what is to be written, in its order.
        progress: told of what is done, in words.
        starts: when the program was started, in seconds of `time.monotonic`.
        killed: how often it was killed.
    """

    deliveries: Deliveries
    receivers: Receivers
    feed: Sequence[Planned | Objection]
    progress: Callable[[str], None]
    starts: list[float] = field(default_factory=list)
    killed: int = 0
    _written: int = 0
    _process: "subprocess.Popen[bytes] | None" = None
    _objections: dict[str, tuple[str, float]] = field(default_factory=dict)

    @property
    def in_flight(self) -> int:
        """How many messages may be on their way at once, by the settings of the sinks."""
        sinks = read_sinks(load(self.deliveries.shop.config).settings)
        mail, hook = sinks["mail"], sinks["hook"]
        assert isinstance(mail, EmailSettings)
        assert isinstance(hook, WebhookSettings)
        return most_in_flight(mail.connections, mail.batch, AHEAD) + most_in_flight(
            hook.concurrency, 1, AHEAD
        )

    def run(self, kills: Sequence[Kill], window: int) -> Evidence:
        """Kill as planned, then let it finish.

        Args:
            kills: in their order.
            window: see `Evidence`.

        Raises:
            Stuck: see there.
        """
        for number, kill in enumerate(kills):
            self._write_until(kill.after + len(self.feed) // _AHEAD_SHARE)
            self._live_and_die(kill)
            self.progress(f"kill {number + 1} of {len(kills)}: {kill.kind}")
        self._write_until(len(self.feed))
        process = self._start()
        planned = [each for each in self.feed if isinstance(each, Planned)]
        messages = sum(len(each.channels) for each in planned)
        self._wait(process, lambda: self._settled() >= messages)
        process.send_signal(signal.SIGTERM)
        if process.wait(_STUCK_SECONDS) != 0:
            raise Stuck(self._words(process))
        return Evidence(
            planned=planned,
            objections=self._objections,
            starts=self.starts,
            receipts=self.receivers.receipts,
            ledger=self._ledger(),
            announced=[
                _announced(value)
                for value in self.deliveries.shop.read(self.deliveries.topics.deliveries)
            ],
            faults=self.receivers.faults,
            kills=self.killed,
            in_flight=self.in_flight,
            window=window,
        )

    def _live_and_die(self, kill: Kill) -> None:
        if kill.kind in {"answer", "settling"}:
            self._die_at_an_answer(kill)
            return
        process = self._start()
        if kill.kind == "intake":
            self._wait(process, lambda: len(self.receivers.receipts) >= kill.after)
            self._write_until(self._written + len(self.feed) // _AHEAD_SHARE)
        time.sleep(kill.delay)
        self._kill(process)

    def _die_at_an_answer(self, kill: Kill) -> None:
        reached = threading.Event()
        running: list[subprocess.Popen[bytes]] = []

        def on_receipt(_receipt: Receipt) -> None:
            if len(self.receivers.receipts) >= kill.after and running:
                reached.set()
                if kill.kind == "answer":
                    running[0].kill()

        self.receivers.on_receipt = on_receipt
        running.append(self._start())
        self._wait(running[0], reached.is_set)
        time.sleep(kill.delay)
        self._kill(running[0])
        self.receivers.on_receipt = lambda _receipt: None

    def _start(self) -> "subprocess.Popen[bytes]":
        self.starts.append(time.monotonic())
        shop = self.deliveries.shop
        with (shop.directory / "deliver.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "restock", "deliver", "--config", str(shop.config)],
                cwd=shop.directory,
                env=shops._environment(),
                stdout=log,
                stderr=log,
            )
        return self._process

    def close(self) -> None:
        """Leave no process behind."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _kill(self, process: "subprocess.Popen[bytes]") -> None:
        process.kill()
        if process.wait() != -signal.SIGKILL:
            raise Stuck(self._words(process))
        self.killed += 1
        # What the dead one has sent is taken before another starts: it belongs to its life.
        count = -1
        while count != len(self.receivers.receipts):
            count = len(self.receivers.receipts)
            time.sleep(_QUIET_SECONDS)

    def _wait(self, process: "subprocess.Popen[bytes]", condition: Callable[[], bool]) -> None:
        deadline, count = time.monotonic() + _STUCK_SECONDS, 0
        while not condition():
            if process.poll() is not None and not condition():
                raise Stuck(self._words(process))
            if len(self.receivers.receipts) > count:
                deadline, count = time.monotonic() + _STUCK_SECONDS, len(self.receivers.receipts)
            if time.monotonic() > deadline:
                raise Stuck(f"nothing was received for {_STUCK_SECONDS:g} s")
            time.sleep(_LOOK_SECONDS)

    def _words(self, process: "subprocess.Popen[bytes]") -> str:
        log = (self.deliveries.shop.directory / "deliver.log").read_text(errors="replace")
        return f"the program ended by itself ({process.returncode}): {log.splitlines()[-1:]}"

    def _write_until(self, count: int) -> None:
        deliveries, topics = self.deliveries, self.deliveries.topics
        portion = list(islice(self.feed, self._written, count))
        for each in portion:
            match each:
                case Planned():
                    deliveries.send(topics.notifications, f"id:{each.person}", each.value)
                case Objection(reason="ordered"):
                    deliveries.send(topics.orders, each.key, each.value)
                case Objection():
                    deliveries.send(topics.subscriptions, each.key, each.value)
        deliveries.flush()
        self._written += len(portion)
        moment = time.monotonic()
        for each in portion:
            if isinstance(each, Objection):
                self._objections[each.about] = (each.reason, moment)

    def _settled(self) -> int:
        time.sleep(_LEDGER_SECONDS)
        if not self.deliveries.ledger.exists():
            return 0
        with closing(sqlite3.connect(self.deliveries.ledger)) as connection:
            (count,) = connection.execute("SELECT count(*) FROM entries").fetchone()
        return int(count)

    def _ledger(self) -> list[Outcome]:
        with closing(sqlite3.connect(self.deliveries.ledger)) as connection:
            rows = connection.execute(
                "SELECT notification_id, channel, outcome, reason FROM entries"
            ).fetchall()
        return [Outcome(*row) for row in rows]


def _announced(value: bytes) -> Outcome:
    record: Mapping[str, str | None] = msgspec.json.decode(value)
    return Outcome(
        record["notification_id"] or "",
        record["channel"] or "",
        record["outcome"] or "",
        record["reason"] or "",
    )
