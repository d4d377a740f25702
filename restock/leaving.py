# SPDX-License-Identifier: Apache-2.0
"""How a running program ends: told to by a signal, or by an error that nothing can mend."""

import os
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from journal.errors import JournalError
from restock.errors import EXIT_FAILURE
from restock.signals import told_by_signals
from restock.vitals import Vitals
from schemas.errors import RestockError

__all__ = ["leave", "stopped_by_signals"]


@contextmanager
def stopped_by_signals(stop: threading.Event, vitals: Vitals) -> Iterator[None]:
    """The first SIGTERM or SIGINT stops at a durable epoch, the second at once."""

    def on_first() -> None:
        vitals.stop()
        stop.set()

    with told_by_signals(on_first):
        yield


def leave(error: Exception) -> None:
    """End the process where an error was met; the next start resumes as after any crash.

    Raised through Bytewax the error would come out as the panic of a Rust thread, with
    pages of stack, and at the end of an epoch there is no other way out of it.
    """
    if os.environ.get("RESTOCK_DEBUG", "") not in {"", "0"}:
        traceback.print_exception(error)
    message = str(error)
    if not isinstance(error, RestockError | JournalError | OSError):
        kind = type(error).__name__
        message = f"unexpected {kind}: {error}; this is a bug, RESTOCK_DEBUG=1 shows where"
    sys.stderr.write(f"restock: {' '.join(message.split())}\n")
    sys.stderr.flush()
    os._exit(EXIT_FAILURE)
