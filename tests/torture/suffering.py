# SPDX-License-Identifier: Apache-2.0
"""A program that runs while brokers misbehave; when it gives up it is started again."""

import time
from collections.abc import Sequence
from typing import Final

from tests.torture.faults import Fault, Faulty
from tests.torture.kills import Kill
from tests.torture.lives import Life
from tests.torture.work import Unexpected, Work

__all__ = ["Suffering"]

_START_SECONDS: Final = 30.0
_HEAL_SECONDS: Final = 60.0
_LOOK_SECONDS: Final = 0.02
_LOOK_EVERY: Final = 25
_GAVE_UP: Final = 1


class Suffering:
    """Lets a program live through faults.

    Args:
        work: the state to torment.
        faulty: makes the brokers misbehave.
    """

    def __init__(self, work: Work, faulty: Faulty) -> None:
        self._work = work
        self._faulty = faulty

    def live(self, faults: Sequence[Fault]) -> None:
        """Let the brokers misbehave, in one way after the other.

        Raises:
            Unexpected: the program did what it must not.
        """
        life = self._running()
        for number, fault in enumerate(faults, 1):
            self._work.begin(number, fault)
            with self._faulty(fault):
                life = self._bear(life, fault)
            life = self._recover(life)
            self._work.tally.faults[fault.kind] += 1
            if number % _LOOK_EVERY == 0 and number < len(faults):
                life.kill()
                self._work.look()
                life = self._running()
        life.kill()

    def _bear(self, life: Life, fault: Fault) -> Life:
        """Live through a fault, with a kill in its middle where it is wanted."""
        if not fault.kill:
            life.wait(fault.seconds)
            return life
        life.wait(fault.seconds / 2)
        life.kill()
        self._work.tally.killed(Kill("fault"), hit=True)
        life = self._work.ward.start()
        life.wait(fault.seconds / 2)
        return life

    def _recover(self, life: Life) -> Life:
        """Start the program again if it gave up, and wait until it has consumed what there is."""
        deadline = time.monotonic() + _HEAL_SECONDS
        with self._work.feed.paused():
            while not self._work.feed.settled():
                if life.code is not None:
                    self._expect_one_line(life)
                    life = self._work.ward.start()
                if time.monotonic() > deadline:
                    raise Unexpected(
                        f"brokers well again, the program did not catch up in {_HEAL_SECONDS:g} s"
                    )
                time.sleep(_LOOK_SECONDS)
        return life

    def _expect_one_line(self, life: Life) -> None:
        words = life.last_words()
        if life.code != _GAVE_UP or len(words) != 1:
            raise Unexpected(
                f"while brokers were faulty the program ended with {life.code}, saying", *words
            )
        self._work.tally.gave_up += 1

    def _running(self) -> Life:
        life = self._work.ward.start()
        if not life.wait_until_running(_START_SECONDS):
            self._work.expect_alive(life)
        return life
