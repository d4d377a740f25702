# SPDX-License-Identifier: Apache-2.0
"""The wall clock as the program reads it."""

import time

__all__ = ["now"]


def now() -> int:
    """The time, in epoch milliseconds."""
    return time.time_ns() // 1_000_000
