# SPDX-License-Identifier: Apache-2.0
"""Starts, watches and stops the helper process that makes a new base."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from journal.base import check_base
from journal.errors import JournalError
from journal.turns import Turns

if TYPE_CHECKING:
    from journal.marker import FileEntry, Marker

__all__ = ["Compaction", "CompactionCounts"]

_LONGEST_PAUSE = 1024
_LONGEST_MESSAGE = 2000

_ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1"}
"""NumPy would start a thread for each core: a tenth of a second of CPU, for nothing."""


@dataclass(slots=True)
class CompactionCounts:
    """What became of the helpers of a slot since it was opened.

    Attributes:
        started: helpers that were started.
        failed: attempts that failed, those that could not be started included.
        failed_in_a_row: of these the last ones, since one succeeded.
    """

    started: int = 0
    failed: int = 0
    failed_in_a_row: int = 0


@dataclass(frozen=True, slots=True)
class _Helper:
    process: subprocess.Popen[bytes]
    sources: Marker
    target: str
    messages: IO[bytes]
    undertaker: weakref.finalize[..., Compaction]


class Compaction:
    """At most one helper process of a slot.

    Whatever goes wrong with a helper is kept in `last_error` and tried again later: after 2, 4, 8
    ... 1024 calls of `ready` (counted, not timed, since it is asked once in an epoch).

    Args:
        directory: The slot's folder.
        factory: "module:callable" that makes an empty state.
        turns: Shared with those whose helpers must not all run at once; None: on its own.
    """

    def __init__(self, directory: Path, factory: str, turns: Turns | None = None) -> None:
        self._directory = directory
        self._factory = factory
        self._turns = turns or Turns()
        self._helper: _Helper | None = None
        self.counts = CompactionCounts()
        self._pause = 0
        self.last_error: str | None = None

    @property
    def running(self) -> bool:
        """Whether a helper was started whose result was not taken yet."""
        return self._helper is not None

    @property
    def failed(self) -> bool:
        """Whether the last attempt failed."""
        return self.counts.failed_in_a_row > 0

    def ready(self) -> bool:
        """Tell whether a helper may be started now, and must be, since it has its turn then.

        Each call shortens a pause after a failure.
        """
        if self._helper is not None:
            return False
        if self._pause:
            self._pause -= 1
            return False
        return self._turns.ask(self)

    def start(self, sources: Marker, target: str) -> None:
        """Start a helper.

        Args:
            sources: Closed, durable files to fold.
            target: Name of the new base.
        """
        directory = str(self._directory.absolute())
        command = [sys.executable, "-P", "-m", "journal.compact"]
        command += ["--directory", directory, "--slot", str(sources.slot), "--target", target]
        command += ["--factory", self._factory, "--parent", str(os.getpid())]
        command += ["--sources", sources.encode().decode("ascii")]
        # The helper must find the state's module wherever this process found it.
        path = os.pathsep.join(entry or str(Path.cwd()) for entry in sys.path)
        try:
            messages = _message_file()
        except OSError as error:
            self._fail(f"the helper could not be started: {error}")
            return
        try:
            process = subprocess.Popen(  # noqa: S603 - our own interpreter and arguments
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=messages,
                env={**os.environ, **_ONE_THREAD, "PYTHONPATH": path},
            )
        except OSError as error:
            messages.close()
            self._fail(f"the helper could not be started: {error}")
            return
        # For a journal that is dropped without `close`; at the process's end the kernel does it.
        undertaker = weakref.finalize(self, _kill, process, messages)
        undertaker.atexit = False
        self.counts.started += 1
        self._helper = _Helper(process, sources, target, messages, undertaker)

    def take(self) -> tuple[Marker, FileEntry] | None:
        """Take a finished helper's result: what it folded, and the new base.

        Returns:
            None while there is nothing to take, also when the helper failed.
        """
        helper = self._helper
        if helper is None or helper.process.poll() is None:
            return None
        self._helper = None
        self._turns.give_back(self)
        helper.undertaker.detach()
        try:
            base = self._result(helper)
        except (JournalError, OSError) as error:
            self._remove(helper.target)
            self._fail(str(error))
            return None
        self.counts.failed_in_a_row = 0
        self.last_error = None
        return helper.sources, base

    def stop(self) -> None:
        """Kill a running helper and wait until it is gone; its work is lost, nothing else."""
        self._turns.give_back(self)
        helper = self._helper
        if helper is None:
            return
        self._helper = None
        helper.undertaker()
        self._remove(helper.target)

    def _result(self, helper: _Helper) -> FileEntry:
        with helper.messages as messages:
            messages.seek(0)
            said = messages.read(_LONGEST_MESSAGE).decode("utf-8", "replace").strip()
        status = helper.process.returncode
        if status:
            reason = f"signal {-status}" if status < 0 else f"exit code {status}"
            raise JournalError(f"the helper ended with {reason}: {said or 'it said nothing'}")
        return check_base(self._directory, helper.target, helper.sources)

    def _fail(self, message: str) -> None:
        self._turns.give_back(self)
        self.counts.failed += 1
        self.counts.failed_in_a_row += 1
        self._pause = min(2**self.counts.failed_in_a_row, _LONGEST_PAUSE)
        self.last_error = message

    def _remove(self, target: str) -> None:
        for name in (target, f"{target}.tmp"):
            try:
                (self._directory / name).unlink(missing_ok=True)
            except OSError:
                continue  # the next resume deletes it


def _message_file() -> IO[bytes]:
    """A file, since a full pipe would block a helper that nobody reads from meanwhile."""
    if sys.platform == "linux":
        # In memory, since a helper that fails for lack of space could not say so on the disk.
        return os.fdopen(os.memfd_create("journal-compact"), "w+b")
    return tempfile.TemporaryFile()


def _kill(process: subprocess.Popen[bytes], messages: IO[bytes]) -> None:
    # Harmless for one that has ended: its number is not given away before it is waited for.
    process.kill()
    process.wait()
    messages.close()
