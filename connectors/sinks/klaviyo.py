# SPDX-License-Identifier: Apache-2.0
"""The sink `klaviyo`: messages become events, a thousand a request, on which its flows start.

Requests are paced (`connectors.sinks.pacing`), and their form is in
`connectors.sinks.klaviyo_events`. One event that Klaviyo refuses costs no other its way: the rest
of its request is tried again at once without it. Where Klaviyo does not name the culprit, the
request is halved until it stands alone.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

import msgspec

from connectors.errors import SinkError
from connectors.sinks.addresses import AddressRefused
from connectors.sinks.contract import Answer, Message, Resolution
from connectors.sinks.http import HttpClient, HttpResponse
from connectors.sinks.http_failures import HTTP_FAILURES, TRANSPORT_OUTCOMES, describe
from connectors.sinks.klaviyo_events import (
    MAX_EVENTS,
    Entry,
    EventTooLarge,
    halves,
    make_entry,
    pack,
    request_body,
)
from connectors.sinks.klaviyo_refusals import read_refusals
from connectors.sinks.klaviyo_settings import KlaviyoSettings
from connectors.sinks.outcomes import Outcome, Outcomes, retry_after
from connectors.sinks.pacing import FixedWindows, Turn

__all__ = ["KLAVIYO_OUTCOMES", "KlaviyoSettings", "KlaviyoSink"]

_RETRY: Final = Outcome(Resolution.RETRY)
_AUTHENTICATION: Final = Outcome(Resolution.RETRY, "authentication")
_BAD_REQUEST: Final = 400
_CONTENT_TOO_LARGE: Final = 413
_TOO_MANY_REQUESTS: Final = 429

KLAVIYO_OUTCOMES: Final = Outcomes(
    {
        202: Outcome(Resolution.SENT),
        # Whatever it is that answers so, it is not this endpoint of Klaviyo.
        range(200, 300): Outcome(Resolution.RETRY, "unexpected_answer"),
        range(300, 400): Outcome(Resolution.RETRY, "redirected"),
        # A wrong key is put right, and nobody is to miss their message for it.
        401: _AUTHENTICATION,
        403: _AUTHENTICATION,
        408: _RETRY,
        _CONTENT_TOO_LARGE: Outcome(Resolution.FINAL, "too_large"),
        425: _RETRY,
        # Without a wish the next window of a minute is waited for.
        _TOO_MANY_REQUESTS: Outcome(Resolution.RETRY, throttled=True, wait=60.0),
        range(500, 600): _RETRY,
    },
    {
        **TRANSPORT_OUTCOMES,
        # It is a setting that names the receiver, and not the message's fault.
        AddressRefused: Outcome(Resolution.RETRY, "address_refused"),
        EventTooLarge: Outcome(Resolution.FINAL, "too_large"),
        msgspec.MsgspecError: Outcome(Resolution.FINAL, "invalid_record"),
    },
    default=Outcome(Resolution.FINAL),
    prefix="http",
)
"""What an answer to a whole request means; 400 may name single events instead."""

_UNDECIDED: Final = Answer(
    Resolution.RETRY, "undecided", "Klaviyo refuses too many requests without naming an event"
)
_PATH: Final = "/api/event-bulk-create-jobs"
_JSON_API: Final = "application/vnd.api+json"
_MORE_REQUESTS: Final = 30
"""So many more than it takes a call of `send` makes at most to find who is to blame; a single
culprit among a thousand takes twenty."""
_ANSWER_BYTES: Final = 1_000_000
"""Room for an error of each event."""


class Client(Protocol):
    """What the sink needs of `HttpClient`."""

    async def open(self) -> None:
        """Get ready."""

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> HttpResponse:
        """Make a request; raises one of `HTTP_FAILURES`."""

    async def close(self) -> None:
        """Let go of all connections."""


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What became of a request.

    Attributes:
        answers: by message id, of those that are decided.
        again: requests to be made at once with the others.
        rest: the answer of all that are not decided, also of requests not made yet.
    """

    answers: Mapping[str, Answer] = field(default_factory=dict)
    again: Sequence[Sequence[Entry]] = ()
    rest: Answer | None = None


