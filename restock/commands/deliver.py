# SPDX-License-Identifier: Apache-2.0
"""`restock deliver`: from notification records to people, and a preview of what they get."""

import os
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from restock.commands.common import load_checked
from restock.commands.run import parse_start
from restock.errors import EXIT_OK
from restock.log_setup import configure_logging
from restock.shards import parse_shard

__all__ = ["deliver"]

deliver = App(
    name="deliver",
    help="Send what was decided: mail, webhooks, text messages, Klaviyo.",
    help_epilogue="",
)


@deliver.default
def run(
    *,
    config: Path | None = None,
    shard: str | None = None,
    bootstrap_servers: str | None = None,
    start: Annotated[str | None, Parameter(name="--from")] = None,
    begin_anew: Annotated[bool, Parameter(negative=(), show_default=False)] = False,
) -> int:
    """Deliver notifications as they come, until told to stop.

    What has become of each is kept in the ledger in [delivery] directory; started again, the
    program carries on where it was. SIGTERM and Ctrl-C wait for the answers to what is on its way,
    for [delivery] stop_patience at most, and end with exit code 0; a second one ends at once, as a
    crash would. Messages whose answer was not written down are sent again, under the same id.

    Parameters
    ----------
    config
        The configuration file; left out: restock.toml in the working directory, if there is one.
    shard
        i/n, such as 0/4: look after the partitions p with p mod n = i of notifications and orders.
        Start one process for each i. Left out: 0/1, all of them.
    bootstrap_servers
        Addresses host:port of Kafka brokers, instead of [kafka] bootstrap_servers.
    start
        Where to begin with notifications in partitions without a usable offset: earliest, latest,
        or a time (RFC 3339 or epoch milliseconds); orders, sign-offs and statuses are then read
        from the earliest. Left out: the earliest for all, and an error where an offset is lost.
    begin_anew
        Go on without the ledger of the run before: notifications are read again from the earliest,
        or from where --from says; what is younger than [journey] max_age is sent again, and the
        reminders of the others are lost.
    """
    share = parse_shard("0/1" if shard is None else shard)
    begin = parse_start(start) if start is not None else None
    from restock.ways import read_sinks  # noqa: PLC0415 - only where something is delivered

    flags: dict[str, object] = {"--bootstrap-servers": bootstrap_servers}
    settings = load_checked(config, flags, read_sinks).settings
    configure_logging(settings.logging, sys.stderr, os.environ)
    from restock import delivering  # noqa: PLC0415 - Bytewax and librdkafka, once all is in order

    return delivering.deliver(settings, shard=share, start=begin, begin_anew=begin_anew)


@deliver.command
def preview(
    *,
    config: Path | None = None,
    sink: str | None = None,
    template: str = "back_in_stock",
    locale: str | None = None,
    notification: Path | None = None,
    output: Path | None = None,
    digest: Annotated[bool, Parameter(negative=(), show_default=False)] = False,
) -> int:
    """Show a mail as it would be sent; nothing is sent and nothing connected.

    Parameters
    ----------
    config
        The configuration file; left out: restock.toml in the working directory, if there is one.
    sink
        Name of a sink of the kind email; left out: the only one there is, or one of defaults.
    template
        Which template.
    locale
        Such as sv-SE; left out: that of the notification.
    notification
        A file with notification records, one JSON object a line, all of one person; several are
        shown as a digest. Left out: a sample.
    output
        Where to write it: NAME.html the page, NAME.txt the text, NAME.eml the whole mail. Left out:
        subject, headers and text on the terminal.
    digest
        Show two samples in one mail.
    """
    from restock.previewing import Wanted, show_preview  # noqa: PLC0415 - templates, only for this
    from restock.ways import read_sinks  # noqa: PLC0415 - as above

    settings = load_checked(config, None, read_sinks).settings
    wanted = Wanted(sink, template, locale, notification, digest=digest)
    show_preview(settings, wanted, output, sys.stdout)
    return EXIT_OK
