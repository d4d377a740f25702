# SPDX-License-Identifier: Apache-2.0
"""Klaviyo's Bulk Create Events in memory, with its fixed windows, and a loop whose time is told."""

import asyncio
import json
import math
import selectors
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping, Sequence
from http import HTTPStatus
from typing import Any, TypeVar

import msgspec
from multidict import CIMultiDict
from typing_extensions import override

from connectors.sinks.contract import Answer, Message
from connectors.sinks.http import HttpResponse
from connectors.sinks.klaviyo import KlaviyoSink
from connectors.sinks.klaviyo_settings import KlaviyoSettings

__all__ = [
    "FakeKlaviyo",
    "Limits",
    "error_at",
    "message",
    "notification",
    "run_simulated",
    "send",
    "settings_of",
]

Result = TypeVar("Result")


class _Waiting(selectors.SelectSelector):
    """Waits for nothing: time passes at once instead."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    @override
    def select(self, timeout: float | None = None) -> Any:
        self.now += timeout or 0.0
        return super().select(0)


class _SimulatedLoop(asyncio.SelectorEventLoop):
    def __init__(self, selector: _Waiting) -> None:
        super().__init__(selector)
        self._waiting = selector

    @override
    def time(self) -> float:
        return self._waiting.now


def run_simulated(main: Coroutine[Any, Any, Result]) -> Result:
    """Runs a coroutine in a loop whose clock starts at 0 and jumps instead of waiting."""
    with asyncio.Runner(loop_factory=lambda: _SimulatedLoop(_Waiting())) as runner:
        return runner.run(main)


class Limits:
    """Requests in fixed windows of a second and of a minute.

    Args:
        burst: requests in a second.
        steady: requests in a minute.
        phase: seconds by which the windows begin later than the clock's whole minutes.
        rounding: makes a whole number of the seconds until the reset.
        steady_from: from the window of this number on, another number of requests in a minute.
    """

    def __init__(
        self,
        burst: int = 10,
        steady: int = 150,
        phase: float = 0.0,
        rounding: Callable[[float], int] = math.ceil,
        steady_from: Mapping[int, int] | None = None,
    ) -> None:
        self._burst = burst
        self._steady = {-1: steady, **(steady_from or {})}
        self._phase = phase
        self._rounding = rounding
        self._used: Counter[tuple[int, int]] = Counter()

    def admit(self, now: float) -> tuple[bool, dict[str, str]]:
        """Counts a request; says whether it is served, and the headers of its answer."""
        since = now - self._phase
        minute, second = (60, int(since // 60)), (1, int(since // 1))
        limit = [steady for first, steady in self._steady.items() if minute[1] >= first][-1]
        reset = 60 - since % 60
        if self._used[minute] >= limit:
            return False, {"Retry-After": str(self._rounding(reset))}
        if self._used[second] >= self._burst:
            return False, {"Retry-After": "1"}
        self._used.update([minute, second])
        return True, {
            "RateLimit-Limit": f"{self._burst};w=1, {limit};w=60",
            "RateLimit-Remaining": str(limit - self._used[minute]),
            "RateLimit-Reset": str(self._rounding(reset)),
        }


class FakeKlaviyo:
    """Takes the place of the HTTP client of the sink, and keeps the events it accepts.

    Args:
        limits: its account's; None: there are none, and no headers of them.
        latency: seconds until the request with a number arrives, and again until its answer does.

    Attributes:
        events: profile, metric and unique id of each, with its properties.
        sizes: events of each request that was accepted.
        bodies: of all requests.
        throttled: when requests were refused for the limits.
        answers: given instead of accepting, the first to the next request; a callable is given
            the items and returns status and body, or None to accept; an exception is raised.
    """

    def __init__(
        self, limits: Limits | None = None, latency: Callable[[int], float] = lambda _: 0.0
    ) -> None:
        self._limits = limits
        self._latency = latency
        self._requests = 0
        self.events: dict[tuple[str, str, str], dict[str, Any]] = {}
        self.sizes: list[int] = []
        self.bodies: list[bytes] = []
        self.throttled: list[float] = []
        self.answers: list[Any] = []
        self.opened = False

    async def open(self) -> None:
        """Gets ready."""
        self.opened = True

    async def close(self) -> None:
        """Lets go."""
        self.opened = False

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> HttpResponse:
        """Answers as Klaviyo does."""
        del headers
        assert url.endswith("/api/event-bulk-create-jobs")
        latency = self._latency(self._requests)
        self._requests += 1
        self.bodies.append(body)
        await asyncio.sleep(latency)
        response = self._answer(body)
        await asyncio.sleep(latency)
        return response

    def _answer(self, body: bytes) -> HttpResponse:
        now = asyncio.get_running_loop().time()
        admitted, fields = self._limits.admit(now) if self._limits else (True, {})
        if not admitted:
            self.throttled.append(now)
            return HttpResponse(HTTPStatus.TOO_MANY_REQUESTS, CIMultiDict(fields), b"")
        status, content = self._handle(body)
        return HttpResponse(status, CIMultiDict(fields), content)

    def _handle(self, body: bytes) -> tuple[int, bytes]:
        items = self.items_of(body)
        given = self.answers.pop(0) if self.answers else None
        if isinstance(given, BaseException):
            raise given
        if callable(given):
            given = given(items)
        if given is not None:
            status, content = given
            return status, content
        return self.accept(items), b""

    @staticmethod
    def items_of(body: bytes) -> list[dict[str, Any]]:
        """Reads a request, which must have the form of Klaviyo's specification."""
        data = msgspec.json.decode(body)["data"]
        assert "event-bulk-create-job" == data["type"]
        items: list[dict[str, Any]] = data["attributes"]["events-bulk-create"]["data"]
        assert all("event-bulk-create" == item["type"] for item in items)
        return items

    def accept(self, items: list[dict[str, Any]]) -> int:
        """Keeps the events of a request."""
        count = 0
        for item in items:
            profile = item["attributes"]["profile"]["data"]
            assert "profile" == profile["type"]
            person = profile.get("id") or json.dumps(profile["attributes"])
            for event in item["attributes"]["events"]["data"]:
                attributes = event["attributes"]
                metric = attributes["metric"]["data"]["attributes"]["name"]
                self.events[person, metric, attributes["unique_id"]] = attributes["properties"]
                count += 1
        self.sizes.append(count)
        return HTTPStatus.ACCEPTED


