# SPDX-License-Identifier: Apache-2.0
"""`restock ingest`: stock from the platforms, from files, feeds and topics."""

import os
import sys
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from connectors.durations import parse_duration
from restock.clock import now
from restock.commands.common import load_checked
from restock.errors import EXIT_OK, UsageError
from restock.log_setup import configure_logging
from restock.sources import read_source
from schemas.timestamps import parse_timestamp

__all__ = ["ingest"]

_Flag = Annotated[bool, Parameter(negative=(), show_default=False)]


def ingest(  # noqa: PLR0913 - a parameter for each flag
    name: str,
    /,
    *files: Annotated[Path, Parameter(allow_leading_hyphen=True)],
    topic: str | None = None,
    at: str | None = None,
    every: str | None = None,
    lines: bool | None = None,
    dry_run: _Flag = False,
    json: _Flag = False,
    config: Path | None = None,
    bootstrap_servers: str | None = None,
) -> int:
    """Turn what a platform says of its stock into records of the inventory topic.

    From files, once; a feed from its url, once or again and again; else from a topic until told to
    stop. A topic's offsets are committed only when Kafka has acknowledged all that came of the
    records; what is refused goes to the dead letters of the inventory topic. SIGTERM and Ctrl-C
    end the batch at hand, with exit code 0. See docs/ingest.md.

    Parameters
    ----------
    name
        Of a table [ingest.NAME]; or a kind that needs no settings, such as restock.
    files
        What to read; - is standard input.
    topic
        The topic to read, instead of [ingest.NAME] topic.
    at
        The time of messages that have none, RFC 3339 or epoch milliseconds; left out: that of the
        file, or of the answer to a fetched feed.
    every
        Fetch a feed again after so long, such as 15m, until told to stop.
    lines
        Whether a file holds a message in each line, or is one; left out: lines where the name ends
        in .jsonl or .ndjson, and on standard input.
    dry_run
        Show the records, a line each on standard output, and write nothing. A topic is read to its
        end, and nothing of it is marked as read.
    json
        Print the summary as one JSON object on standard output.
    config
        The configuration file; left out: restock.toml in the working directory, if there is one.
    bootstrap_servers
        Addresses host:port of Kafka brokers, instead of [kafka] bootstrap_servers.
    """
    # A lone hyphen looks like a flag, so all that look like one come here when they are none.
    for file in map(str, files):
        if file.startswith("-") and file != "-":
            raise UsageError(f"Unknown option: {file!r}; see restock ingest --help")
    moment, interval = _moment(at), _interval(every)
    flags: dict[str, object] = {"--bootstrap-servers": bootstrap_servers}
    settings = load_checked(config, flags, partial(read_source, name=name)).settings
    configure_logging(settings.logging, sys.stderr, os.environ)
    from restock import ingesting  # noqa: PLC0415 - librdkafka, once all is in order
    from restock.ingesting_wanted import Wanted  # noqa: PLC0415 - as above

    wanted = Wanted(files, topic, moment, interval, lines, dry_run=dry_run, as_json=json)
    ingesting.ingest(settings, read_source(settings, name), wanted)
    return EXIT_OK


def _moment(text: str | None) -> int | None:
    if text is None:
        return None
    try:
        moment = parse_timestamp(int(text) if text.isdecimal() else text)
    except ValueError as error:
        raise UsageError(f"--at {text}: {error}") from None
    if moment > now():
        raise UsageError(f"--at {text}: is in the future: no figure is known to be true then")
    return moment


def _interval(text: str | None) -> timedelta | None:
    if text is None:
        return None
    try:
        interval = parse_duration(text)
    except ValueError as error:
        raise UsageError(f"--every {text}: {error}") from None
    if not interval:
        raise UsageError("--every must be more than 0")
    return interval
