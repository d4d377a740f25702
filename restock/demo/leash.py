# SPDX-License-Identifier: Apache-2.0
"""Starts a command that ends with the demo, even where the demo is killed outright.

Run by its path, not imported: ``python -I leash.py PARENT COMMAND ...``. On Linux the kernel is
asked to kill this process when the one with the id PARENT, which started it, is gone; then the
command takes this process's place. (With its broker gone the program could not stop in good order.)
Elsewhere the command is started and that is all.
"""

import ctypes
import os
import signal
import sys

__all__ = ["main"]

_PR_SET_PDEATHSIG = 1


def main(parent: int, command: list[str]) -> None:
    """Tie this process to its parent and become ``command``.

    Args:
        parent: The id of the process that started this one.
        command: A program's path and its arguments.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            # It was gone before the kernel was asked.
            sys.exit(1)
    os.execv(command[0], command)  # noqa: S606 - the demo's own command


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
