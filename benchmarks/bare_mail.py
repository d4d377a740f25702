# SPDX-License-Identifier: Apache-2.0
"""The floor of mail: as many threads as connections, each hands in mails with smtplib.

The mails were written before it begins, the same that the email sink writes; nothing is tried
again, and nothing written down. Started as ``python -m benchmarks.bare_mail FILE CONFIGURATION
CONNECTIONS``, with the configuration that restock is given; SIGTERM ends it.
"""

import gc
import signal
import smtplib
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.notifications import read_messages
from connectors.sinks.email_connections import Mail
from connectors.sinks.email_letters import Letters
from connectors.sinks.email_settings import EmailSettings
from restock.commands.common import load
from restock.ways import read_sinks

__all__ = ["main"]


def main() -> None:
    """Run until SIGTERM."""
    path, config, connections = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    [settings] = read_sinks(load(config).settings).values()
    assert isinstance(settings, EmailSettings)  # noqa: S101 - the harness has written it
    letters, now = Letters(settings), datetime.now(UTC)
    mails = [letters.mail(letters.write(message, now)) for message in read_messages(path)]
    gc.freeze()
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    left = iter(mails)
    with ThreadPoolExecutor(connections) as threads:
        for work in [
            threads.submit(_work, settings.host, settings.server_port, left)
            for _ in range(connections)
        ]:
            work.result()
    stop.wait()


def _work(host: str, port: int, left: Iterator[Mail]) -> None:
    with smtplib.SMTP(host, port) as smtp:
        # One list iterator for all of them: the interpreter's lock keeps it whole.
        for mail in left:
            smtp.sendmail(mail.sender, mail.recipient, mail.content)


if __name__ == "__main__":
    main()
