# SPDX-License-Identifier: Apache-2.0
"""`restock replay`: run a recorded trace through the decisions, without Kafka."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import orjson
from cyclopts import Parameter

from restock.errors import EXIT_OK
from restock.replay import Summary
from restock.replay_files import replay_file
from waitlist.slot import Slot

__all__ = ["replay"]


def replay(
    events: Path,
    /,
    *,
    output: Path,
    policy: Path | None = None,
    until: str | None = None,
    json: Annotated[bool, Parameter(negative=(), show_default=False)] = False,
) -> int:
    """Run a recorded trace through the decisions, without Kafka.

    Each line of the trace is {"at": TIME, "topic": "inventory" or "subscriptions", "value": ...}.

    Parameters
    ----------
    events
        The trace, one JSON object a line, in the order of arrival.
    output
        Where the notifications go, one JSON object a line. After an error it does not exist.
    policy
        A configuration file; only its [policy] table is read. Left out: the default policy.
    until
        The last moment of the clock: RFC 3339, or epoch milliseconds.
    json
        Print the summary as one JSON object on standard output.
    """
    with _progress(events) as advance:
        summary = replay_file(
            events, output, policy=policy, until=until, decisions=Slot, progress=advance
        )
    sys.stderr.write(_for_people(summary, output))
    if json:
        sys.stdout.write(orjson.dumps(summary.as_dict()).decode() + "\n")
    return EXIT_OK


def _for_people(summary: Summary, output: Path) -> str:
    return (
        f"{_counted(summary.events, 'line')} read ({summary.dead_lettered:,} dead-lettered, "
        f"{_counted(summary.tombstones, 'tombstone')}), {_counted(summary.variants, 'variant')}: "
        f"{_counted(summary.notifications, 'notification')} in {output}, "
        f"{summary.waiting:,} still waiting\n"
    )


def _counted(number: int, thing: str) -> str:
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"


@contextmanager
def _progress(events: Path) -> Iterator[Callable[[int], object]]:
    """Show a bar on a terminal; elsewhere nothing."""
    if not sys.stderr.isatty():
        yield lambda _bytes: None
        return
    from rich.console import Console  # noqa: PLC0415 - slow to import
    from rich.progress import Progress  # noqa: PLC0415

    total = events.stat().st_size if events.is_file() else None
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("replaying", total=total)
        waiting = 0

        def advance(read: int) -> None:
            nonlocal waiting
            waiting += read
            if waiting >= 1 << 16:
                bar.update(task, advance=waiting)
                waiting = 0

        yield advance
