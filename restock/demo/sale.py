# SPDX-License-Identifier: Apache-2.0
"""The sale itself: plays the script against the real program, and shows what comes of it."""

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from restock.demo.board import Board
from restock.demo.catalogue import Item
from restock.demo.checker import Findings, check
from restock.demo.errors import DemoError
from restock.demo.evidence import Evidence
from restock.demo.program import Program
from restock.demo.script import ACTS, Act, Script, broken_webhook, write_script
from restock.demo.shows import Show
from restock.demo.wire import Feeder, Follower, read_evidence
from restock.settings import TopicSettings
from waitlist.policy import PolicyBook

__all__ = ["Sale", "SaleSettings"]

_START_SECONDS: Final = 60.0
_QUIET_MILLISECONDS: Final = 1_000
_GRACE_SECONDS: Final = 20.0
_FRAME: Final = 0.05


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
        program: The program under show, running.
        feeder: Writes for the platform.
        follower: Reads what the program writes.
        board: Keeps the picture.
        show: Shows it.
    """

    def __init__(
        self,
        settings: SaleSettings,
        *,
        program: Program,
        feeder: Feeder,
        follower: Follower,
        board: Board,
        show: Show,
    ) -> None:
        self._settings = settings
        self._program = program
        self._feeder = feeder
        self._follower = follower
        self._board = board
        self._show = show

    def play(self) -> tuple[Evidence, Findings]:
        """Play all acts, wait until everybody is told, stop the program, and read the topics.

        Raises:
            DemoError: The program has died, or the demo cannot go on.
        """
        self._await_program()
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
        self._program.stop()
        return self._judge(script)

    def _await_program(self) -> None:
        """Let the program show that it is there: by setting a broken record aside."""
        self._feeder.send(broken_webhook())
        deadline = time.monotonic() + _START_SECONDS
        while not self._board.dead_letters:
            self._frame(None, ACTS[0], 1)
            if time.monotonic() > deadline:
                message = f"`restock run` did nothing within {_START_SECONDS:g} s"
                raise DemoError(message)

    def _perform(self, script: Script, start: float) -> None:
        cues = deque(script.cues)
        while (elapsed := _since(start)) * 1000 < script.end or cues:
            while cues and cues[0].at <= elapsed * 1000:
                cue = cues.popleft()
                self._feeder.send(cue)
                self._board.sent(cue, _now())
            self._act(script, elapsed)

    def _await_end(self, script: Script, start: float) -> None:
        """Go on until nobody is left behind; give up when that takes far too long."""
        self._feeder.flush()
        deadline = script.end / 1000 + _GRACE_SECONDS + script.seconds
        while (elapsed := _since(start)) < deadline:
            self._act(script, elapsed)
            quiet = _now() - self._board.last_told_at() > _QUIET_MILLISECONDS
            if quiet and self._judge(script)[1].left_behind == 0:
                return

    def _judge(self, script: Script) -> tuple[Evidence, Findings]:
        settings = self._settings
        evidence = read_evidence(settings.bootstrap_servers, settings.topics)
        return evidence, check(evidence, settings.policies, script.rejected)

    def _act(self, script: Script, elapsed: float) -> None:
        number, act = script.act_at(round(elapsed * 1000))
        self._frame(elapsed, act, number)

    def _frame(self, elapsed: float | None, act: Act, number: int) -> None:
        self._program.check_alive()
        until = time.monotonic() + _FRAME
        while (left := until - time.monotonic()) > 0:
            self._board.seen(self._follower.poll(left), _now())
        now = _now()
        self._board.tick(now)
        self._show.update(elapsed, now, (number, act))


def _now() -> int:
    return time.time_ns() // 1_000_000


def _since(start: float) -> float:
    return time.monotonic() - start
