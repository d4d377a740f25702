# SPDX-License-Identifier: Apache-2.0
"""The program with a stopwatch, compacting whenever it may: ``python -m benchmarks.eager ...``."""

import functools
import sys

from benchmarks import stopwatch
from journal.journal import Journal
from journal.limits import Limits

__all__ = ["main"]

_TINY = Limits(
    compact_bytes=1, compact_ratio=0.0, compact_work=0, compact_work_ratio=0.0, compact_segments=1
)


def main() -> int:
    """Run it with limits at which a single record is worth a compaction."""
    inner = Journal.open

    @functools.wraps(inner)
    def opened(*arguments: object, **named: object) -> object:
        return inner(*arguments, **{**named, "limits": _TINY})  # type: ignore[arg-type]  # as given

    Journal.open = staticmethod(opened)  # type: ignore[method-assign,assignment]  # from outside
    return stopwatch.main()


if __name__ == "__main__":
    sys.exit(main())
