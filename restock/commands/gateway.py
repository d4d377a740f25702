# SPDX-License-Identifier: Apache-2.0
"""`restock gateway`: sign-ups over HTTP, and stock from the platforms' webhooks."""

import os
import sys
from pathlib import Path

from restock.commands.common import load_checked
from restock.log_setup import configure_logging
from restock.sources import read_sources

__all__ = ["gateway"]


def gateway(
    *,
    config: Path | None = None,
    bootstrap_servers: str | None = None,
    port: int | None = None,
) -> int:
    """Take sign-ups and stock over HTTP until told to stop.

    A request is answered when Kafka has acknowledged what it comes to, never before; without Kafka
    it is answered with 503. SIGTERM and Ctrl-C answer what is under way, for [gateway]
    stop_patience at most, and end with exit code 0. See docs/gateway.md.

    Parameters
    ----------
    config
        The configuration file; left out: restock.toml in the working directory, if there is one.
    bootstrap_servers
        Addresses host:port of Kafka brokers, instead of [kafka] bootstrap_servers.
    port
        Where to listen, instead of [gateway] port; 0: at a free one, which the log names.
    """
    flags: dict[str, object] = {"--bootstrap-servers": bootstrap_servers, "--port": port}
    settings = load_checked(config, flags, read_sources).settings
    configure_logging(settings.logging, sys.stderr, os.environ)
    from restock.serving import serve  # noqa: PLC0415 - the web server, once all is in order

    return serve(settings)
