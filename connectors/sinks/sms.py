# SPDX-License-Identifier: Apache-2.0
"""The sink `sms`: text messages by a provider with an API in the form of Twilio's Messages.

https://www.twilio.com/docs/messaging/api/message-resource#create-a-message-resource

Sending a message there is not idempotent: a request whose answer is lost may have sent it, and the
next attempt sends it again. The message's id goes along in `I-Twilio-Idempotency-Token`, which
Twilio sends with its own requests and does not document for ours; a provider that heeds it sends
once. "sent" means that the provider has accepted the message, not that a telephone has it.
"""

import base64
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Literal, Self
from urllib.parse import quote, urlencode

import msgspec
import phonenumbers
from pydantic import Field, SecretStr, model_validator

from connectors.errors import SinkError
from connectors.sinks.content import read_notification
from connectors.sinks.contract import Answer, Message
from connectors.sinks.http import HttpClient
from connectors.sinks.http_failures import HTTP_FAILURES, describe
from connectors.sinks.http_settings import HttpSettings
from connectors.sinks.sms_answers import SMS_OUTCOMES, read_answer
from connectors.sinks.sms_content import SmsText, e164

__all__ = ["SmsSettings", "SmsSink"]

# What is not known of a product is left out: nobody is to miss their message for it.
_DEFAULT_TEXT: Final = (
    '{{ product.title or "What you asked for" }}'
    "{% if notifications | length > 1 %} and {{ notifications | length - 1 }} more are{% else %} is"
    "{% endif %} back in stock"
    "{% if product.url %}: {{ product.url }}{% endif %}"
)


class SmsSettings(HttpSettings):
    """A provider of text messages: a `[sinks.NAME]` table of this kind.

    Attributes:
        kind: Always `"sms"`.
        account: The account's SID, also the user's name.
        token: The account's secret.
        sender: The number or name that messages come from; or give `messaging_service`.
        messaging_service: SID of the service that chooses the sender.
        base_url: Where the API is.
        region: Country (such as `"SE"`) of numbers without `+` and a country's code; empty: such
            numbers are not usable.
        text: Template of the text (Jinja): product, variant_id, quantity, locale, market,
            notifications.
    """

    kind: Literal["sms"] = "sms"
    account: str = Field(min_length=1)
    token: SecretStr = Field(min_length=1)
    sender: str = ""
    messaging_service: str = ""
    base_url: str = "https://api.twilio.com"
    region: str = ""
    text: str = Field(default=_DEFAULT_TEXT, min_length=1)

    @model_validator(mode="after")
    def _can_work(self) -> Self:
        self.check_place("base_url", self.base_url)
        if bool(self.sender) == bool(self.messaging_service):
            raise ValueError("give either sender or messaging_service")
        if self.region and self.region not in phonenumbers.SUPPORTED_REGIONS:
            raise ValueError('region must be a country\'s two letters, such as "SE", or empty')
        return self


class SmsSink:
    """Sends each message as one text to the person's number.

    Args:
        settings: the provider.
        clock: seconds since the epoch, for what a provider says of times.
    """

    batch_size = 1

    def __init__(self, settings: SmsSettings, clock: Callable[[], float]) -> None:
        self._settings = settings
        self._clock = clock
        self._text: SmsText | None = None
        self._url = (
            f"{settings.base_url.rstrip('/')}/2010-04-01/Accounts/"
            f"{quote(settings.account, safe='')}/Messages.json"
        )
        self.concurrency = settings.concurrency
        credentials = f"{settings.account}:{settings.token.get_secret_value()}"
        self._client = HttpClient(
            settings.http_options(),
            {
                "Authorization": f"Basic {base64.b64encode(credentials.encode()).decode()}",
                "Content-Type": "application/x-www-form-urlencoded",
            },
        )

    async def open(self) -> None:
        """Get ready to send.

        Raises:
            SinkError: the template cannot be used, or the file of certificates cannot be read.
        """
        self._text = SmsText(self._settings.text)
        await self._client.open()

    async def send(self, messages: Sequence[Message]) -> list[Answer]:
        """Make a request for each message, one after the other."""
        return [await self._send(message) for message in messages]

    async def close(self) -> None:
        """Let go of all connections."""
        await self._client.close()

    async def _send(self, message: Message) -> Answer:
        try:
            response = await self._client.post(
                self._url,
                urlencode(self._form(message)).encode(),
                {"I-Twilio-Idempotency-Token": message.id},
            )
        except (*HTTP_FAILURES, msgspec.MsgspecError) as error:
            return SMS_OUTCOMES.of_exception(error, describe(error))
        return read_answer(response, self._clock())

    def _form(self, message: Message) -> Mapping[str, str]:
        if self._text is None:
            raise SinkError("the sink is not open: call open() before send()")
        settings = self._settings
        notifications = [read_notification(record) for record in message.notifications]
        sender = (
            {"From": settings.sender}
            if settings.sender
            else {"MessagingServiceSid": settings.messaging_service}
        )
        return {
            "To": e164(notifications[0].profile.phone_number, settings.region),
            **sender,
            "Body": self._text.render(notifications),
        }
