# SPDX-License-Identifier: Apache-2.0
"""The sink `webhook`: signed requests to an endpoint, by Standard Webhooks.

The body is minified JSON::

    {"type": "stock.back", "timestamp": <triggered_at of the first notification>,
     "data": {"step": "first", "channel": "EMAIL", "notifications": [<records as in Kafka>]}}

`webhook-id` is the message's id at every attempt: a receiver that keeps the ids it has seen handles
each message once, however often it comes.
"""

from collections.abc import Callable, Sequence
from typing import Final, Literal, Self

import msgspec
from pydantic import Field, SecretStr, model_validator

from connectors.sinks.contract import Answer, Message, Resolution
from connectors.sinks.http import HttpClient
from connectors.sinks.http_checks import check_further_header
from connectors.sinks.http_failures import HTTP_FAILURES, TRANSPORT_OUTCOMES, describe
from connectors.sinks.http_settings import HttpSettings
from connectors.sinks.outcomes import Outcome, Outcomes, retry_after
from connectors.sinks.signing import Signing

__all__ = ["WEBHOOK_OUTCOMES", "WebhookSettings", "WebhookSink"]

_RETRY: Final = Outcome(Resolution.RETRY)

WEBHOOK_OUTCOMES: Final = Outcomes(
    {
        range(200, 300): Outcome(Resolution.SENT),
        range(300, 400): Outcome(Resolution.FINAL, "redirected"),
        408: _RETRY,
        410: Outcome(Resolution.DISABLE),
        425: _RETRY,
        429: Outcome(Resolution.RETRY, throttled=True, wait=1.0),
        range(500, 600): _RETRY,
    },
    {
        **TRANSPORT_OUTCOMES,
        msgspec.MsgspecError: Outcome(Resolution.FINAL, "invalid_record"),
    },
    default=Outcome(Resolution.FINAL),
    prefix="http",
)
"""What an endpoint's answer means; a body is of no account."""


class WebhookSettings(HttpSettings):
    """An endpoint that is told by webhooks: a `[sinks.NAME]` table of this kind.

    Attributes:
        kind: Always `"webhook"`.
        url: Where to; https, without a user or a password.
        secrets: What requests are signed with: `whsec_` (HMAC) or `whsk_` (ed25519) and base64;
            two while one is replaced by the other.
        unsigned: Send without a signature; needed where there are no secrets.
        headers: Further headers of each request.
    """

    kind: Literal["webhook"] = "webhook"
    url: str
    secrets: list[SecretStr] = Field(default_factory=list)
    unsigned: bool = False
    headers: dict[str, SecretStr] = Field(default_factory=dict)
    concurrency: int = Field(default=100, ge=1, le=10_000)

    @model_validator(mode="after")
    def _can_work(self) -> Self:
        self.check_place("url", self.url)
        if bool(self.secrets) == self.unsigned:
            raise ValueError("give either secrets, or unsigned = true")
        Signing([secret.get_secret_value() for secret in self.secrets])
        for name, value in self.headers.items():
            check_further_header(name, value.get_secret_value())
        return self


class WebhookSink:
    """Sends each message as one request.

    Args:
        settings: the endpoint.
        clock: seconds since the epoch, for the time of an attempt.
    """

    batch_size = 1

    def __init__(self, settings: WebhookSettings, clock: Callable[[], float]) -> None:
        self._url = settings.url
        self._clock = clock
        self._signing = Signing([secret.get_secret_value() for secret in settings.secrets])
        self.concurrency = settings.concurrency
        self._client = HttpClient(
            settings.http_options(),
            {
                "Content-Type": "application/json",
                **{name: value.get_secret_value() for name, value in settings.headers.items()},
            },
        )

    async def open(self) -> None:
        """Get ready to send.

        Raises:
            SinkError: the file of certificates cannot be read.
        """
        await self._client.open()

    async def send(self, messages: Sequence[Message]) -> list[Answer]:
        """Make a request for each message, one after the other."""
        return [await self._send(message) for message in messages]

    async def close(self) -> None:
        """Let go of all connections."""
        await self._client.close()

    async def _send(self, message: Message) -> Answer:
        now = self._clock()
        try:
            body = _body_of(message)
            response = await self._client.post(
                self._url, body, self._signing.headers(message.id, int(now), body)
            )
        except (*HTTP_FAILURES, msgspec.MsgspecError) as error:
            return WEBHOOK_OUTCOMES.of_exception(error, describe(error))
        status = response.status
        wait = retry_after(response.headers.get("Retry-After"), now)
        return WEBHOOK_OUTCOMES.of_code(status, f"HTTP {status}", wait)


class _Occurred(msgspec.Struct, frozen=True, gc=False):
    triggered_at: str


class _Data(msgspec.Struct, frozen=True, gc=False):
    step: str
    channel: str
    notifications: list[msgspec.Raw]


class _Body(msgspec.Struct, frozen=True, gc=False):
    type: str
    timestamp: str
    data: _Data


_occurred = msgspec.json.Decoder(_Occurred).decode
_encode = msgspec.json.Encoder().encode


def _body_of(message: Message) -> bytes:
    """Write the body of a message's request, the records in it byte by byte.

    Raises:
        msgspec.DecodeError: a record is not JSON, or says not when it was triggered.
    """
    moments = [_occurred(record).triggered_at for record in message.notifications]
    records = [msgspec.Raw(record) for record in message.notifications]
    data = _Data(message.step, message.channel, records)
    return _encode(_Body("stock.back", moments[0], data))
