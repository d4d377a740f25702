# SPDX-License-Identifier: Apache-2.0
"""Looks after several shards: starts a process for each, and starts it again when it has died.

What is decided, without a process and without a clock: both are given. docs/scaling.md says it for
those who run it.
"""

import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

import structlog

from restock.errors import EXIT_OK, EXIT_USAGE, ShardFailed, UsageError
from restock.shards import Shard
from restock.supervised import EXIT_IN_VAIN
from restock.supervisor_backoff import BackOff
from restock.supervisor_log import Heard

__all__ = ["Child", "Ended", "Event", "Said", "Signalled", "Supervisor"]

_FATAL: Final = frozenset({EXIT_USAGE, EXIT_IN_VAIN})


class Child(Protocol):
    """A process of a shard."""

    @property
    def pid(self) -> int:
        """Its id."""

    def stop(self) -> None:
        """Ask it to end; harmless when it has."""

    def kill(self) -> None:
        """End it at once; harmless when it has ended."""


@dataclass(frozen=True, slots=True)
class Said:
    """A line that a shard's process wrote to standard error."""

    shard: Shard
    line: str


@dataclass(frozen=True, slots=True)
class Ended:
    """A shard's process is gone; a negative code is that of a signal."""

    shard: Shard
    code: int


@dataclass(frozen=True, slots=True)
class Signalled:
    """This process was told to stop."""

    number: int


Event = Said | Ended | Signalled


@dataclass(slots=True)
class _Ward:
    shard: Shard
    back_off: BackOff
    child: Child | None = None
    starts_at: float | None = None
    running_since: float | None = None
    has_run: bool = False
    reason: str = ""
    failure: str = ""


@dataclass(slots=True)
class _Ending:
    begun: bool = False
    forced: bool = False
    error: ShardFailed | UsageError | None = field(default=None)


class Supervisor:
    """Starts, watches and stops the processes of some shards.

    Args:
        shards: The shards.
        spawn: Starts the process of a shard; its second argument says whether the shard has not run
            yet, so that options for one start are still to be given. Raises OSError.
        back_off: Makes the pauses of a shard.
        hear: Passes on a line of a shard, and tells what it says.
        clock: Seconds, monotonic.
    """

    def __init__(
        self,
        shards: Sequence[Shard],
        spawn: Callable[[Shard, bool], Child],
        back_off: Callable[[], BackOff],
        hear: Callable[[Shard, str], Heard],
        clock: Callable[[], float],
    ) -> None:
        self._wards = {shard: _Ward(shard, back_off()) for shard in shards}
        self._spawn = spawn
        self._hear = hear
        self._clock = clock
        self._ending = _Ending()
        self._log = structlog.get_logger()

    def run(self, wait: Callable[[float | None], Event | None]) -> int:
        """Look after the shards until told to stop; return 0 when all ended cleanly then.

        Args:
            wait: Gives the next event; None when there was none within so many seconds.

        Raises:
            UsageError: A shard refuses its settings and has not run yet.
            ShardFailed: A shard cannot run until somebody mends something and has not run yet, or
                did not end cleanly when told to.
        """
        self._log.info("supervising", shards=[str(shard) for shard in self._wards])
        for ward in self._wards.values():
            self._start(ward)
        while not self._is_over():
            event = wait(self._until_next_start())
            if isinstance(event, Said):
                self._on_said(self._wards[event.shard], event.line)
            elif isinstance(event, Ended):
                self._on_ended(self._wards[event.shard], event.code)
            elif isinstance(event, Signalled):
                self._on_signal(event.number)
            self._start_due()
        self._raise_what_failed()
        self._log.info("all shards stopped")
        return EXIT_OK

    def kill(self) -> None:
        """End every process at once."""
        for ward in self._wards.values():
            if ward.child is not None:
                ward.child.kill()

    def _start(self, ward: _Ward) -> None:
        ward.starts_at = ward.running_since = None
        ward.reason = ""
        try:
            ward.child = self._spawn(ward.shard, not ward.has_run)
        except OSError as error:
            self._start_again(ward, f"it could not be started: {error}", ward.back_off.pause(0))
            return
        self._log.info("shard started", shard=str(ward.shard), pid=ward.child.pid)

    def _start_due(self) -> None:
        now = self._clock()
        for ward in self._wards.values():
            if ward.starts_at is not None and ward.starts_at <= now:
                self._start(ward)

    def _until_next_start(self) -> float | None:
        times = [ward.starts_at for ward in self._wards.values() if ward.starts_at is not None]
        return max(0.0, min(times) - self._clock()) if times else None

    def _is_over(self) -> bool:
        return self._ending.begun and all(ward.child is None for ward in self._wards.values())

    def _on_said(self, ward: _Ward, line: str) -> None:
        heard = self._hear(ward.shard, line)
        if heard.is_running and ward.running_since is None:
            ward.running_since = self._clock()
            ward.has_run = True
            ward.failure = ""
        ward.reason = heard.reason or ward.reason

    def _on_ended(self, ward: _Ward, code: int) -> None:
        pid = None if ward.child is None else ward.child.pid
        ward.child = None
        how = _how(code)
        why = f"{how}: {ward.reason}" if ward.reason else how
        if self._ending.begun:
            self._on_stopped(ward, code, pid, why)
        elif code in _FATAL and not ward.has_run:
            self._log.error("shard cannot run", shard=str(ward.shard), pid=pid, reason=why)
            kind = UsageError if code == EXIT_USAGE else ShardFailed
            self._ending.error = kind(f"shard {ward.shard}: {ward.reason or how}")
            self._stop()
        else:
            ran = 0.0 if ward.running_since is None else self._clock() - ward.running_since
            back_off = ward.back_off
            pause = back_off.longest() if code in _FATAL else back_off.pause(ran)
            self._start_again(ward, why, pause, pid)

    def _on_stopped(self, ward: _Ward, code: int, pid: int | None, why: str) -> None:
        # One that has not got as far as to catch the signal has nothing to make durable.
        clean = code == 0 or (code == -signal.SIGTERM and ward.running_since is None)
        if clean:
            ward.failure = ""
            self._log.info("shard stopped", shard=str(ward.shard), pid=pid)
        else:
            ward.failure = why
            self._log.error(
                "shard did not stop cleanly", shard=str(ward.shard), pid=pid, reason=why
            )

    def _start_again(self, ward: _Ward, why: str, pause: float, pid: int | None = None) -> None:
        ward.failure = why
        ward.starts_at = self._clock() + pause
        self._log.error(
            "shard died", shard=str(ward.shard), pid=pid, reason=why, restart_in=round(pause, 1)
        )

    def _on_signal(self, number: int) -> None:
        name = signal.Signals(number).name
        if not self._ending.begun:
            self._log.info("stopping all shards", signal=name)
            self._stop()
        elif not self._ending.forced:
            self._log.warning("killing all shards", signal=name)
            self._ending.forced = True
            self.kill()

    def _stop(self) -> None:
        self._ending.begun = True
        for ward in self._wards.values():
            ward.starts_at = None
            if ward.child is not None:
                ward.child.stop()

    def _raise_what_failed(self) -> None:
        if self._ending.error is not None:
            raise self._ending.error
        failed = [ward for ward in self._wards.values() if ward.failure]
        if failed:
            names = ", ".join(str(ward.shard) for ward in failed)
            raise ShardFailed(
                f"not every shard ended cleanly ({names}): {failed[0].failure}; "
                "the next start goes on at the last durable epoch"
            )


def _how(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {signal.Signals(-code).name}"
    except ValueError:
        return f"signal {-code}"
