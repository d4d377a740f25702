# SPDX-License-Identifier: Apache-2.0
"""Receivers of messages, as the harness sees them: processes that are asked what has come."""

import json
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.errors import BenchmarkError
from benchmarks.processes import ProcessTree, running
from benchmarks.receipts import DIGEST, RELEASE, REPORT

__all__ = ["HTTP", "SMTP", "Receiver", "Report", "receiving"]

HTTP = "benchmarks.http_receiver"
SMTP = "benchmarks.smtp_receiver"

_START_SECONDS = 30.0
_ANSWER_SECONDS = 60.0


class Report(msgspec.Struct, frozen=True):
    """What has come so far; see `benchmarks.receipts.Receipts.report`."""

    taken: int
    different: int
    held: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Receiver:
    """A running receiver.

    Attributes:
        process: it.
        port: where messages go, on 127.0.0.1.
        control: where it is asked.
    """

    process: ProcessTree
    port: int
    control: int

    def release(self) -> None:
        """Open the gate."""
        self._ask(RELEASE)

    def report(self) -> Report:
        """Ask what has come so far."""
        return msgspec.convert(self._ask(REPORT), Report, strict=False)

    def digest(self) -> str:
        """Ask for the fingerprint of all ids."""
        return str(self._ask(DIGEST))

    def _ask(self, question: bytes) -> Any:  # noqa: ANN401 - JSON
        address = ("127.0.0.1", self.control)
        with socket.create_connection(address, _ANSWER_SECONDS) as connection:
            connection.sendall(question)
            with connection.makefile("rb") as lines:
                return json.loads(lines.readline())


@contextmanager
def receiving(kind: str, delay: float, directory: Path) -> Iterator[Receiver]:
    """Run a receiver while the block lasts.

    Args:
        kind: HTTP or SMTP.
        delay: seconds that each answer takes.
        directory: an own one, where it tells its ports.

    Raises:
        BenchmarkError: it does not start.
    """
    place = directory / "receiver.ports"
    place.unlink(missing_ok=True)
    command = [sys.executable, "-m", kind, str(place), str(delay)]
    with running(command, directory / "receiver.log") as process:
        deadline = time.monotonic() + _START_SECONDS
        while not place.exists():
            process.check_alive()
            if time.monotonic() > deadline:
                raise BenchmarkError(f"the receiver did not start; {process.last_words()}")
            time.sleep(0.02)
        port, control = json.loads(place.read_text())
        yield Receiver(process, port, control)
