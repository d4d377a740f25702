# SPDX-License-Identifier: Apache-2.0
"""What a process does that a supervisor has started: end with it, and say what is in vain."""

import ctypes
import os
import signal
import sys
from collections.abc import Callable

from connectors.errors import NotCopartitioned, StateDisowned
from journal.errors import JournalError, JournalFailed, StateLocked
from restock.errors import StartupError
from schemas.errors import RestockError

__all__ = ["EXIT_IN_VAIN", "is_in_vain", "run_supervised", "tie_to"]

EXIT_IN_VAIN = 3
"""Said to a supervisor only: another start would meet the same, until somebody mends it."""

_PR_SET_PDEATHSIG = 1


def tie_to(supervisor: int) -> None:
    """End with the supervisor, even where it is killed outright (on Linux; elsewhere not).

    Args:
        supervisor: The id of the process that started this one.

    Raises:
        StartupError: It is gone already.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    # It may have died before the kernel was told.
    if os.getppid() != supervisor:
        raise StartupError(
            f"process {supervisor} is not the one that started this shard, or is gone: "
            "--supervisor is for `restock run --shards` alone"
        )


def run_supervised(run: Callable[[], int], check: Callable[[], object]) -> int:
    """Run a shard and return its exit code: `EXIT_IN_VAIN` for what another start cannot mend.

    Args:
        run: Runs the shard.
        check: Looks at the layout of the state directory before.

    Raises:
        RestockError: It could not be started now, and maybe later.
    """
    try:
        check()
    except StartupError as error:
        return _in_vain(error)
    try:
        return run()
    except RestockError as error:
        if not is_in_vain(error):
            raise
        return _in_vain(error)


def is_in_vain(error: RestockError) -> bool:
    """Say whether a start that met ``error`` will meet it again.

    That is so where the state directory or the topics are not those of the shard. A broker that
    does not answer, a lease or a lock that another process has, a topic that is still to be
    created, a full disk: they pass, or are mended without a word to us.
    """
    if isinstance(error, NotCopartitioned | StateDisowned):
        return True
    cause = error.__cause__
    passing = JournalFailed | StateLocked
    return (
        isinstance(error, StartupError)
        and isinstance(cause, JournalError)
        and not isinstance(cause, passing)
    )


def _in_vain(error: RestockError) -> int:
    sys.stderr.write(f"restock: {' '.join(str(error).split())}\n")
    return EXIT_IN_VAIN
