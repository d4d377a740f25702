# SPDX-License-Identifier: Apache-2.0
"""What a torture run counts, and how it says so."""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TextIO

from tests.torture.kills import Kill
from tests.torture.verdict import Problem, Verdict

__all__ = ["Failure", "Progress", "Tally", "as_json", "render"]

_KINDS: Final[Mapping[str, str]] = {
    "random": "from outside, at any moment",
    "aimed": "from inside, at a chosen point",
    "resume": "while it resumed from the kill before",
    "hot": "in a wave of very many",
    "birth": "in the first start of a state",
    "paused": "after a pause (SIGSTOP, SIGCONT)",
    "stopping": "while it stopped after SIGTERM",
    "fault": "in the middle of a fault of brokers",
}
_TOLD: Final = ("lost", "duplicated", "reordered")
_LISTED: Final = 20
_PIPE_STEPS: Final = 50
_MINUTE: Final = 60


@dataclass(frozen=True, slots=True)
class Failure:
    """The program did what it must not, or the checker found something wrong in the topics.

    Attributes:
        where: the part of the run and its step, with the words that repeat it.
        what: one line for each thing that was wrong.
        evidence: the folder with topics, state and logs.
    """

    where: str
    what: list[str]
    evidence: str


@dataclass(slots=True)
class Tally:
    """What has happened so far.

    Attributes:
        kills: by kind, those that the plan wanted and got, and those within faults.
        hits: by point, lives that died there.
        missed: by point, lives that were aimed at it and did not get there within some seconds;
            they were killed from outside, and count as such.
        terminated: lives that were told to stop and did, with exit code 0.
        faults: by kind, faults of brokers.
        gave_up: lives that ended with exit code 1 and one line while brokers were faulty.
        sent: records sent to the input topics.
        verdicts: of each part of the run.
        failures: what went wrong.
    """

    kills: Counter[str] = field(default_factory=Counter)
    hits: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)
    terminated: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    gave_up: int = 0
    sent: int = 0
    verdicts: list[Verdict] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)

    def killed(self, kill: Kill, *, hit: bool) -> None:
        """Count a life that was killed."""
        if kill.aim and hit:
            self.kills[kill.kind] += 1
            self.hits[kill.point] += 1
        elif kill.aim:
            self.kills["random"] += 1
            self.missed[kill.point] += 1
        else:
            self.kills[kill.kind] += 1

    @property
    def killed_in_all(self) -> int:
        """Lives that were killed."""
        return self.kills.total()

    def found(self, kind: str) -> int:
        """Problems of a kind, over the whole run."""
        return sum(one.kind == kind for one in self._problems())

    def others(self) -> int:
        """Problems of all further kinds."""
        return sum(one.kind not in _TOLD for one in self._problems())

    def _problems(self) -> Sequence[Problem]:
        return [problem for verdict in self.verdicts for problem in verdict.problems]


