# SPDX-License-Identifier: Apache-2.0
"""What all sections share: sizes, a directory, and one broker that starts when first needed."""

import itertools
import sys
import time
from contextlib import ExitStack

from benchmarks.broker import broker
from benchmarks.job import Job
from benchmarks.options import Options

__all__ = ["Bench"]

_HOUR = 3_600_000


class Bench:
    """One run of the benchmarks.

    Args:
        options: how large, and where.
        stack: ends what was started.
    """

    def __init__(self, options: Options, stack: ExitStack) -> None:
        self.options = options
        self._stack = stack
        self._address = ""
        self._numbers = itertools.count(1)
        # Everything has happened by the time it is sent: nothing is dated into the future.
        self.started_at = time.time_ns() // 1_000_000 - options.sizes.job.events - _HOUR

    def new_job(self, name: str) -> Job:
        """Make topics and a directory of their own for a run.

        Args:
            name: for what; need not be unique.
        """
        if not self._address:
            self.say("starting a broker")
            self._address = self._stack.enter_context(broker(self.options.directory))
        unique = f"bench-{self.started_at}-{next(self._numbers)}-{name.replace(' ', '-')}"
        return Job.create(self._address, unique, self.options.directory)

    def say(self, text: str) -> None:
        """Show progress on a terminal; a pipe gets nothing but results."""
        if sys.stderr.isatty():
            sys.stderr.write(f"{time.strftime('%H:%M:%S')} {text}\n")
