# SPDX-License-Identifier: Apache-2.0
"""`restock run`: the live flow, from Kafka to Kafka."""

import os
import sys
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from restock.commands.common import load
from restock.errors import UsageError
from restock.log_setup import configure_logging
from restock.shards import parse_shard
from schemas.timestamps import parse_timestamp

__all__ = ["parse_start", "run"]


def run(
    *,
    config: Path | None = None,
    shard: str = "0/1",
    state_directory: Path | None = None,
    bootstrap_servers: str | None = None,
    start: Annotated[str | None, Parameter(name="--from")] = None,
    begin_anew: Annotated[bool, Parameter(negative=(), show_default=False)] = False,
    rebuild: Annotated[bool, Parameter(negative=(), show_default=False)] = False,
) -> int:
    """Decide who is told, live, from Kafka to Kafka.

    State is kept in the state directory; started again, the program carries on where it was. It
    refuses to start with another directory than that of the run before, unless told to begin anew,
    and while another process looks after the same shard, on this machine or on any other.

    SIGTERM and Ctrl-C stop it once everything read so far is durable, with exit code 0; a second
    one stops it at once, as a crash would.

    Parameters
    ----------
    config
        The configuration file; left out: restock.toml in the working directory, if there is one.
    shard
        i/n, such as 0/4: look after the partitions p with p mod n = i. Start one process for each
        i; they may share a state directory.
    state_directory
        Where the state is kept, instead of [state] directory.
    bootstrap_servers
        Addresses host:port of Kafka brokers, instead of [kafka] bootstrap_servers.
    start
        Where to begin in partitions without a usable offset: earliest, latest, or a time (RFC 3339
        or epoch milliseconds). Left out: the earliest, and an error where an offset is lost.
    begin_anew
        Give up the state of the run before, and go on with what the state directory holds. With an
        empty one, whom the records in the topics entitle is told again.
    rebuild
        Make lost state anew from the topics, in an empty state directory: whom a notification
        answers is not told again. Until that is done, every further start goes on with it.
    """
    share = parse_shard(shard)
    begin = parse_start(start) if start is not None else None
    if rebuild and (begin_anew or begin is not None):
        message = "--rebuild reads all that the topics hold: leave out --from and --begin-anew"
        raise UsageError(message)
    flags = {"--state-directory": state_directory, "--bootstrap-servers": bootstrap_servers}
    settings = load(config, dict(flags)).settings
    configure_logging(settings.logging, sys.stderr, os.environ)
    from restock import running  # noqa: PLC0415 - Bytewax and librdkafka, once all is in order

    return running.run(settings, shard=share, start=begin, begin_anew=begin_anew, rebuild=rebuild)


def parse_start(text: str) -> Literal["earliest", "latest"] | int:
    """Read where to begin: a word, or a time, returned in epoch milliseconds.

    Raises:
        UsageError: It is none of them.
    """
    if text == "earliest":
        return "earliest"
    if text == "latest":
        return "latest"
    try:
        return parse_timestamp(int(text) if text.isascii() and text.isdigit() else text)
    except ValueError as error:
        message = f"--from {text}: {error}; give earliest, latest, 2026-11-20T10:00:00Z or epoch ms"
        raise UsageError(message) from None
