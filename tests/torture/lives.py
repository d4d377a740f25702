# SPDX-License-Identifier: Apache-2.0
"""Lives of the program: processes that are started, watched and ended."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from restock.demo import leash
from tests.torture.site import Site
from tests.torture.victim import SAID

__all__ = ["Life", "Ward"]

_PROJECT: Final = Path(__file__).parents[2]
_LOOK_SECONDS: Final = 0.01
_KEPT_LOGS: Final = 12
_RUNNING: Final = b'"running"'


class Life:
    """One process of the program.

    Args:
        site: its configuration.
        aim: where it shall die, ``POINT:NTH``; "" for nowhere.
        log: where its standard error goes.
    """

    def __init__(self, site: Site, aim: str, log: Path) -> None:
        self.aim = aim
        self.log = log
        # It ends with us, even where we are killed outright.
        command = [sys.executable, "-I", leash.__file__, str(os.getpid())]
        command += [sys.executable, "-m", "tests.torture.victim"]
        command += ["--at", aim] if aim else []
        command += ["--turn", str(site.turn)] if site.turn else []
        command += ["--", "run", "--config", str(site.config)]
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("RESTOCK_")}
        with log.open("wb") as errors:
            self._process = subprocess.Popen(
                command,
                cwd=_PROJECT,
                env=inherited,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
            )

    @property
    def code(self) -> int | None:
        """Its exit code, negative for a signal; None while it lives."""
        return self._process.poll()

    @property
    def hit(self) -> bool:
        """Whether it reached the point it was aimed at, and died there."""
        return bool(self.aim) and self.code is not None and SAID.encode() in self.log.read_bytes()

    def wait(self, seconds: float) -> bool:
        """Wait until it has ended; whether it has."""
        try:
            self._process.wait(max(0.0, seconds))
        except subprocess.TimeoutExpired:
            return False
        return True

    def wait_until_running(self, seconds: float) -> bool:
        """Wait until it says that it runs; whether it does, and has not ended."""
        deadline = time.monotonic() + seconds
        while self.code is None and time.monotonic() < deadline:
            if _RUNNING in self.log.read_bytes():
                return True
            time.sleep(_LOOK_SECONDS)
        return False

    def kill(self) -> None:
        """End it with SIGKILL, unless it has ended, and wait for that."""
        self._process.kill()
        self._process.wait()

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def last_words(self) -> list[str]:
        """What it wrote to standard error apart from its log."""
        lines = self.log.read_text(errors="replace").splitlines()
        return [line for line in lines if line.strip() and not line.startswith("{")]


class Ward:
    """Starts lives one after the other, and leaves none behind.

    Args:
        site: what they share.
    """

    def __init__(self, site: Site) -> None:
        self._site = site
        self._number = 0
        self._current: Life | None = None

    def start(self, aim: str = "") -> Life:
        """Start a life; the one before has ended."""
        self._number += 1
        folder = self._site.directory
        life = Life(self._site, aim, folder / f"life-{self._number:05}.log")
        (folder / f"life-{self._number - _KEPT_LOGS:05}.log").unlink(missing_ok=True)
        self._current = life
        return life

    @contextmanager
    def closing(self) -> Iterator[None]:
        """End the last life with the block."""
        try:
            yield
        finally:
            if self._current is not None:
                self._current.kill()
