# SPDX-License-Identifier: Apache-2.0
"""`restock run`: the live flow, from Kafka to Kafka."""

import os
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from restock.commands.common import load
from restock.errors import UsageError
from restock.log_setup import configure_logging
from restock.shards import parse_shard, parse_shards
from schemas.timestamps import parse_timestamp

__all__ = ["parse_start", "run"]


def run(  # noqa: PLR0913 - each is an option of the command line
    *,
    config: Path | None = None,
    shard: str | None = None,
    shards: str | None = None,
    state_directory: Path | None = None,
    bootstrap_servers: str | None = None,
    start: Annotated[str | None, Parameter(name="--from")] = None,
    begin_anew: Annotated[bool, Parameter(negative=(), show_default=False)] = False,
    rebuild: Annotated[bool, Parameter(negative=(), show_default=False)] = False,
    supervisor: Annotated[int | None, Parameter(show=False)] = None,
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
        i; they may share a state directory. Left out: 0/1, all of them.
    shards
        Several shards of n, such as 0-3/16 or 0,5-7/8: start a process for each of them, and again
        when it has died. Each has the health port [health] port + i.
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
    supervisor
        The process that started this one because of --shards.
    """
    if supervisor is not None:
        from restock.supervised import tie_to  # noqa: PLC0415 - under a supervisor only

        tie_to(supervisor)
    if shard is not None and shards is not None:
        message = "--shard is for one shard, --shards for several: leave one of them out"
        raise UsageError(message)
    many = None if shards is None else parse_shards(shards)
    share = parse_shard("0/1" if shard is None else shard)
    begin = parse_start(start) if start is not None else None
    if rebuild and (begin_anew or begin is not None):
        message = "--rebuild reads all that the topics hold: leave out --from and --begin-anew"
        raise UsageError(message)
    flags = {"--state-directory": state_directory, "--bootstrap-servers": bootstrap_servers}
    settings = load(config, dict(flags)).settings
    configure_logging(settings.logging, sys.stderr, os.environ)
    if many is not None:
        from restock.supervisor_wiring import Options, supervise  # noqa: PLC0415 - with --shards only

        always = _words({"--config": config, **flags})
        once = _words({"--from": start, "--begin-anew": begin_anew, "--rebuild": rebuild})
        return supervise(settings, many, Options(always, once))
    from restock import running  # noqa: PLC0415 - Bytewax and librdkafka, once all is in order

    start_shard = partial(
        running.run, settings, shard=share, start=begin, begin_anew=begin_anew, rebuild=rebuild
    )
    if supervisor is None:
        return start_shard()
    from restock.supervised import run_supervised  # noqa: PLC0415 - under a supervisor only
    from restock.wiring import shard_directory  # noqa: PLC0415 - as above

    return run_supervised(start_shard, partial(shard_directory, settings, share))


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


def _words(options: Mapping[str, object]) -> list[str]:
    """Say options as they would be typed; those that were not given are left out."""
    words = []
    for name, value in options.items():
        if value is True:
            words.append(name)
        elif value not in {None, False}:
            words.append(f"{name}={value}")
    return words
