# SPDX-License-Identifier: Apache-2.0
"""From a message to the mail that is handed in: read, address, render, write."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from connectors.sinks.content import Notified, read_notification
from connectors.sinks.contract import Message
from connectors.sinks.email_connections import Mail
from connectors.sinks.email_message import Headers, mail_bytes, recipient_of
from connectors.sinks.email_presenting import present
from connectors.sinks.email_samples import sample_notifications
from connectors.sinks.email_settings import EmailSettings
from connectors.sinks.email_templates import EmailTemplates, Rendered, Values, load_templates
from connectors.unsubscribe import UnsubscribeTokens

__all__ = ["Letter", "Letters", "UnknownTemplate"]

_SAMPLES: Final = ((0, 1), (1, 2), (0, 2))
"""Slices of the samples: all fields known, hardly any, and both in a digest."""


class UnknownTemplate(Exception):  # noqa: N818 - it says what is the matter
    """The journey names a template that there is none of."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail before it is bytes.

    Attributes:
        headers: by name, in their order.
        content: of the body.
        recipient: the envelope's.
        international: see `connectors.sinks.email_connections.Mail`.
    """

    headers: dict[str, str]
    content: Rendered
    recipient: str
    international: bool


class Letters:
    """Writes the letters of a shop.

    Args:
        settings: of the sink.

    Raises:
        SinkError: a template cannot be used.
    """

    def __init__(self, settings: EmailSettings) -> None:
        self._settings = settings
        self._headers = Headers(settings)
        self._shop_name = settings.shown_shop_name
        secret = settings.unsubscribe_secret
        self._tokens = UnsubscribeTokens(secret.get_secret_value()) if secret else None
        self._templates: EmailTemplates = load_templates(settings.templates)
        self._check()

    @property
    def template_names(self) -> frozenset[str]:
        """Templates that a step of a journey may name."""
        return self._templates.names

    def write(self, message: Message, now: datetime, locale: str | None = None) -> Letter:
        """Write the letter for a message.

        Args:
            message: what is told to whom.
            now: aware.
            locale: taken instead of that of the sign-ups.

        Raises:
            msgspec.DecodeError: a notification is none.
            SinkError: a template fails with these values.
            UnknownTemplate: there is none of that name.
            Unusable: the person has no address that mail can be sent to.
        """
        if message.template not in self._templates.names:
            raise UnknownTemplate
        notifications = [read_notification(value) for value in message.notifications]
        recipient = recipient_of(notifications[0].profile)
        link = self._link(notifications)
        values = self._values(notifications, message.step, link, locale)
        content = self._templates.render(message.template, values)
        headers = self._headers.of(message.id, recipient, content.subject, link, now)
        return Letter(headers, content, recipient.address, recipient.international)

    def mail(self, letter: Letter) -> Mail:
        """Make the bytes of a letter."""
        content = mail_bytes(letter.headers, letter.content)
        return Mail(self._headers.sender, letter.recipient, content, letter.international)

    def _check(self) -> None:
        """Render everything once, so that what is wrong with a template shows at the start."""
        samples = [read_notification(value) for value in sample_notifications()]
        self._templates.check(
            self._values(samples[slice(*which)], "first", link, None)
            for which in _SAMPLES
            for link in ("", "https://example.com/u/token")
        )

    def _link(self, notifications: Sequence[Notified]) -> str:
        prefix = self._settings.unsubscribe_url
        if prefix is None or self._tokens is None:
            return ""
        variants = list(dict.fromkeys(notified.variant_id for notified in notifications))
        return prefix + self._tokens.seal(variants, notifications[0].profile)

    def _values(
        self, notifications: Sequence[Notified], step: str, link: str, locale: str | None
    ) -> Values:
        items = present(notifications, self._settings.small_quantity)
        # The last that they signed up in.
        given = next((known.locale for known in reversed(notifications) if known.locale), "")
        return Values(
            event=items[0],
            items=items,
            count=len(items),
            shop_name=self._shop_name,
            step=step,
            locale=given if locale is None else locale,
            unsubscribe_url=link,
        )
