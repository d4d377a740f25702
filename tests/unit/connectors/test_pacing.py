# SPDX-License-Identifier: Apache-2.0
"""Requests are as many as the server's windows permit, and no more, in a simulated clock."""

import asyncio
import itertools
import math
from collections.abc import Callable

import pytest
from multidict import CIMultiDict

from connectors.sinks.pacing import FixedWindows
from tests.support.fake_klaviyo import Limits, run_simulated

REQUESTS = 1_000
"""A million notifications, a thousand a request."""


class Server:
    """Counts what comes, with the answers of `Limits`, or without any headers."""

    def __init__(self, limits: Limits, *, silent: bool = False) -> None:
        self._limits = limits
        self._silent = silent
        self.served: list[float] = []
        self.refused: list[float] = []

    async def request(self, pacing: FixedWindows, latency: float) -> None:
        """One request, again until it is served."""
        while True:
            async with pacing.turn() as turn:
                await asyncio.sleep(latency)
                now = asyncio.get_running_loop().time()
                admitted, fields = self._limits.admit(now)
                await asyncio.sleep(latency)
                if admitted:
                    turn.answered(CIMultiDict({} if self._silent else fields))
                    self.served.append(now)
                    return
                self.refused.append(now)
                turn.throttled(float(fields["Retry-After"]))


def pacing_of(burst: int = 10, steady: int = 150) -> FixedWindows:
    """A pacing in the time of the running loop."""
    clock = asyncio.get_running_loop().time
    return FixedWindows(burst, steady, clock=clock, sleep=asyncio.sleep)


async def run(
    server: Server,
    pacing: FixedWindows,
    count: int = REQUESTS,
    latency: Callable[[int], float] = lambda _: 0.15,
) -> float:
    """Makes requests with twenty in flight; returns how many seconds they took."""
    numbers = iter(range(count))

    async def worker() -> None:
        for number in numbers:
            await server.request(pacing, latency(number))

    began = asyncio.get_running_loop().time()
    await asyncio.gather(*(worker() for _ in range(20)))
    return asyncio.get_running_loop().time() - began


@pytest.mark.parametrize("rounding", [math.ceil, math.floor, round])
@pytest.mark.parametrize("phase", [0.0, 0.3, 7.5, 29.99, 47.1, 59.9])
def test_a_million_notifications_take_no_longer_than_they_must(
    phase: float, rounding: Callable[[float], int]
) -> None:
    """However the windows lie, at least 95 % of 150 requests a minute get through, without a 429.

    Answers overtake one another: they take between a tenth of a second and two.
    """

    async def main() -> None:
        server = Server(Limits(phase=phase, rounding=rounding))
        seconds = await run(server, pacing_of(), latency=lambda n: 0.05 + n * 37 % 20 / 20)
        assert [] == server.refused
        assert REQUESTS / seconds * 60 >= 0.95 * 150

    run_simulated(main())


