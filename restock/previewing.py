# SPDX-License-Identifier: Apache-2.0
"""`restock deliver preview`: a mail, rendered to the terminal or to a file."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from connectors.sinks.email_preview import Preview, render_preview
from connectors.sinks.email_samples import sample_notifications
from connectors.sinks.email_settings import EmailSettings
from restock.errors import UsageError
from restock.settings import Settings
from restock.ways import read_sinks

__all__ = ["Wanted", "show_preview"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be shown.

    Attributes:
        sink: name of a sink; None: the only one of the kind email, or defaults.
        template: name of the template.
        locale: None: that of the notification.
        notifications: a file with records; None: a sample.
        digest: two samples instead of one.
    """

    sink: str | None
    template: str
    locale: str | None
    notifications: Path | None
    digest: bool = False


def show_preview(settings: Settings, wanted: Wanted, output: Path | None, stream: TextIO) -> None:
    """Render a mail and write it.

    Args:
        settings: all settings.
        wanted: what to show.
        output: a file whose ending says what: .html, .txt or .eml; None: the stream.
        stream: the terminal, or what stands for it.

    Raises:
        UsageError: there is no such sink, or the file has another ending.
        SinkError: a template or a notification cannot be used.
    """
    if output is not None and output.suffix not in {".html", ".txt", ".eml"}:
        raise UsageError(f"--output {output}: name a file that ends with .html, .txt or .eml")
    email = _email_settings(settings, wanted.sink)
    values = _notifications(wanted)
    now = datetime.now(UTC)
    preview = render_preview(email, wanted.template, wanted.locale, values, now=now)
    if output is None:
        stream.write(_as_text(preview))
    elif output.suffix == ".html":
        output.write_text(preview.html, encoding="utf-8")
    elif output.suffix == ".txt":
        output.write_text(preview.text, encoding="utf-8")
    else:
        output.write_bytes(preview.mail)


def _email_settings(settings: Settings, name: str | None) -> EmailSettings:
    found = {
        key: model
        for key, model in read_sinks(settings).items()
        if isinstance(model, EmailSettings)
    }
    if name is not None:
        if name not in found:
            known = ", ".join(sorted(found)) or "none"
            raise UsageError(f"--sink {name}: is no sink of the kind email; there are: {known}")
        return found[name]
    if len(found) > 1:
        raise UsageError(f"there are several sinks: name one by --sink: {', '.join(sorted(found))}")
    default = EmailSettings(host="localhost", from_address="Shop <shop@example.com>")
    return next(iter(found.values()), default)


def _notifications(wanted: Wanted) -> Sequence[bytes]:
    if wanted.notifications is None:
        samples = sample_notifications()
        return samples if wanted.digest else samples[:1]
    lines = [line for line in wanted.notifications.read_bytes().splitlines() if line.strip()]
    if not lines:
        raise UsageError(f"--notification {wanted.notifications}: is empty: one record a line")
    return lines


def _as_text(preview: Preview) -> str:
    headers = "".join(f"{name}: {value}\n" for name, value in preview.headers.items())
    return f"{headers}\n{preview.text.rstrip()}\n"
