# SPDX-License-Identifier: Apache-2.0
"""The processes that a supervisor has started, and the events that come of them."""

import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from restock.shards import Shard
from restock.supervisor import Ended, Event, Said, Signalled

__all__ = ["Children", "Process", "stop_signals"]

_LONGEST_LINE: Final = 64 * 1024
_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


class Process:
    """One of them.

    Args:
        process: What was started, with standard error in a pipe.
    """

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    @property
    def pid(self) -> int:
        """Its id."""
        return self._process.pid

    def stop(self) -> None:
        """Ask it to end; harmless when it has."""
        self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once; harmless when it has ended."""
        self._process.kill()


class Children:
    """Starts processes and gathers what they say, how they end, and signals.

    Args:
        command: Makes the arguments of `restock` for a shard; its second argument says whether
            options for one start are to be among them.
        environment: Makes the environment of a shard's process.
    """

    def __init__(
        self,
        command: Callable[[Shard, bool], Sequence[str]],
        environment: Callable[[Shard], Mapping[str, str]],
    ) -> None:
        self._command = command
        self._environment = environment
        # This kind may be filled from a signal's handler.
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()

    def spawn(self, shard: Shard, first: bool) -> Process:  # noqa: FBT001 - see Supervisor
        """Start the process of a shard.

        To be called from the main thread: the kernel takes the end of the thread that starts a
        process for the end of its parent.

        Raises:
            OSError: It cannot be started.
        """
        # It must find the program wherever this process found it, and not in the working directory.
        path = os.pathsep.join(entry or str(Path.cwd()) for entry in sys.path)
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and arguments
            [sys.executable, "-P", "-m", "restock", *self._command(shard, first)],
            env={**self._environment(shard), "PYTHONPATH": path},
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            # Ctrl-C is for the supervisor: a second signal would be taken for haste.
            start_new_session=True,
        )
        threading.Thread(target=self._listen, args=(shard, process), daemon=True).start()
        return Process(process)

    def wait(self, seconds: float | None) -> Event | None:
        """Return the next event, or None when there is none within so many seconds."""
        try:
            return self._events.get(timeout=seconds)
        except queue.Empty:
            return None

    def signalled(self, number: int) -> None:
        """Take note of a signal."""
        self._events.put(Signalled(number))

    def _listen(self, shard: Shard, process: "subprocess.Popen[str]") -> None:
        if process.stderr is not None:
            with process.stderr as stream:
                while line := stream.readline(_LONGEST_LINE):
                    self._events.put(Said(shard, line.removesuffix("\n")))
        self._events.put(Ended(shard, process.wait()))


@contextmanager
def stop_signals(notify: Callable[[int], None]) -> Iterator[None]:
    """Let SIGTERM and SIGINT be told while the context lasts."""
    before = {each: signal.signal(each, lambda number, _: notify(number)) for each in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
