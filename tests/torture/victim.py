# SPDX-License-Identifier: Apache-2.0
"""The program, made to die at a chosen place: ``python -m tests.torture.victim --at POINT:NTH``.

``python -m tests.torture.victim --at flushed:3 -- run --config restock.toml`` is ``restock run``
that ends itself with SIGKILL the third time it passes the point ``flushed``, and says so on
standard error first. Without ``--at`` it is the program alone. In both cases journals write and
compact as early as can be, so that a short life sees what usually takes hours.

``--points`` lists the points; all of them are installed for it, so a point whose place in the
program is gone is an error. Nothing of this is in the program itself.
"""

import argparse
import os
import signal
import sqlite3
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import wraps
from typing import Any, Final

from connectors.kafka import delivered, sink, source
from connectors.kafka.records import Outgoing
from connectors.kafka.writer import Writer
from dataflows import pace
from dataflows.waitlist_step import WaitlistStep
from journal.compact import CRASH_VARIABLE
from journal.compaction import Compaction
from journal.directory import StateDirectory
from journal.journal import Journal
from journal.limits import Limits
from restock import running
from restock.cli import main as restock

__all__ = ["POINTS", "SAID", "main"]

SAID: Final = "torture: died at "
"""What stands on standard error, with the point's name behind it, when a point was reached."""

_LIMITS: Final = Limits(
    write_buffer=512, compact_bytes=2048, compact_ratio=0.02, compact_segments=2
)
_TRIGGER: Final = "torture"

Pass = Callable[[str], None]
"""Told the name of a point that is passed."""

Install = Callable[[Pass], None]


class Aim:
    """Ends the process at the n-th passing of a point.

    Args:
        point: the point's name.
        nth: at which passing, from 1.
    """

    def __init__(self, point: str, nth: int) -> None:
        self.point = point
        self.nth = nth
        self._passed = 0

    def __call__(self, name: str) -> None:
        """Take note of a passing."""
        if name == self.point:
            self._passed += 1
            if self._passed == self.nth:
                os.write(2, f"{SAID}{name}\n".encode())
                os.kill(os.getpid(), signal.SIGKILL)


def _always(*_: object) -> bool:
    return True


def _replace(owner: object, function: str, make: Callable[[Any], Callable[..., Any]]) -> None:
    """Put what ``make`` makes of a function in its place."""
    original = getattr(owner, function)
    setattr(owner, function, wraps(original)(make(original)))


def _after(
    name: str, owner: object, function: str, when: Callable[..., object] = _always
) -> tuple[str, Install]:
    """A point behind a function, where ``when(result, *arguments)`` holds."""

    def install(passing: Pass) -> None:
        def make(original: Callable[..., object]) -> Callable[..., object]:
            def wrapped(*arguments: object, **named: object) -> object:
                result = original(*arguments, **named)
                if when(result, *arguments):
                    passing(name)
                return result

            return wrapped

        _replace(owner, function, make)

    return name, install


def _before(
    name: str, owner: object, function: str, when: Callable[..., object] = _always
) -> tuple[str, Install]:
    """A point before a function, where ``when(*arguments)`` holds."""

    def install(passing: Pass) -> None:
        def make(original: Callable[..., object]) -> Callable[..., object]:
            def wrapped(*arguments: object, **named: object) -> object:
                if when(*arguments):
                    passing(name)
                return original(*arguments, **named)

            return wrapped

        _replace(owner, function, make)

    return name, install


def _in_journal(name: str) -> tuple[str, Install]:
    """A point that the journal itself names; `_cramp` hands its passings over."""
    return f"journal:{name}", lambda _passing: None


def _in_helper(name: str) -> tuple[str, Install]:
    """The compaction's helper dies at a point of its own, and the program once it notices."""
    point = f"helper:{name}"
    notice = _after(point, Compaction, "_fail", lambda _result, _self, why: "signal 9" in why)[1]

    def install(passing: Pass) -> None:
        os.environ[CRASH_VARIABLE] = name
        notice(passing)

    return point, install


def _in_store(name: str, table: str, column: str) -> tuple[str, Install]:
    """The recovery store refuses a row, in the middle of a commit: the program dies of that.

    Bytewax writes the snapshots of an epoch in one transaction and in another one the row that
    makes them count.
    """

    def install(passing: Pass) -> None:
        # The aim's count of passings becomes the number of epochs that are let through.
        nth = passing.nth if isinstance(passing, Aim) else 1
        _in_opened_store(
            "SELECT max(worker_frontier) FROM fronts",
            f"CREATE TRIGGER {_TRIGGER} BEFORE INSERT ON {table} "
            f"WHEN NEW.{column} > {{newest}} + {nth} "
            f"BEGIN SELECT RAISE(ABORT, '{SAID}{name}'); END",
        )

    return name, install


