# SPDX-License-Identifier: Apache-2.0
"""The programs under show, each a process of its own, never left behind."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from restock.demo import leash
from restock.demo.errors import ProgramDied

__all__ = ["Program", "deliver_command", "run_command"]

_STOP_SECONDS: Final = 20.0
_LAST_LINES: Final = 12


def run_command(configuration: Path) -> tuple[str, ...]:
    """Return the command that starts `restock run` of this installation.

    Args:
        configuration: The path of its ``restock.toml``.
    """
    return (sys.executable, "-m", "restock", "run", "--config", str(configuration))


def deliver_command(configuration: Path) -> tuple[str, ...]:
    """Return the command that starts `restock deliver` of this installation.

    Args:
        configuration: The path of its ``restock.toml``.
    """
    return (sys.executable, "-m", "restock", "deliver", "--config", str(configuration))


class Program:
    """`restock run` or `restock deliver`, from entering the context to leaving it.

    Args:
        name: What it is called, such as "restock run".
        directory: Its working directory, and where its output goes.
        command: The program's path and its arguments.
        environment: The environment's variables; those of restock itself are left out, so that the
            demo is the same everywhere.
    """

    def __init__(
        self, name: str, directory: Path, command: Sequence[str], environment: Mapping[str, str]
    ) -> None:
        self.name = name
        self._directory = directory
        self._output = directory / f"{name.replace(' ', '-')}.log"
        self._command = (sys.executable, "-I", leash.__file__, str(os.getpid()), *command)
        self._environment = {
            name: value for name, value in environment.items() if not name.startswith("RESTOCK_")
        }
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Start the program."""
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                self._command,
                cwd=self._directory,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                # Ctrl-C is for the demo, which stops the program in its own time.
                start_new_session=True,
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop the program if it still runs, by force if need be."""
        if self._process is None or self._process.poll() is not None:
            return
        try:
            self._process.terminate()
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            pass
        finally:
            self._kill()

    @property
    def pid(self) -> int | None:
        """The id of the process; None before it is started."""
        return None if self._process is None else self._process.pid

    def check_alive(self) -> None:
        """Raise unless the program runs.

        Raises:
            ProgramDied: It has ended.
        """
        code = None if self._process is None else self._process.poll()
        if code is not None:
            message = f"`{self.name}` has ended with exit code {code} before its time"
            raise ProgramDied(message, self.last_lines())

    def stop(self) -> None:
        """Stop the program as an operator would, and wait until it has ended.

        Raises:
            ProgramDied: It did not end in time, or not with exit code 0.
        """
        self.check_alive()
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            code = self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            message = f"`{self.name}` has not ended {_STOP_SECONDS:g} s after SIGTERM"
            raise ProgramDied(message, self.last_lines()) from None
        if code != 0:
            message = f"`{self.name}` has ended with exit code {code} after SIGTERM, not with 0"
            raise ProgramDied(message, self.last_lines())

    def last_lines(self) -> list[str]:
        """Return the last lines that the program wrote."""
        return self._output.read_text("utf-8", "replace").splitlines()[-_LAST_LINES:]

    def _kill(self) -> None:
        if self._process is not None and self._process.poll() is None:
            # The process leads its session: helpers of its own go with it.
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
