# SPDX-License-Identifier: Apache-2.0
"""`restock replay`: run a recorded trace through the decisions, without Kafka."""

import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Annotated

import orjson
from cyclopts import Parameter

from restock.errors import EXIT_OK, UsageError
from restock.replay import Summary
from restock.replay_batches import Batch
from restock.replay_files import replay_file
from restock.replay_slot import ReplaySlot

__all__ = ["replay"]

_Flag = Annotated[bool, Parameter(negative=(), show_default=False)]


def replay(
    events: Path,
    /,
    *,
    output: Path | None = None,
    summary_only: _Flag = False,
    policy: Path | None = None,
    until: str | None = None,
    json: _Flag = False,
) -> int:
    """Run a recorded trace through the decisions, without Kafka.

    Each line of the trace is {"at": TIME, "topic": "inventory" or "subscriptions", "value": ...}.

    Parameters
    ----------
    events
        The trace, one JSON object a line, in the order of arrival.
    output
        Where the notifications go, one JSON object a line. After an error it does not exist.
    summary_only
        Instead of --output: decide the same, but write no notifications. To compare policies.
    policy
        A configuration file; only its [policy] table is read. Left out: the default policy.
    until
        The last moment of the clock: RFC 3339, or epoch milliseconds.
    json
        Print the summary as one JSON object on standard output.
    """
    if output is None and not summary_only:
        raise UsageError(
            "--output is missing: name a file for the notifications, or give --summary-only"
        )
    if output is not None and summary_only:
        raise UsageError("--summary-only writes no notifications: leave it or --output out")
    with _progress(events) as advance:
        summary = replay_file(
            events, output, policy=policy, until=until, decisions=ReplaySlot, progress=advance
        )
    sys.stderr.write(_for_people(summary, output))
    if json:
        sys.stdout.write(orjson.dumps(summary.as_dict()).decode() + "\n")
    return EXIT_OK


def _for_people(summary: Summary, output: Path | None) -> str:
    place = "" if output is None else f" in {output}"
    return (
        f"{_counted(summary.events, 'line')} read ({summary.dead_lettered:,} dead-lettered, "
        f"{_counted(summary.tombstones, 'tombstone')}), {_counted(summary.variants, 'variant')}: "
        f"{_counted(summary.notifications, 'notification')}{place}, "
        f"{summary.waiting:,} still waiting\n"
    )


def _counted(number: int, thing: str) -> str:
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"


def _progress(events: Path) -> AbstractContextManager[Callable[[int, Batch], object]]:
    """Show a bar on a terminal; elsewhere nothing."""
    if not sys.stderr.isatty():
        return nullcontext(lambda _size, _batch: None)
    from rich.console import Console  # noqa: PLC0415 - slow to import

    from restock.replay_progress import shown  # noqa: PLC0415

    total = events.stat().st_size if events.is_file() else None
    return shown(total, Console(stderr=True), time.monotonic)
