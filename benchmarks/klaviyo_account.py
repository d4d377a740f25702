# SPDX-License-Identifier: Apache-2.0
"""An account at Klaviyo in memory, with its fixed windows, and time that passes at once."""

import asyncio
import math
import selectors
from collections import Counter
from collections.abc import Coroutine, Mapping
from http import HTTPStatus
from typing import Any, Final, TypeVar

import msgspec
from multidict import CIMultiDict
from typing_extensions import override

from connectors.sinks.http import HttpResponse

__all__ = ["Account", "in_simulated_time"]

_WINDOW: Final = 60
_REFUSED: Final = HTTPStatus.TOO_MANY_REQUESTS

_Result = TypeVar("_Result")


class _Jumping(selectors.DefaultSelector):
    """Waits for nothing: the time that would pass has passed."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    @override
    def select(self, timeout: float | None = None) -> Any:
        self.now += max(0.0, timeout or 0.0)
        return super().select(0)


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    @override
    def time(self) -> float:
        return self._jumping.now


def in_simulated_time(work: Coroutine[Any, Any, _Result]) -> _Result:
    """Run something that only waits for timers, in a loop whose clock begins at 0."""
    with asyncio.Runner(loop_factory=_Loop) as runner:
        return runner.run(work)


class _Attributes(msgspec.Struct, gc=False):
    unique_id: str


class _Event(msgspec.Struct, gc=False):
    attributes: _Attributes


class _Events(msgspec.Struct, gc=False):
    data: list[_Event]


class _Told(msgspec.Struct, gc=False):
    events: _Events


class _Item(msgspec.Struct, gc=False):
    attributes: _Told


class _Items(msgspec.Struct, gc=False):
    data: list[_Item]


class _Bulk(msgspec.Struct, gc=False, rename={"events": "events-bulk-create"}):
    events: _Items


class _Job(msgspec.Struct, gc=False):
    attributes: _Bulk


class _Body(msgspec.Struct, gc=False):
    data: _Job


_read = msgspec.json.Decoder(_Body).decode


class Account:
    """Takes the place of the sink's HTTP client.

    Args:
        steady: requests in each window of a minute.
        burst: requests in each window of a second.
        phase: how many seconds after the clock's whole minutes its windows begin.
        latency: seconds from a request to its answer.

    Attributes:
        ids: of the events that were taken.
        repeats: events whose id was taken before.
        taken_at: when each request was taken.
        refused_at: when requests were refused for the limits.
    """

    def __init__(self, steady: int, burst: int, phase: float, latency: float) -> None:
        self._steady = steady
        self._burst = burst
        self._phase = phase
        self._latency = latency
        self._used: Counter[tuple[int, int]] = Counter()
        self.ids: set[str] = set()
        self.repeats = 0
        self.taken_at: list[float] = []
        self.refused_at: list[float] = []

    def window(self, moment: float) -> int:
        """Give the number of the window of a minute that a moment lies in; the first is 0 or -1."""
        return int((moment - self._phase) // _WINDOW)

    async def open(self) -> None:
        """There is nothing to connect."""

    async def close(self) -> None:
        """There is nothing to let go of."""

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> HttpResponse:
        """Answer as Klaviyo does."""
        del url, headers
        await asyncio.sleep(self._latency / 2)
        answer = self._answer(body, asyncio.get_running_loop().time())
        await asyncio.sleep(self._latency / 2)
        return answer

    def _answer(self, body: bytes, now: float) -> HttpResponse:
        minute, second = (_WINDOW, self.window(now)), (1, int((now - self._phase) // 1))
        reset = math.ceil(_WINDOW - (now - self._phase) % _WINDOW)
        full = self._used[minute] >= self._steady
        if full or self._used[second] >= self._burst:
            self.refused_at.append(now)
            wait = {"Retry-After": str(reset if full else 1)}
            return HttpResponse(_REFUSED, CIMultiDict(wait), b"")
        self._used.update([minute, second])
        self.taken_at.append(now)
        self._take(body)
        limits = {
            "RateLimit-Limit": f"{self._burst};w=1, {self._steady};w={_WINDOW}",
            "RateLimit-Remaining": str(self._steady - self._used[minute]),
            "RateLimit-Reset": str(reset),
        }
        return HttpResponse(HTTPStatus.ACCEPTED, CIMultiDict(limits), b"")

    def _take(self, body: bytes) -> None:
        items = _read(body).data.attributes.events.data
        ids = [
            event.attributes.unique_id for item in items for event in item.attributes.events.data
        ]
        before = len(self.ids)
        self.ids.update(ids)
        self.repeats += len(ids) - (len(self.ids) - before)