def error_at(place: int, code: str = "invalid", field: str = "/attributes/profile") -> bytes:
    """The body of a refusal that names one item of a request."""
    pointer = f"/data/attributes/events-bulk-create/data/{place}{field}"
    error = {"id": "1", "code": code, "title": "Invalid input.", "detail": "ann@shop.example"}
    return json.dumps({"errors": [{**error, "source": {"pointer": pointer}}]}).encode()


def notification(number: int = 0, **fields: Any) -> bytes:  # noqa: ANN401 - values of JSON
    """The value of a notification record; a field that is None is left out."""
    record = {
        "id": f"{number:032x}",
        "variant_id": "$custom:::$default:::SKU-MED",
        "profile": {"id": f"P{number}", "email": "ann@shop.example"},
        "product": {"title": "Coat", "price": "49.90", "currency": "EUR"},
        "quantity": 20,
        "subscribed_at": "2026-11-20T10:00:00.000Z",
        "triggered_at": "2026-11-21T10:00:00.000Z",
        **fields,
    }
    return msgspec.json.encode({key: value for key, value in record.items() if value is not None})


def message(number: int = 0, *notifications: bytes, step: str = "first") -> Message:
    """A message of its notifications; without any, of one about a coat."""
    told = notifications or (notification(number),)
    return Message(f"{number:032x}", "EMAIL", step, "back_in_stock", told)


def settings_of(**fields: Any) -> KlaviyoSettings:  # noqa: ANN401 - settings differ
    """Settings with a key."""
    return KlaviyoSettings.model_validate({"private_key": "pk_secret", **fields})


def send(
    klaviyo: FakeKlaviyo,
    messages: Sequence[Message],
    **fields: Any,  # noqa: ANN401 - settings differ
) -> list[Answer]:
    """Sends one batch in simulated time."""

    async def main() -> list[Answer]:
        sink = KlaviyoSink(settings_of(**fields), lambda: 0.0, klaviyo)
        await sink.open()
        answers = await sink.send(messages)
        await sink.close()
        return answers

    return run_simulated(main())
