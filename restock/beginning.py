# SPDX-License-Identifier: Apache-2.0
"""Where reading begins in partitions without a usable offset."""

from typing import Literal

from connectors.kafka.offsets import StartFrom

__all__ = ["Start", "start_from"]

Start = Literal["earliest", "latest"] | int
"""At one of the ends, or at a time in epoch milliseconds."""


def start_from(start: Start | None) -> StartFrom:
    """What the source is told."""
    if start is None:
        return StartFrom()
    return StartFrom("timestamp", start) if isinstance(start, int) else StartFrom(start)
