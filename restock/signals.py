# SPDX-License-Identifier: Apache-2.0
"""How a program is told to end."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["told_by_signals"]


@contextmanager
def told_by_signals(stop: Callable[[], object]) -> Iterator[None]:
    """Call `stop` at the first SIGTERM or SIGINT; the second ends the process at once."""
    numbers = (signal.SIGTERM, signal.SIGINT)

    def on_signal(*_: object) -> None:
        stop()
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)

    before = {number: signal.signal(number, on_signal) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
