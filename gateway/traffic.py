# SPDX-License-Identifier: Apache-2.0
"""Counts requests and measures them, by route and status: never by who asks or what for."""

import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["BOUNDS", "Traffic", "TrafficMiddleware"]

BOUNDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)
"""Upper bounds of the histogram, in seconds."""

_NO_ROUTE: Final = "none"


class Traffic:
    """What has been asked.

    Attributes:
        requests: by route and status.
        seconds: for each route the requests below each of `BOUNDS`, and above the last.
        total_seconds: by route.
    """

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, int]] = Counter()
        self.seconds: dict[str, list[int]] = {}
        self.total_seconds: dict[str, float] = {}

    def note(self, route: str, status: int, seconds: float) -> None:
        """Count a request that was answered."""
        self.requests[route, status] += 1
        counts = self.seconds.setdefault(route, [0] * (len(BOUNDS) + 1))
        counts[bisect_left(BOUNDS, seconds)] += 1
        self.total_seconds[route] = self.total_seconds.get(route, 0.0) + seconds


class TrafficMiddleware:
    """Tells `Traffic` of every request.

    Args:
        app: answers them.
        traffic: is told.
        clock: seconds, of a clock that never goes back.
    """

    def __init__(
        self, app: ASGIApp, traffic: Traffic, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._app = app
        self._traffic = traffic
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and note what became of it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = self._clock()
        status = 500

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noting)
        finally:
            # What is asked for where there is nothing is one label, whatever it is.
            route = getattr(scope.get("route"), "path", _NO_ROUTE)
            self._traffic.note(route, status, self._clock() - began)
