# SPDX-License-Identifier: Apache-2.0
"""Processes under measurement: start, CPU time and memory as Linux counts them, stop."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.errors import BenchmarkError

__all__ = ["ProcessTree", "Usage", "peak_mebibytes", "resident_mebibytes", "running"]

_PROJECT = Path(__file__).parents[1]
_STOP_SECONDS = 60
_UTIME, _STIME, _CUTIME, _CSTIME = 11, 12, 13, 14
_KIBIBYTES = 1024


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process and its descendants have used.

    Attributes:
        cpu_seconds: user and system time since their start, of ended children as well.
        resident_mebibytes: memory of those that live.
    """

    cpu_seconds: float
    resident_mebibytes: float


class ProcessTree:
    """A program under measurement, with the helper processes it starts.

    Args:
        process: the program.
        log: where its output goes.
    """

    def __init__(self, process: "subprocess.Popen[bytes]", log: Path) -> None:
        self._process = process
        self._log = log
        self._ticks = os.sysconf("SC_CLK_TCK")

    def usage(self) -> Usage:
        """Count CPU time and memory now.

        Raises:
            BenchmarkError: the program has ended.
        """
        self.check_alive()
        cpu = resident = 0.0
        for pid in _descendants(self._process.pid):
            times = _stat(pid)
            if times:
                ticks = sum(int(times[at]) for at in (_UTIME, _STIME, _CUTIME, _CSTIME))
                cpu += ticks / self._ticks
                resident += resident_mebibytes(pid)
        return Usage(cpu, resident)

    def peak_mebibytes(self) -> float:
        """The most memory that the program itself, without helpers, has ever had."""
        return peak_mebibytes(self._process.pid)

    def own_mebibytes(self) -> float:
        """The memory that the program itself, without helpers, has now."""
        return resident_mebibytes(self._process.pid)

    def forget_peak(self) -> None:
        """Let `peak_mebibytes` start anew from what there is now."""
        Path(f"/proc/{self._process.pid}/clear_refs").write_text("5")

    def check_alive(self) -> None:
        """Raise what the program said last, if it has ended.

        Raises:
            BenchmarkError: it has ended.
        """
        code = self._process.poll()
        if code is not None:
            tail = self._log.read_text(errors="replace").splitlines()[-3:]
            raise BenchmarkError(f"a program ended by itself with {code}: {' | '.join(tail)}")

    def stop(self) -> None:
        """Ask the program to end as a user would, and wait.

        Raises:
            BenchmarkError: it does not end, or ends with a failure.
        """
        self.check_alive()
        self._process.send_signal(signal.SIGTERM)
        try:
            code = self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            raise BenchmarkError(f"a program did not stop within {_STOP_SECONDS} s") from None
        if code != 0:
            raise BenchmarkError(f"a program stopped with {code}: {self.last_words()}")

    def last_words(self) -> str:
        """Which program this is, and the last lines it has logged."""
        tail = self._log.read_text(errors="replace").splitlines()[-3:]
        return f"{self._log.stem}: {' | '.join(tail)}"

    def settle(self, seconds: float = 0.5, share: float = 0.15, limit: float = 120.0) -> None:
        """Wait until the program uses less than a share of a core.

        Args:
            seconds: over how long its CPU time is looked at.
            share: what counts as idle.
            limit: give up waiting after so long, and carry on.
        """
        deadline = time.monotonic() + limit
        before = self.usage().cpu_seconds
        while time.monotonic() < deadline:
            time.sleep(seconds)
            now = self.usage().cpu_seconds
            if now - before < share * seconds:
                return
            before = now


@contextmanager
def running(
    command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[ProcessTree]:
    """Run a program while the block lasts; kill it if it still lives then.

    Args:
        command: the program and its arguments.
        log: where its output goes.
        environment: variables on top of ours; settings of restock are not passed on.
    """
    inherited = {name: text for name, text in os.environ.items() if not name.startswith("RESTOCK_")}
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=_PROJECT,
            env={**inherited, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield ProcessTree(process, log)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def resident_mebibytes(pid: int | str) -> float:
    """Memory that a process has now; 0 when it is gone."""
    return _status(pid, "VmRSS:")


def peak_mebibytes(pid: int | str) -> float:
    """The most memory that a process has had; 0 when it is gone."""
    return _status(pid, "VmHWM:")


def _status(pid: int | str, field: str) -> float:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    found = [line for line in lines if line.startswith(field)]
    return int(found[0].split()[1]) / _KIBIBYTES if found else 0.0


def _stat(pid: int) -> list[str]:
    """The fields of `/proc/PID/stat` after the name, which may hold anything."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def _descendants(pid: int) -> Iterator[int]:
    yield pid
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            numbers = children.read_text().split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        for number in numbers:
            yield from _descendants(int(number))
