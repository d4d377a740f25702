# SPDX-License-Identifier: Apache-2.0
"""The sale itself: plays the script against the real programs, and shows what comes of it."""

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from restock.demo.board import Board
from restock.demo.catalogue import Item
from restock.demo.checker import Findings, check
from restock.demo.configuration import NATURAL_SECONDS
from restock.demo.errors import DemoError
from restock.demo.evidence import Evidence
from restock.demo.post_checker import PostFindings, check_post
from restock.demo.program import Program
from restock.demo.receivers import Receivers
from restock.demo.script import ACTS, Act, Script, broken_order, broken_webhook, write_script
from restock.demo.shoppers import Shoppers
from restock.demo.shows import Show
from restock.demo.wire import Feeder, Follower, read_evidence
from restock.settings import TopicSettings
from waitlist.policy import PolicyBook

__all__ = ["Sale", "SaleSettings"]

_START_SECONDS: Final = 60.0
_QUIET_MILLISECONDS: Final = 1_000
_GRACE_SECONDS: Final = 20.0
_FRAME: Final = 0.05
_THINK_MILLISECONDS: Final = 1_000


@dataclass(frozen=True, slots=True)
class SaleSettings:
    """What the sale is made of.

    Attributes:
        items: What is for sale.
        policies: The rules.
        topics: The names of the topics.
        bootstrap_servers: The address of the broker.
        seconds: How long it takes.
        people: How many people want something.
        seed: Of everything left to chance.
    """

    items: Sequence[Item]
    policies: PolicyBook
    topics: TopicSettings
    bootstrap_servers: str
    seconds: float
    people: int
    seed: int


class Sale:
    """Plays a sale.

    Args:
        settings: What it is made of.
        programs: The programs under show, running; stopped in this order.
        receivers: Take the messages, listening.
        feeder: Writes for the platform.
        follower: Reads what the programs write.
        board: Keeps the picture.
        show: Shows it.
    """

    def __init__(
        self,
        settings: SaleSettings,
        *,
        programs: Sequence[Program],
        receivers: Receivers,
        feeder: Feeder,
        follower: Follower,
        board: Board,
        show: Show,
    ) -> None:
        self._settings = settings
        self._programs = programs
        self._receivers = receivers
        self._feeder = feeder
        self._follower = follower
        self._board = board
        self._show = show
        self._shoppers = Shoppers(round(_THINK_MILLISECONDS * settings.seconds / NATURAL_SECONDS))
        self._read = 0

    def play(self) -> tuple[Evidence, Findings, PostFindings]:
        """Play all acts, wait until all is delivered, stop the programs, and read the topics.

        Raises:
            DemoError: A program has died, or the demo cannot go on.
        """
        self._await_programs()
        start = time.monotonic()
        settings = self._settings
        script = write_script(
            settings.items,
            start=_now(),
            seconds=settings.seconds,
            people=settings.people,
            seed=settings.seed,
        )
        self._perform(script, start)
        self._await_end(script, start)
        for program in self._programs:
            program.stop()
        self._look(_now())
        evidence, findings = self._judge(script)
        received = self._receivers.took
        return evidence, findings, check_post(evidence, script.rejected, findings.stock, received)

    def _await_programs(self) -> None:
        """Let each show that it is there: by setting a broken record aside."""
        broken = (broken_webhook(), broken_order())
        for cue in broken:
            self._feeder.send(cue)
        deadline = time.monotonic() + _START_SECONDS
        while len(self._board.dead_letters) < len(broken):
            self._frame(None, ACTS[0], 1)
            if time.monotonic() > deadline:
                message = f"the programs did not begin within {_START_SECONDS:g} s"
                raise DemoError(message)

    def _perform(self, script: Script, start: float) -> None:
        cues = deque(script.cues)
        faults = [(script.fault_at, script.fault_seconds)]
        while (elapsed := _since(start)) * 1000 < script.end or cues:
            while cues and cues[0].at <= elapsed * 1000:
                cue = cues.popleft()
                self._feeder.send(cue)
                self._board.sent(cue, _now())
            while faults and faults[0][0] <= elapsed * 1000:
                self._receivers.fail_for(faults.pop()[1])
            self._act(script, elapsed)

    def _await_end(self, script: Script, start: float) -> None:
        """Go on until nobody is left behind or unheard of, or nothing happens for far too long."""
        self._feeder.flush()
        board, patience = self._board, _GRACE_SECONDS + script.seconds
        happened, give_up_at = -1, 0.0
        while (elapsed := _since(start)) < give_up_at or happened < 0:
            self._act(script, elapsed)
            if board.happened() != happened:
                happened, give_up_at = board.happened(), elapsed + patience
            quiet = _now() - board.last_told_at() > _QUIET_MILLISECONDS
            if quiet and board.post.is_done and not self._judge(script)[1].left_behind:
                return

    def _judge(self, script: Script) -> tuple[Evidence, Findings]:
        settings = self._settings
        evidence = read_evidence(settings.bootstrap_servers, settings.topics)
        return evidence, check(evidence, settings.policies, script.rejected)

    def _act(self, script: Script, elapsed: float) -> None:
        number, act = script.act_at(round(elapsed * 1000))
        self._frame(elapsed, act, number)

    def _frame(self, elapsed: float | None, act: Act, number: int) -> None:
        for program in self._programs:
            program.check_alive()
        until = time.monotonic() + _FRAME
        while (left := until - time.monotonic()) > 0:
            self._board.seen(self._follower.poll(left), _now())
        now = _now()
        self._look(now)
        for cue in self._shoppers.act(now):
            self._feeder.send(cue)
        self._board.tick(now)
        self._show.update(elapsed, now, (number, act))

    def _look(self, now: int) -> None:
        """Take what has come to the receivers."""
        received = self._receivers.took[self._read :]
        self._read += len(received)
        self._shoppers.read(received, now)
        self._board.post.received(received, self._board.lines)


def _now() -> int:
    return time.time_ns() // 1_000_000


def _since(start: float) -> float:
    return time.monotonic() - start