class KlaviyoSink:
    """Sends messages as events.

    Args:
        settings: the account.
        clock: seconds since the epoch.
        client: makes the requests; None: one of its own.
    """

    batch_size = MAX_EVENTS

    def __init__(
        self, settings: KlaviyoSettings, clock: Callable[[], float], client: Client | None = None
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._url = settings.base_url.rstrip("/") + _PATH
        self._client = client or _new_client(settings)
        self._pacing: FixedWindows | None = None
        self.concurrency = settings.concurrency

    async def open(self) -> None:
        """Get ready to send.

        Raises:
            SinkError: the file of certificates cannot be read, or the key cannot be sent.
        """
        await self._client.open()
        self._pacing = FixedWindows(
            self._settings.burst,
            self._settings.steady,
            clock=asyncio.get_running_loop().time,
            sleep=asyncio.sleep,
        )

    async def send(self, messages: Sequence[Message]) -> list[Answer]:
        """Send messages in as few requests as Klaviyo's limits permit.

        Raises:
            SinkError: the sink is not open.
        """
        if self._pacing is None:
            raise SinkError("the sink is not open: call open() before send()")
        answers: dict[str, Answer] = {}
        work: deque[Sequence[Entry]] = deque(pack(self._entries(messages, answers)))
        left, rest = len(work) + _MORE_REQUESTS, _UNDECIDED
        while work and left:
            left -= 1
            verdict = await self._request(self._pacing, work[0])
            answers.update(verdict.answers)
            if verdict.rest is not None:
                rest = verdict.rest
                break
            work.popleft()
            work.extendleft(reversed(verdict.again))
        answers.update((entry.id, rest) for request in work for entry in request)
        return [answers[message.id] for message in messages]

    async def close(self) -> None:
        """Let go of all connections."""
        self._pacing = None
        await self._client.close()

    def _entries(self, messages: Sequence[Message], answers: dict[str, Answer]) -> list[Entry]:
        # By their ids, because Klaviyo refuses a request in which one is repeated.
        entries: dict[str, Entry] = {}
        for message in messages:
            metric = self._settings.metrics.get(message.step, self._settings.metric)
            try:
                entries[message.id] = make_entry(message, metric)
            except EventTooLarge as error:
                answers[message.id] = KLAVIYO_OUTCOMES.of_exception(error, str(error))
            except msgspec.MsgspecError as error:
                answers[message.id] = KLAVIYO_OUTCOMES.of_exception(error, describe(error))
        return list(entries.values())

    async def _request(self, pacing: FixedWindows, request: Sequence[Entry]) -> _Verdict:
        async with AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(self._settings.patience.total_seconds()):
                    turn = await stack.enter_async_context(pacing.turn())
            except TimeoutError:
                return _Verdict(rest=_no_turn(pacing.pause))
            try:
                response = await self._client.post(self._url, request_body(request), {})
            except HTTP_FAILURES as error:
                return _Verdict(rest=KLAVIYO_OUTCOMES.of_exception(error, describe(error)))
            wait = retry_after(response.headers.get("Retry-After"), self._clock())
            answer = KLAVIYO_OUTCOMES.of_code(response.status, f"HTTP {response.status}", wait)
            _tell(turn, response, answer)
        return _judge(request, response, answer)


def _new_client(settings: KlaviyoSettings) -> HttpClient:
    return HttpClient(
        replace(settings.http_options(), body_limit=_ANSWER_BYTES),
        {
            "Accept": _JSON_API,
            "Authorization": f"Klaviyo-API-Key {settings.private_key.get_secret_value()}",
            "Content-Type": _JSON_API,
            "revision": settings.revision,
        },
    )


def _tell(turn: Turn, response: HttpResponse, answer: Answer) -> None:
    if answer.throttled:
        turn.throttled(answer.wait or 0.0)
    else:
        turn.answered(response.headers)


def _no_turn(pause: float) -> Answer:
    detail = "too many requests are waiting for Klaviyo's limits"
    return Answer(Resolution.RETRY, "rate_limited", detail, pause, throttled=True)


def _judge(request: Sequence[Entry], response: HttpResponse, answer: Answer) -> _Verdict:
    if response.status == _BAD_REQUEST and (refusals := read_refusals(response.body, len(request))):
        good = [entry for place, entry in enumerate(request) if place not in refusals]
        return _Verdict(
            {request[place].id: refusal.answer() for place, refusal in refusals.items()},
            [good] if good else [],
        )
    if answer.resolution is Resolution.RETRY:
        return _Verdict(rest=answer)
    if len(request) > 1 and response.status in {_BAD_REQUEST, _CONTENT_TOO_LARGE}:
        return _Verdict(again=halves(request))
    return _Verdict({entry.id: answer for entry in request})
