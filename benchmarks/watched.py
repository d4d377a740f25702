# SPDX-License-Identifier: Apache-2.0
"""The program under watch: what it says over HTTP, and what a stopwatch in it has noted."""

import json
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families

from benchmarks.contenders import RESTOCK
from benchmarks.errors import BenchmarkError
from benchmarks.job import Job
from benchmarks.processes import ProcessTree, running
from benchmarks.stopwatch import BARRIER

__all__ = ["EAGER", "PLAIN", "STOPWATCH", "Watched", "watched"]

PLAIN = ("restock",)
"""The program as users start it."""

STOPWATCH = ("benchmarks.stopwatch",)
"""The program with a stopwatch in it."""

EAGER = ("benchmarks.eager",)
"""The same, and it compacts whenever it may."""

_PATIENCE_SECONDS = 120.0
_LOOK_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Watched:
    """A running program.

    Attributes:
        process: its processes.
        port: where it answers.
        marks: what its stopwatch writes, if it has one.
    """

    process: ProcessTree
    port: int
    marks: Path

    def wait_until_ready(self) -> None:
        """Wait until it says that it is, and then until it has come to rest.

        Raises:
            BenchmarkError: it ended, or neither is ready nor reads anything for two minutes.
        """
        rested, read, since = False, -1.0, time.monotonic()
        # A first start is ready for a moment before it opens its slots for good.
        while not (rested and self._is_ready()):
            self.process.check_alive()
            now_read = self._records_read()
            if now_read > read:
                read, since = now_read, time.monotonic()
            elif time.monotonic() > since + _PATIENCE_SECONDS:
                raise BenchmarkError("the program does not get ready, and reads nothing")
            rested = self._is_ready()
            if rested:
                self.process.settle()
            else:
                time.sleep(_LOOK_SECONDS)

    def metrics(self) -> dict[str, float]:
        """Each of its figures, summed up over its labels."""
        with urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=10) as answer:
            text = answer.read().decode()
        found: dict[str, float] = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                found[sample.name] = found.get(sample.name, 0.0) + sample.value
        return found

    def barriers(self, first: float = 0.0, last: float = float("inf")) -> list[float]:
        """How long the ends of those epochs took that ended between two times.

        Args:
            first: epoch seconds.
            last: epoch seconds.

        Returns:
            Milliseconds.
        """
        found = []
        for line in self.marks.read_text().splitlines():
            name, begin, end = json.loads(line)
            if name == BARRIER and first <= begin < last:
                found.append((end - begin) * 1000)
        return found

    def _records_read(self) -> float:
        try:
            return self.metrics().get("restock_records_read_total", 0.0)
        except OSError:
            return -1.0

    def _is_ready(self) -> bool:
        try:
            with urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=10) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


@contextmanager
def watched(
    job: Job, program: Sequence[str] = PLAIN, settings: Sequence[str] = ()
) -> Iterator[Watched]:
    """Run the program while the block lasts; its state stays for the next.

    Args:
        job: where.
        program: the module to start, and its own arguments.
        settings: further lines of its configuration.
    """
    arguments = RESTOCK.command(job, 0)
    arguments = arguments[arguments.index("run") :]
    port, marks = _free_port(), job.directory / "marks"
    config = job.directory / "restock.toml"
    lines = ["[health]", f"port = {port}", *settings]
    config.write_text(config.read_text() + "\n".join(lines) + "\n")
    module, *own = program
    if program in {STOPWATCH, EAGER}:
        marks.unlink(missing_ok=True)
        own = [str(marks), str(time.time())]
    command = [sys.executable, "-m", module, *own, *arguments]
    with running(command, job.directory / "restock.log") as process:
        yield Watched(process, port, marks)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
