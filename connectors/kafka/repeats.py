# SPDX-License-Identifier: Apache-2.0
"""Warnings about what goes on for a while: said once, then now and again, never each second."""

import logging
import time
from collections.abc import Callable
from typing import Final

__all__ = ["Warnings"]

_AGAIN_SECONDS: Final = 60.0


class Warnings:
    """Logs the first warning of a kind, and after that at most one a minute.

    Args:
        log: Where they go.
        clock: Seconds that only grow.
    """

    def __init__(self, log: logging.Logger, clock: Callable[[], float] = time.monotonic) -> None:
        """Start with nothing said."""
        self._log = log
        self._clock = clock
        self._said: dict[str, float] = {}
        self._kept_back: dict[str, int] = {}

    def warn(self, kind: str, text: str) -> None:
        """Warn, unless it was done for this kind within the last minute.

        Args:
            kind: What is counted together. There must be few of them.
            text: What is logged, with the number of those kept back since the last.
        """
        now = self._clock()
        if kind in self._said and now - self._said[kind] < _AGAIN_SECONDS:
            self._kept_back[kind] = self._kept_back.get(kind, 0) + 1
            return
        self._said[kind] = now
        kept_back = self._kept_back.pop(kind, 0)
        self._log.warning("%s%s", text, f" ({kept_back} more since)" if kept_back else "")

    def passed(self, kind: str, text: str) -> None:
        """Say that what was warned of is over; nothing, if it was not."""
        if self._said.pop(kind, None) is not None:
            self._kept_back.pop(kind, None)
            self._log.info("%s", text)
