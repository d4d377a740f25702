# SPDX-License-Identifier: Apache-2.0
"""What a mail would look like, without sending it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from connectors.errors import SinkError
from connectors.sinks.content import read_notification
from connectors.sinks.contract import Message
from connectors.sinks.email_letters import Letters, UnknownTemplate
from connectors.sinks.email_message import Unusable
from connectors.sinks.email_settings import EmailSettings

__all__ = ["Preview", "render_preview"]


@dataclass(frozen=True, slots=True)
class Preview:
    """A mail, taken apart.

    Attributes:
        subject: one line.
        text: the plain text.
        html: the page.
        headers: by name, in their order, as they are before they are encoded.
        mail: all of it as it would be handed in, such as for a file `.eml`.
    """

    subject: str
    text: str
    html: str
    headers: Mapping[str, str]
    mail: bytes


def render_preview(
    settings: EmailSettings,
    template: str,
    locale: str | None,
    notifications: Sequence[bytes],
    *,
    now: datetime,
) -> Preview:
    """Render a mail.

    Args:
        settings: of the sink; nothing is connected.
        template: its name, such as "back_in_stock".
        locale: such as "sv-SE"; None: that of the notifications.
        notifications: values of notification records of one person, at least one, such as
            `connectors.sinks.email_samples.sample_notifications`.
        now: the mail's date, aware.

    Raises:
        SinkError: a template or a notification cannot be used.
    """
    letters = Letters(settings)
    try:
        message = Message(
            id=read_notification(notifications[0]).id,
            channel="EMAIL",
            step="preview",
            template=template,
            notifications=tuple(notifications),
        )
        letter = letters.write(message, now, locale)
    except msgspec.DecodeError as error:
        raise SinkError(f"this is no notification record: {error}; give one a line") from None
    except Unusable as error:
        raise SinkError(f"no mail can go to this person: {error.reason}") from None
    except UnknownTemplate:
        known = ", ".join(sorted(letters.template_names))
        raise SinkError(f"there is no template {template!r}: use one of {known}") from None
    content = letter.content
    mail = letters.mail(letter).content
    return Preview(content.subject, content.text, content.html, letter.headers, mail)
