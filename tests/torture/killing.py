# SPDX-License-Identifier: Apache-2.0
"""Lives of the program that end as a plan says: killed from outside and inside, told to stop."""

import signal
import time
from collections.abc import Sequence
from typing import Final

from tests.torture.kills import Kill
from tests.torture.lives import Life
from tests.torture.work import Unexpected, Work, now

__all__ = ["Killing"]

_START_SECONDS: Final = 20.0
_AIM_SECONDS: Final = 4.0
_HELPER_SECONDS: Final = 8.0
_WAVE_SECONDS: Final = 10.0
_STOP_SECONDS: Final = 40.0
_AFTER_PAUSE_SECONDS: Final = 0.2
_LOOK_EVERY: Final = 100


class Killing:
    """Lives out a plan.

    Args:
        work: the state to torment.
    """

    def __init__(self, work: Work) -> None:
        self._work = work

    def live(self, kills: Sequence[Kill]) -> None:
        """Live these lives, one after the other.

        Raises:
            Unexpected: the program did what it must not.
        """
        for number, kill in enumerate(kills, 1):
            self._work.begin(number, kill)
            self._end(kill)
            if number % _LOOK_EVERY == 0 and number < len(kills):
                self._work.look()

    def _end(self, kill: Kill) -> None:
        if kill.opens_wave:
            with self._work.feed.paused():
                self._sign_up_very_many()
                self._aimed(kill)
        elif kill.kind == "terminated":
            life = self._work.ward.start()
            self._wait_warm(life, kill.delay)
            self._work.stop(life)
            self._work.tally.terminated += 1
        elif kill.kind == "stopping":
            self._stopping(kill)
        elif kill.aim:
            self._aimed(kill)
        else:
            self._from_outside(kill)

    def _from_outside(self, kill: Kill) -> None:
        life = self._work.ward.start()
        if kill.warm:
            self._wait_warm(life, kill.delay)
        elif life.wait(kill.delay):
            self._work.expect_alive(life)
        if kill.pause:
            life.send(signal.SIGSTOP)
            time.sleep(kill.pause)
            life.send(signal.SIGCONT)
            if life.wait(_AFTER_PAUSE_SECONDS):
                self._work.expect_alive(life)
        life.kill()
        self._work.tally.killed(kill, hit=True)

    def _aimed(self, kill: Kill) -> None:
        life = self._work.ward.start(kill.aim)
        # Until it runs, the time is that of a busy machine.
        life.wait_until_running(_START_SECONDS)
        if life.wait(_seconds_for(kill)) and not life.hit:
            self._work.expect_alive(life)
        life.kill()
        self._work.tally.killed(kill, hit=life.hit)

    def _stopping(self, kill: Kill) -> None:
        life = self._work.ward.start(kill.aim)
        # The first start of a state stops once by itself, before it runs.
        if life.wait_until_running(_START_SECONDS):
            life.wait(kill.delay)
        life.send(signal.SIGTERM)
        if not life.wait(_STOP_SECONDS):
            raise Unexpected(f"the program did not stop within {_STOP_SECONDS:g} s of SIGTERM")
        if life.hit:
            self._work.tally.killed(kill, hit=True)
        elif life.code == 0:
            self._work.tally.terminated += 1
            self._work.tally.missed[kill.point] += 1
        else:
            self._work.expect_alive(life)

    def _sign_up_very_many(self) -> None:
        """Let the program take in very many sign-ups, and have what they wait for in its topic."""
        *sign_ups, restock = self._work.scenario.hot_wave(now)
        life = self._work.ward.start()
        self._work.send(sign_ups, life)
        self._work.settle(life)
        life.kill()
        self._work.feed.send(restock.records)

    def _wait_warm(self, life: Life, seconds: float) -> None:
        """Wait until the program runs, and then for so long."""
        if not life.wait_until_running(_START_SECONDS):
            self._work.expect_alive(life)
            raise Unexpected(f"the program did not run within {_START_SECONDS:g} s of its start")
        if life.wait(seconds):
            self._work.expect_alive(life)


def _seconds_for(kill: Kill) -> float:
    """How long a life that runs is given to reach its point."""
    if kill.kind == "hot":
        return _WAVE_SECONDS
    return _HELPER_SECONDS if kill.point.startswith(("helper", "journal")) else _AIM_SECONDS
