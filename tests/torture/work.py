# SPDX-License-Identifier: Apache-2.0
"""What killing and failing brokers have in common: lives, what is sent, what is checked."""

import signal
import time
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from tests.torture.checker import check
from tests.torture.feed import Feed
from tests.torture.lives import Life, Ward
from tests.torture.reading import Reader
from tests.torture.report import Progress, Tally
from tests.torture.scenario import Round, Scenario
from tests.torture.site import Site
from tests.torture.verdict import Verdict

__all__ = ["Unexpected", "Work", "now"]

_SETTLE_SECONDS: Final = 90.0
_STOP_SECONDS: Final = 40.0
_LOOK_SECONDS: Final = 0.05
_QUIET_SECONDS: Final = 1.5
_SECOND_LOOK_SECONDS: Final = 10.0


class Unexpected(Exception):  # noqa: N818 - said of the program, not of the harness
    """The program did what it must not do.

    Args:
        lines: what, a line each.
    """

    def __init__(self, *lines: str) -> None:
        super().__init__(lines[0])
        self.lines = list(lines)


@dataclass(slots=True)
class Work:
    """One state of the program while it is tormented.

    Attributes:
        site: its topics, configuration and directory.
        scenario: what the shop sends.
        policy: the scenario's.
        feed: sends it.
        ward: starts the lives.
        reader: reads the topics.
        tally: counts what happens.
        progress: shows it.
        sent_before: records that earlier parts of the run sent.
        step: what is going on, for a failure to name.
    """

    site: Site
    scenario: Scenario
    policy: Literal["all", "waves"]
    feed: Feed
    ward: Ward
    reader: Reader
    tally: Tally
    progress: Progress
    sent_before: int
    step: str = ""

    def begin(self, number: int, what: object) -> None:
        """Take note of the step that comes now."""
        self.step = f"{number}: {what}"
        self.tally.sent = self.sent_before + self.feed.sent
        self.progress.show(self.tally, str(what))
        self.feed.check()

    def send(self, rounds: Sequence[Round], life: Life) -> None:
        """Send rounds beside a life; those that say so are consumed before the next is sent."""
        for one in rounds:
            self.feed.send(one.records)
            if one.settle:
                self.settle(life)

    def settle(self, life: Life, seconds: float = _SETTLE_SECONDS) -> None:
        """Wait until the program has durably consumed everything that was sent.

        Raises:
            Unexpected: it does not come that far, or ends.
        """
        deadline = time.monotonic() + seconds
        while not self.feed.settled():
            self.expect_alive(life)
            if time.monotonic() > deadline:
                raise Unexpected(f"the program did not consume what was sent within {seconds:g} s")
            time.sleep(_LOOK_SECONDS)

    def expect_alive(self, life: Life) -> None:
        """Make sure that a life goes on.

        Raises:
            Unexpected: it has ended by itself.
        """
        if life.code is not None:
            raise Unexpected(f"the program ended by itself with {life.code}", *life.last_words())

    def stop(self, life: Life) -> None:
        """Tell a life to stop, and wait until it has.

        Raises:
            Unexpected: it does not stop, or not with exit code 0.
        """
        life.send(signal.SIGTERM)
        if not life.wait(_STOP_SECONDS):
            raise Unexpected(f"the program did not stop within {_STOP_SECONDS:g} s of SIGTERM")
        if life.code != 0:
            raise Unexpected(f"stopped, the program ended with {life.code}", *life.last_words())

    def look(self) -> None:
        """Check what the topics hold so far, while no life is on.

        Raises:
            Unexpected: something is wrong already.
        """
        with self.feed.paused():
            verdict = self._check(complete=False)
        if verdict.problems:
            raise Unexpected(*_problems(verdict))

    def finish(self) -> None:
        """Give everybody their stock, wait until nothing more comes, and check the topics.

        Raises:
            Unexpected: the checker found something.
        """
        self.begin(0, "closing rounds")
        self.feed.stop()
        life = self.ward.start()
        self.settle(life)
        self.send(self.scenario.closing(now), life)
        self._rest(life, _QUIET_SECONDS)
        self.stop(life)
        self.tally.sent = self.sent_before + self.feed.sent
        verdict = self._check(complete=True)
        if verdict.lost:
            # Before anybody counts as lost, they get a second chance to be told late.
            life = self.ward.start()
            self._rest(life, _SECOND_LOOK_SECONDS)
            self.stop(life)
            verdict = self._check(complete=True)
        self.tally.verdicts.append(verdict)
        if verdict.problems:
            raise Unexpected(*_problems(verdict))

    def _rest(self, life: Life, seconds: float) -> None:
        """Wait until all is consumed and for so long nobody more was told."""
        self.settle(life)
        told, since = self.reader.told(), time.monotonic()
        while time.monotonic() < since + seconds:
            time.sleep(_LOOK_SECONDS)
            self.expect_alive(life)
            if told != (told := self.reader.told()):
                since = time.monotonic()

    def _check(self, *, complete: bool) -> Verdict:
        policy = tomllib.loads(self.scenario.policy_toml).get("policy", {})
        contents = self.reader.read(self.feed.committed(), self.site.stored())
        return check(
            contents, policy=self.policy, per_unit=policy.get("per_unit"), complete=complete
        )


def now() -> int:
    """Epoch milliseconds."""
    return time.time_ns() // 1_000_000


def _problems(verdict: Verdict) -> list[str]:
    return [f"{problem.kind}: {problem.what}" for problem in verdict.problems]
