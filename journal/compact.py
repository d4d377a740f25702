# SPDX-License-Identifier: Apache-2.0
"""The helper process: folds a slot's closed files into a new base (`python -m journal.compact`).

It reads files that nobody changes any more and writes one new file, so it needs no lock and shares
nothing with the process that started it. It does not outlive that process, and if it did, its file
would carry a name that no later run uses and that the next resume deletes.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import importlib
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, cast

from journal.base import write_base
from journal.errors import JournalError
from journal.marker import Marker
from journal.resume import fold

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from journal.state import Foldable

__all__ = ["CRASH_VARIABLE", "main"]

CRASH_VARIABLE = "JOURNAL_COMPACT_CRASH_POINT"
"""Environment variable that names the point where a test wants the helper to die."""

_NICENESS = 10
_PR_SET_PDEATHSIG = 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Fold what the arguments say.

    Args:
        arguments: Command line without the program's name.

    Returns:
        0 when the new base is complete and durable, 1 otherwise (the reason is on stderr).
    """
    options = _parse(arguments)
    try:
        _live_and_die_with(options.parent)
        _compact(options)
    except Exception as error:  # noqa: BLE001 - whatever it is, the parent reads one line about it
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        return 1
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m journal.compact", description=__doc__)
    parser.add_argument("--directory", type=Path, required=True, help="the slot's folder")
    parser.add_argument("--slot", type=int, required=True, help="number of the slot")
    parser.add_argument("--sources", required=True, help="marker that names what to fold")
    parser.add_argument("--target", required=True, help="name of the new base")
    parser.add_argument("--factory", required=True, help="module:callable that makes a state")
    parser.add_argument("--parent", type=int, required=True, help="process to live and die with")
    return parser.parse_args(arguments)


def _compact(options: argparse.Namespace) -> None:
    sources = Marker.decode(options.sources.encode(), options.slot)
    state = _factory(options.factory)()
    fold(options.directory, sources, state)
    _crash_point("compact-loaded")
    if os.getppid() != options.parent:
        raise JournalError("the process that wanted this compaction is gone")
    write_base(options.directory, options.target, state.dump(), sources, _crash_point)


def _factory(path: str) -> Callable[[], Foldable]:
    module, _, name = path.partition(":")
    return cast("Callable[[], Foldable]", getattr(importlib.import_module(module), name))


def _live_and_die_with(parent: int) -> None:
    # The terminal sends an interrupt to both processes; the parent decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(_NICENESS)
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    # It may have died before the kernel was told.
    if os.getppid() != parent:
        raise JournalError("the process that wanted this compaction is gone")


def _crash_point(name: str) -> None:
    if os.environ.get(CRASH_VARIABLE) == name:
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    # The process lives for a moment and builds what it keeps: nothing to collect.
    gc.disable()
    sys.exit(main())