def test_a_window_that_others_have_used_up_is_seen_once() -> None:
    """What an earlier run took of the first window may cost a 429 there, and none after it."""

    async def main() -> None:
        limits = Limits(phase=30.0)
        for number in range(150):
            limits.admit(number / 100 + number // 10 * 0.9)
        server = Server(limits)
        pacing = pacing_of()
        await asyncio.sleep(25)
        await run(server, pacing, count=400)
        assert all(now < 30 for now in server.refused)
        assert len(server.refused) <= 2

    run_simulated(main())


def test_others_of_the_account_are_left_room() -> None:
    """What the server says is left counts, and not what we have sent ourselves."""

    async def main() -> None:
        limits = Limits(phase=10.0)
        server = Server(limits)

        async def other() -> None:
            for _ in range(300):
                limits.admit(asyncio.get_running_loop().time())
                await asyncio.sleep(1.0)

        elsewhere = asyncio.create_task(other())
        await run(server, pacing_of(), count=400)
        elsewhere.cancel()
        # A request of the other's may come between the last answer and the last request.
        assert len(server.refused) <= 3

    run_simulated(main())


def test_a_limit_that_is_lowered_is_kept() -> None:
    """A server that lowers its limit by its headers is followed from its first answer on."""

    async def main() -> None:
        server = Server(Limits(phase=12.0, steady_from={2: 90, 4: 30}))
        await run(server, pacing_of(), count=620)
        assert [] == server.refused
        minutes = [int((now - 12) // 60) for now in server.served]
        assert [90, 90, 30] == [minutes.count(number) for number in (2, 3, 4)]

    run_simulated(main())


def test_a_limit_that_is_raised_is_used() -> None:
    """An account with more room than the settings say gets through faster."""

    async def main() -> None:
        server = Server(Limits(burst=75, steady=700))
        seconds = await run(server, pacing_of(burst=75, steady=150))
        assert [] == server.refused
        assert seconds < 100

    run_simulated(main())


def test_without_headers_requests_are_spread_evenly() -> None:
    """A server that tells nothing sees our own limits, however its windows lie."""

    async def main() -> None:
        server = Server(Limits(phase=33.0), silent=True)
        seconds = await run(server, pacing_of(), count=450)
        assert [] == server.refused
        assert 450 / seconds * 60 >= 0.95 * 150

    run_simulated(main())


def test_a_429_holds_everybody() -> None:
    """Nothing is sent before the seconds that the server asks for are over."""

    async def main() -> None:
        clock = asyncio.get_running_loop().time
        pacing = pacing_of()
        async with pacing.turn() as turn:
            turn.throttled(20)
        assert 20 <= pacing.pause <= 21
        async with pacing.turn():
            assert 20 <= clock() <= 21

    run_simulated(main())


def test_first_come_first_served() -> None:
    """Turns are given in the order in which they were asked for; the cancelled have taken none."""

    async def main() -> None:
        pacing = pacing_of()
        given: list[int] = []

        async def want(number: int) -> None:
            async with pacing.turn():
                given.append(number)

        wanting = [asyncio.create_task(want(number)) for number in range(20)]
        await asyncio.sleep(1)
        for task in wanting[10:15]:
            task.cancel()
        await asyncio.gather(*wanting, return_exceptions=True)
        assert [*range(10), *range(15, 20)] == given
        assert asyncio.get_running_loop().time() < 15 * 0.41

    run_simulated(main())


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"RateLimit-Limit": "150", "RateLimit-Remaining": "0"},
        {"RateLimit-Limit": "x", "RateLimit-Remaining": "0", "RateLimit-Reset": "50"},
        {"RateLimit-Limit": "0", "RateLimit-Remaining": "0", "RateLimit-Reset": "50"},
        {"RateLimit-Limit": "150", "RateLimit-Remaining": "-1", "RateLimit-Reset": "50"},
        {"RateLimit-Limit": "225", "RateLimit-Remaining": "0", "RateLimit-Reset": "86000"},
        {"RateLimit-Limit": "1" * 99, "RateLimit-Remaining": "0", "RateLimit-Reset": "50"},
    ],
)
def test_headers_that_make_no_sense_are_as_none(fields: dict[str, str]) -> None:
    """Nothing is learnt from headers that are missing, garbled or of another window."""

    async def main() -> None:
        pacing = pacing_of()
        async with pacing.turn() as turn:
            turn.answered(CIMultiDict(fields))
        assert pacing.pause < 0.5

    run_simulated(main())


@pytest.mark.parametrize("limit", ["150", "10;w=1, 150;w=60", "150;w=60, 10;w=1", "150;x=1"])
def test_limits_are_read_in_both_forms(limit: str) -> None:
    """A number, or a list of numbers each with its window: then that of a minute counts."""

    async def main() -> None:
        pacing = pacing_of(steady=10)
        async with pacing.turn() as turn:
            fields = {"ratelimit-limit": limit, "ratelimit-remaining": "0", "ratelimit-reset": "5"}
            turn.answered(CIMultiDict(fields))
        assert pytest.approx(6) == pacing.pause
        await asyncio.sleep(6)
        times = []
        for _ in range(3):
            async with pacing.turn():
                times.append(asyncio.get_running_loop().time())
        assert all(late - early < 0.5 for early, late in itertools.pairwise(times))

    run_simulated(main())
