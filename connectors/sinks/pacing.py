# SPDX-License-Identifier: Apache-2.0
"""Requests paced by limits with fixed windows, as Klaviyo's API has them.

An account may send so many requests in each window of a second (burst), and in each of a minute
(steady). The windows are the server's: when they begin is learnt from its answers. All but those
with status 429 say in `RateLimit-Limit`, `RateLimit-Remaining` and `RateLimit-Reset` how the
window of a minute stands; a 429 has `Retry-After`
(https://developers.klaviyo.com/en/docs/rate_limits_and_error_handling).

* As long as nothing is known of the window at hand, requests are spread evenly over a minute,
  which is within the limit however the windows lie.
* Once it is known, what it still holds is spread over four fifths of its time, though never faster
  than half the burst limit: requests may arrive late, and several seconds' worth of them at once.
  Then its end is waited for.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Final

__all__ = ["FixedWindows", "Turn"]

_ROUNDING_SECONDS: Final = 1.0
"""A whole number of seconds may have been rounded either way."""
_SPARE: Final = 1.02
"""Evenly spread requests keep this factor of distance, for those that are late on their way."""
_HASTE: Final = 0.8
"""What part of a window's time its requests are spread over."""
_CLOCK_GRAIN_SECONDS: Final = 1e-6
_POLICY: Final = re.compile(r"\s*([0-9]{1,9})\s*;\s*w\s*=\s*([0-9]{1,9})\s*", re.ASCII)
_NUMBER: Final = re.compile(r"\s*([0-9]{1,9})\s*", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Window:
    """One window of the server.

    Attributes:
        limit: requests it takes.
        left: the lowest number left that the server has told.
        earliest: when it ends at the earliest, by our clock.
        latest: when it ends at the latest.
    """

    limit: int
    left: int
    earliest: float
    latest: float

    def with_news(self, news: "_Window") -> "_Window":
        """What is known after another answer, which may have been overtaken on its way."""
        if news.earliest > self.latest:
            return news
        if news.latest < self.earliest:
            return self
        return _Window(
            news.limit,
            min(self.left, news.left),
            max(self.earliest, news.earliest),
            min(self.latest, news.latest),
        )


class Turn:
    """One request: whoever has it may send now, and says what the answer tells of the limits."""

    def __init__(self, sent_at: float) -> None:
        self.sent_at = sent_at
        self.headers: Mapping[str, str] | None = None
        self.pause: float | None = None

    def answered(self, headers: Mapping[str, str]) -> None:
        """Take note of an answer.

        Args:
            headers: its headers; their names are found in any case.
        """
        self.headers = headers

    def throttled(self, seconds: float) -> None:
        """Take note that the server refused the request for its limits (status 429).

        Args:
            seconds: how long it asks to wait.
        """
        self.pause = seconds


class FixedWindows:
    """Lets requests go, first come first served, as fast as the server's limits permit.

    What the server says wins over the limits given.

    Args:
        burst: requests in a second.
        steady: requests in a period.
        clock: seconds that only grow.
        sleep: waits for seconds; may be cancelled.
        period: seconds of the longer window.
    """

    def __init__(
        self,
        burst: int,
        steady: int,
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        period: float = 60.0,
    ) -> None:
        self._burst = burst
        self._limit = steady
        self._period = period
        self._clock = clock
        self._sleep = sleep
        # Hands itself on in the order in which it was asked for.
        self._order = asyncio.Lock()
        self._window: _Window | None = None
        self._in_flight = 0
        self._last_sent = float("-inf")
        self._held_until = float("-inf")

    @property
    def pause(self) -> float:
        """Seconds until the next request may go, as far as that is known; never negative."""
        return max(0.0, self._wait(self._clock()))

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[Turn]:
        """Wait until a request may be sent, and count it as on its way until the end of the block.

        Whoever is cancelled while waiting has used up nothing.
        """
        async with self._order:
            while (wait := self._wait(self._clock())) > _CLOCK_GRAIN_SECONDS:
                await self._sleep(wait)
            turn = Turn(self._clock())
            self._last_sent = turn.sent_at
            self._in_flight += 1
        try:
            yield turn
        finally:
            self._in_flight -= 1
            self._learn(turn)

    def _wait(self, now: float) -> float:
        wait = max(self._held_until, self._last_sent + self._spacing(now)) - now
        window = self._window
        if window is None or now >= window.latest:
            return wait
        if window.left <= 0:
            return max(wait, window.latest - now)
        # What is on its way may be counted in what is left, or not: its answers will say.
        return max(wait, self._spacing(now)) if window.left <= self._in_flight else wait

    def _spacing(self, now: float) -> float:
        closest = _SPARE / self._burst
        even = max(closest, self._period / self._limit * _SPARE)
        window = self._window
        if window is None or now >= window.latest:
            return even
        evenly_left = _HASTE * (window.earliest - now) / max(1, window.left)
        return min(max(2 * closest, evenly_left), even)

    def _learn(self, turn: Turn) -> None:
        now = self._clock()
        if turn.pause is not None:
            self._held_until = max(self._held_until, now + turn.pause + _ROUNDING_SECONDS)
            self._window = None
            return
        news = None if turn.headers is None else self._read(turn.headers, turn.sent_at, now)
        if news is not None:
            self._window = news if self._window is None else self._window.with_news(news)
            self._limit = self._window.limit
        elif self._window is not None:
            # The server may have counted it, and we do not know when.
            self._window = replace(self._window, left=self._window.left - 1)

    def _read(self, headers: Mapping[str, str], sent_at: float, now: float) -> _Window | None:
        limit = self._read_limit(headers.get("RateLimit-Limit", ""))
        left = _number(headers.get("RateLimit-Remaining", ""))
        reset = _number(headers.get("RateLimit-Reset", ""))
        if not limit or left is None or reset is None:
            return None
        if reset > self._period + _ROUNDING_SECONDS:
            return None  # of another window than ours
        return _Window(
            limit, left, sent_at + reset - _ROUNDING_SECONDS, now + reset + _ROUNDING_SECONDS
        )

    def _read_limit(self, text: str) -> int | None:
        policies = [match for part in text.split(",") if (match := _POLICY.fullmatch(part))]
        ours = [int(match[1]) for match in policies if int(match[2]) == self._period]
        return ours[0] if ours else _number(re.split("[,;]", text, maxsplit=1)[0])


def _number(text: str) -> int | None:
    match = _NUMBER.fullmatch(text)
    return int(match[1]) if match else None
