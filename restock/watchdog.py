# SPDX-License-Identifier: Apache-2.0
"""Ends the program when it makes no headway, so that whatever looks after it can start it anew.

Headway is an epoch that became durable, or, while slots resume, a record that was loaded; but
no resume may take longer than `_RESUMES_AT_MOST` times the timeout, however it creeps.

There are two dogs. A thread looks every second, says in one line for how long nothing has become
durable and what the program is doing, and ends it. It cannot run while another thread sits in C
code with the interpreter's lock; for that, a timer of `faulthandler`, which needs no lock, is
wound up at every look, and when no look comes for the timeout and a bit, prints the stacks of all
threads and ends the process. Neither helps against a process that the kernel does not let run:
stopped, or in an uninterruptible wait for a disk.
"""

import faulthandler
import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Self

from typing_extensions import override

from connectors.durations import format_duration
from restock.errors import StalledError
from restock.vitals import Vitals

if TYPE_CHECKING:
    from types import FrameType

__all__ = ["Alarm", "FaultTimer", "Watchdog", "busy_with"]

_RESUMES_AT_MOST = 10
_LOOK_SECONDS = 1.0
_LONGEST_GRACE_SECONDS = 5.0
_STANDARD_ERROR = 2
_PACKAGES = ("connectors.", "dataflows.", "journal.", "restock.", "schemas.", "waitlist.")


class Alarm:
    """A timer that never goes off; `FaultTimer` is a real one."""

    def wind(self, seconds: float) -> None:
        """Let it go off so many seconds from now, and not before."""

    def stop(self) -> None:
        """Let it never go off."""


class FaultTimer(Alarm):
    """Prints all stacks and ends the process when it goes off, whoever has the lock."""

    @override
    def wind(self, seconds: float) -> None:
        """Let it go off so many seconds from now, and not before."""
        faulthandler.dump_traceback_later(seconds, exit=True, file=_STANDARD_ERROR)

    @override
    def stop(self) -> None:
        """Let it never go off."""
        faulthandler.cancel_dump_traceback_later()


class Watchdog:
    """Looks at the vitals of the program, from a thread of its own while the context lasts.

    Args:
        vitals: of the program.
        timeout: for how long it may make no headway; more than 0.
        bark: told of the error that ends the program.
        timer: for when no thread can run.
        doing: says what the program's main thread is doing.
    """

    def __init__(
        self,
        vitals: Vitals,
        timeout: timedelta,
        bark: Callable[[StalledError], None],
        *,
        timer: Alarm | None = None,
        doing: Callable[[], str] = lambda: "",
    ) -> None:
        self._vitals = vitals
        self._timeout = timeout.total_seconds()
        self._named = format_duration(timeout)
        self._bark = bark
        self._timer = timer or Alarm()
        self._doing = doing
        self._seen: object = None
        self._since = vitals.clock()
        self._looked_at = self._since
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def __enter__(self) -> Self:
        """Start looking."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop looking."""
        self._ended.set()
        self._thread.join()

    def look(self) -> None:
        """Look once; bark when there was no headway for the timeout."""
        vitals = self._vitals
        now = self._looked_at = vitals.clock()
        seen = (vitals.phase, vitals.runs, vitals.epochs, vitals.folded())
        if seen != self._seen or vitals.phase not in {"resuming", "running"}:
            self._seen, self._since = seen, now
        silent = now - self._since
        resuming = now - vitals.began_at if vitals.phase == "resuming" else 0.0
        if silent > self._timeout:
            self._bark(StalledError(self._explain(silent)))
        elif resuming > _RESUMES_AT_MOST * self._timeout:
            self._bark(StalledError(self._explain(resuming)))

    def complaint(self) -> str | None:
        """Why the program should not live; None while all is well."""
        now = self._vitals.clock()
        if now - self._looked_at > self._timeout:
            return f"the watchdog has not looked for {now - self._looked_at:.0f} s"
        if now - self._since > self._timeout:
            return f"no headway for {now - self._since:.0f} s"
        return None

    def _watch(self) -> None:
        pause = min(_LOOK_SECONDS, self._timeout / 10)
        grace = min(_LONGEST_GRACE_SECONDS, self._timeout)
        while not self._ended.is_set():
            self._timer.wind(self._timeout + grace)
            self.look()
            self._ended.wait(pause)
        self._timer.stop()

    def _explain(self, seconds: float) -> str:
        vitals = self._vitals
        flow, opened = vitals.flow, len(vitals.opened)
        queued = 0 if flow is None else flow.sink.queued
        if vitals.opening is not None:
            state = f"resuming slot {opened + 1} of {vitals.slots}, {vitals.folded():,} records in"
        elif queued:
            state = f"waiting for Kafka to acknowledge {queued:,} records"
        else:
            state = "in the middle of an epoch" if vitals.ended_at is None else "ending an epoch"
        doing = self._doing()
        return (
            f"no epoch has become durable for {seconds:.0f} s: the program is {state}"
            f"{f', busy with {doing}' if doing else ''}; state.watchdog_timeout is {self._named}; "
            "the next start goes on from the last durable epoch"
        )


def busy_with(thread: int) -> str:
    """Name the function of ours that a thread is in: `connectors.kafka.writer:flush`.

    Args:
        thread: its identifier.

    Returns:
        An empty text for a thread that is in none.
    """
    frame: FrameType | None = sys._current_frames().get(thread)  # noqa: SLF001 - the only way
    while frame is not None:
        module = str(frame.f_globals.get("__name__", ""))
        if module.startswith(_PACKAGES):
            return f"{module}:{frame.f_code.co_qualname} (line {frame.f_lineno})"
        frame = frame.f_back
    return ""