def _told_flushed(passing: Pass) -> None:
    """Behind a flush that brought notifications to the brokers: the next start finds them."""
    told = False

    def note(_name: str) -> None:
        nonlocal told
        told = True

    def flushed(name: str) -> None:
        nonlocal told
        if told:
            passing(name)
        told = False

    _after("told", Writer, "write", _tells)[1](note)
    _after("told-flushed", Writer, "flush")[1](flushed)


def _tells(_result: object, _self: object, outgoing: Outgoing) -> bool:
    return bool(outgoing.records) and outgoing.topic.endswith("notifications")


def _hands_over(result: Sequence[Outgoing], *_: object) -> bool:
    return any(_tells(None, None, outgoing) for outgoing in result)


POINTS: Final[dict[str, Install]] = dict(
    (
        # While people are told.
        _after("portion", WaitlistStep, "_take_turn", _hands_over),
        _after("queued", Writer, "write", _tells),
        # At the end of an epoch, in the order in which it happens.
        _after("slot-snapshot", WaitlistStep, "snapshot"),
        _before("slots-done", sink._Part, "snapshot"),
        _after("flushed", Writer, "flush"),
        ("told-flushed", _told_flushed),
        _after("snapshots-done", sink._Part, "snapshot"),
        _in_store("writing-snapshots", "snaps", "snap_epoch"),
        _in_store("between-transactions", "fronts", "worker_frontier"),
        _before("committed", source._Part, "_announce_durable", lambda part: part._awaiting),
        _after("noticed", source._Part, "_announce_durable"),
        # The journal's own.
        *map(_in_journal, ("appended", "written", "synced", "unlinked")),
        *map(_in_journal, ("rotated", "helper-started", "base-adopted")),
        *map(_in_helper, ("compact-loaded", "compact-written")),
        *map(_in_helper, ("compact-synced", "compact-renamed")),
        # While it resumes.
        *map(_in_journal, ("open-loaded", "open-cut", "open-cleaned")),
        _after("positions", source.KafkaSource, "_positions"),
        _after("tail-read", delivered._Reader, "_take"),
        _after("tail-known", sink, "read_delivered", lambda found, *_: found),
        # While it begins, with nothing durable yet.
        _before("birth", StateDirectory, "mark_durable"),
        _after("born", StateDirectory, "mark_durable"),
        # While it stops.
        _after("stopping", WaitlistStep, "on_eof"),
        _before("final-commit", source.KafkaSource, "commit_final"),
        _after("final-committed", source.KafkaSource, "commit_final"),
    )
)
"""For each point what makes the program pass it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Be the program, and die where it is wanted."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture.victim", description=__doc__)
    parser.add_argument("--at", metavar="POINT:NTH", help="where to die, and at which passing")
    parser.add_argument("--turn", type=int, metavar="N", help="people told in a turn of a slot")
    parser.add_argument("--points", action="store_true", help="list the points")
    parser.add_argument("words", nargs="*", help="the program's own arguments, behind --")
    options = parser.parse_args(arguments)
    if options.points:
        for name, install in POINTS.items():
            install(lambda _name: None)
            sys.stdout.write(f"{name}\n")
        return 0
    aim = Aim("", 1)
    if options.at:
        point, _, nth = options.at.rpartition(":")
        if point not in POINTS:
            parser.error(f"{point!r} is not a point; --points lists them")
        aim = Aim(point, int(nth))
    # What an earlier life's aim left in the recovery store.
    _in_opened_store("SELECT 0", f"DROP TRIGGER IF EXISTS {_TRIGGER}")
    if aim.point:
        POINTS[aim.point](aim)
    _cramp(aim)
    if options.turn:
        pace._PORTION = options.turn
        pace._LEAST = min(pace._LEAST, options.turn)
    return restock(options.words)


def _cramp(passing: Pass) -> None:
    """Make journals compact all the time, and tell of their points."""

    def crash_point(name: str) -> None:
        passing(f"journal:{name}")

    def make(original: Callable[..., Journal]) -> Callable[..., Journal]:
        return lambda *arguments, **named: original(
            *arguments, **{**named, "limits": _LIMITS, "crash_point": crash_point}
        )

    _replace(Journal, "open", make)


def _in_opened_store(question: str, statement: str) -> None:
    """Let a statement be executed in the recovery store as soon as the program has opened it.

    Args:
        question: its answer, 0 for none, stands for ``{newest}`` in the statement.
        statement: what to execute.
    """

    def make(original: Callable[[StateDirectory], object]) -> Callable[[StateDirectory], object]:
        def wrapped(state: StateDirectory) -> object:
            store = original(state)
            with closing(sqlite3.connect(state.path / "recovery" / "part-0.sqlite3")) as connection:
                (newest,) = connection.execute(question).fetchone()
                connection.execute(statement.format(newest=newest or 0))
                connection.commit()
            return store

        return wrapped

    _replace(running, "open_recovery_store", make)


if __name__ == "__main__":
    sys.exit(main())