class Progress:
    """A line that is rewritten on a terminal; in a pipe one now and then.

    Args:
        stream: where it goes.
        steps: kills and faults in all.
        clock: monotonic seconds.
    """

    def __init__(
        self, stream: TextIO, steps: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._stream = stream
        self._steps = steps
        self._clock = clock
        self._began = clock()
        self._terminal = stream.isatty()
        self._shown = -1

    @property
    def seconds(self) -> float:
        """Since it began."""
        return self._clock() - self._began

    def show(self, tally: Tally, what: str) -> None:
        """Say how far it is, and what is going on."""
        done = tally.killed_in_all - tally.kills["fault"] + tally.faults.total()
        text = f"{done} of {self._steps}, {_duration(self.seconds)}, {tally.sent:,} records sent"
        if self._terminal:
            self._stream.write(f"\r\x1b[K{text}: {what}")
            self._stream.flush()
        elif done // _PIPE_STEPS > self._shown:
            self._shown = done // _PIPE_STEPS
            self._stream.write(f"{text}\n")
            self._stream.flush()

    def close(self) -> None:
        """Leave the line."""
        if self._terminal:
            self._stream.write("\r\x1b[K")
            self._stream.flush()


def render(tally: Tally, seconds: float) -> str:
    """The report for people."""
    lines = []
    if tally.killed_in_all or tally.terminated:
        within = tally.kills["fault"]
        on_top = f", {within:,} of them within faults, on top of those asked for" if within else ""
        lines += [f"Killed {tally.killed_in_all:,} times{on_top}"]
        lines += [f"  {tally.kills[kind]:6,}  {words}" for kind, words in _KINDS.items()]
        lines += [f"Stopped {tally.terminated:,} times with SIGTERM, each with exit code 0", ""]
        lines += ["Points at which it was killed", *_points(tally), ""]
    if tally.faults:
        lines += [f"Faults of brokers: {tally.faults.total():,}"]
        lines += [f"  {count:6,}  {kind}" for kind, count in sorted(tally.faults.items())]
        lines += [f"  {tally.gave_up:6,}  times the program gave up with one line, and was started"]
        lines += [""]
    subscriptions = sum(verdict.subscriptions for verdict in tally.verdicts)
    required = sum(verdict.required for verdict in tally.verdicts)
    allowed = sum(verdict.allowed for verdict in tally.verdicts)
    notified = sum(verdict.notified for verdict in tally.verdicts)
    lines += [
        f"Sent           {tally.sent:>11,}  records, {subscriptions:,} of them sign-ups",
        f"Had to be told {required:>11,}  whatever happened when",
        f"Might be told  {allowed:>11,}  more: what came first is not told by the topics",
        f"Were told      {notified:>11,}  notifications found in the topic",
        f"Lost           {tally.found('lost'):>11,}",
        f"Duplicated     {tally.found('duplicated'):>11,}",
        f"Reordered      {tally.found('reordered'):>11,}",
        f"Other problems {tally.others():>11,}",
        f"Took           {_duration(seconds):>11}",
        "",
    ]
    return "\n".join(lines + _conclusion(tally)) + "\n"


def as_json(tally: Tally, seconds: float, **options: object) -> dict[str, object]:
    """The report for machines; ``options`` are what the run was asked for."""
    return {
        **options,
        "killed": tally.killed_in_all,
        "kills": dict(tally.kills),
        "points": {
            point: {"hit": tally.hits[point], "missed": tally.missed[point]}
            for point in sorted(tally.hits | tally.missed)
        },
        "terminated": tally.terminated,
        "faults": dict(tally.faults),
        "gave_up": tally.gave_up,
        "sent": tally.sent,
        "subscriptions": sum(verdict.subscriptions for verdict in tally.verdicts),
        "required": sum(verdict.required for verdict in tally.verdicts),
        "allowed": sum(verdict.allowed for verdict in tally.verdicts),
        "notified": sum(verdict.notified for verdict in tally.verdicts),
        **{kind: tally.found(kind) for kind in _TOLD},
        "other": tally.others(),
        "failures": [
            {"where": one.where, "what": one.what, "evidence": one.evidence}
            for one in tally.failures
        ],
        "seconds": round(seconds, 1),
    }


def _points(tally: Tally) -> list[str]:
    lines = []
    for point in sorted(tally.hits | tally.missed):
        missed = tally.missed[point]
        hint = f"  ({missed:,} more were aimed at it and did not get there)" if missed else ""
        never = "  NEVER REACHED" if not tally.hits[point] else ""
        lines.append(f"  {tally.hits[point]:6,}  {point}{never}{hint}")
    return lines


def _conclusion(tally: Tally) -> list[str]:
    if not tally.failures:
        return ["Passed: whoever had to be told was told, once, and in the order of the queue."]
    lines = []
    for failure in tally.failures:
        lines += [f"FAILED in {failure.where}", *(f"  {what}" for what in failure.what[:_LISTED])]
        more = len(failure.what) - _LISTED
        lines += [f"  and {more:,} more"] if more > 0 else []
        lines += [f"  topics, state and logs are in {failure.evidence}"]
    return lines


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), _MINUTE)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
