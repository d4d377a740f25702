# SPDX-License-Identifier: Apache-2.0
"""The simulated account at Klaviyo, and what is measured against it."""

import asyncio
import time

import pytest

from benchmarks.errors import WrongOutput
from benchmarks.klaviyo import run_once
from benchmarks.klaviyo_account import Account, in_simulated_time
from benchmarks.notifications import Notifications
from connectors.sinks.http import HttpResponse

NOW = 1_795_000_000_000
BODY = (
    b'{"data":{"attributes":{"events-bulk-create":{"data":[{"attributes":{"events":{"data":['
    b'{"attributes":{"unique_id":"%b"}}]}}}]}}}}'
)


def test_time_passes_at_once() -> None:
    """An hour of sleep is over at once, and the loop's clock shows it."""

    async def main() -> float:
        await asyncio.sleep(3_600)
        return asyncio.get_running_loop().time()

    begun = time.monotonic()
    assert 3_600 == pytest.approx(in_simulated_time(main()))
    assert time.monotonic() - begun < 60


async def ask(account: Account, *moments: float) -> list[HttpResponse]:
    """A request at each moment."""
    answers = []
    for number, moment in enumerate(moments):
        await asyncio.sleep(moment - asyncio.get_running_loop().time())
        answers.append(await account.post("", BODY % str(number).encode(), {}))
    return answers


def test_an_account_permits_so_many_a_second_and_a_minute() -> None:
    """The third in a second is refused, the fourth in a minute is, and the next minute is anew."""
    account = Account(steady=3, burst=2, phase=10.0, latency=0.0)

    answers = in_simulated_time(ask(account, 20.0, 20.0, 20.0, 21.0, 69.5, 70.0))

    assert [202, 202, 429, 202, 429, 202] == [answer.status for answer in answers]
    assert ["1", "1"] == [each.headers["Retry-After"] for each in answers if each.status == 429]
    assert "0" == answers[3].headers["RateLimit-Remaining"]
    assert "49" == answers[3].headers["RateLimit-Reset"]
    assert [0, 1] == [account.window(moment) for moment in (69.5, 70.0)]


def test_an_account_notices_repeats() -> None:
    """An event that was taken before counts as one that came again."""
    account = Account(steady=9, burst=9, phase=0.0, latency=0.0)

    async def main() -> None:
        for name in (b"a", b"b", b"a"):
            await account.post("", BODY % name, {})

    in_simulated_time(main())
    assert (1, {"a", "b"}) == (account.repeats, account.ids)


def test_a_run_counts_requests_and_windows() -> None:
    """A run of a few thousand notifications takes as many full requests."""
    found = run_once(Notifications(2_500, NOW), 41.7)

    assert (3, 0, 0) == (found.requests, found.refused, found.refused_later)


def test_events_that_are_lost_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """An account that takes requests without their events makes the run void."""
    monkeypatch.setattr(Account, "_take", lambda _self, _body: None)

    with pytest.raises(WrongOutput, match="0 events came"):
        run_once(Notifications(10, NOW), 0.0)
