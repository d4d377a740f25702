# SPDX-License-Identifier: Apache-2.0
"""Section *klaviyo*: how close the sink comes to an account's limits, in simulated time.

The account permits 150 requests a minute, ten a second, in windows that begin when it likes, each
round at another time. Only time and the account are simulated: what the sink does for each
notification is real, and so is the CPU time that it takes.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from benchmarks.bench import Bench
from benchmarks.errors import WrongOutput
from benchmarks.klaviyo_account import Account, in_simulated_time
from benchmarks.notifications import Notifications, message_of
from benchmarks.report import Row, SectionResult
from connectors.sinks.contract import Message, Resolution
from connectors.sinks.klaviyo import KlaviyoSink
from connectors.sinks.klaviyo_settings import KlaviyoSettings

__all__ = ["KlaviyoRun", "run", "run_once"]

_STEADY = 150
_BURST = 10
_PHASES = (41.7, 0.0, 13.2)
_LATENCY = 0.4
_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class KlaviyoRun:
    """What the sink needed once.

    Attributes:
        requests: that were taken.
        seconds: from the first to the last of them, simulated.
        windows: requests taken in each window that lies between the first and the last of all.
        refused: requests that were refused for the limits.
        refused_later: of these, those behind the account's first window.
        cpu_seconds: user and system time of the sink and of the account's reading.
    """

    requests: int
    seconds: float
    windows: Sequence[int]
    refused: int
    refused_later: int
    cpu_seconds: float

    @property
    def rate(self) -> float:
        """Requests a minute, from the first to the last."""
        return (self.requests - 1) / self.seconds * 60

    @property
    def share(self) -> float:
        """The part of what whole windows permit that was used."""
        return sum(self.windows) / (len(self.windows) * _STEADY)


def run(bench: Bench) -> SectionResult:
    """Send to an account, in every round to one with other windows.

    Raises:
        WrongOutput: somebody was not told, or twice; nothing was measured.
    """
    sizes = bench.options.sizes
    notifications = Notifications(sizes.delivery.klaviyo, bench.started_at)
    runs = []
    for number in range(sizes.rounds):
        bench.say(f"klaviyo: {notifications.count:,} notifications")
        runs.append(run_once(notifications, _PHASES[number % len(_PHASES)]))
    name, count = "klaviyo sink", notifications.count
    return SectionResult(
        name="klaviyo",
        title=f"klaviyo: {count:,} notifications, {_STEADY} requests a minute, {_BURST} a second",
        rows=[
            Row(name, "requests a minute", "1/min", [each.rate for each in runs], 1),
            Row(name, "share of the limit, whole windows", "x", [each.share for each in runs], 3),
            Row(name, "whole windows", "", [len(each.windows) for each in runs], 0),
            Row(name, "notifications a request", "", [count / each.requests for each in runs], 0),
            Row(name, "answers 429", "", [each.refused for each in runs], 0),
            Row(name, "429 behind the first window", "", [each.refused_later for each in runs], 0),
            Row(
                name,
                "CPU a notification",
                "us",
                [each.cpu_seconds / count * _MILLION for each in runs],
            ),
        ],
        notes=[
            f"answers take {_LATENCY * 1000:.0f} ms; time is simulated, CPU time is not.",
            "whole windows: all but the first and the last, in which less is permitted or wanted.",
            "All events were checked: everybody got theirs, once.",
        ],
        sizes={"notifications": count, "steady": _STEADY, "burst": _BURST},
    )


def run_once(notifications: Notifications, phase: float) -> KlaviyoRun:
    """Send all of them.

    Args:
        notifications: who is told.
        phase: how many seconds after the start the first full window of a minute begins.

    Raises:
        WrongOutput: somebody was not told, or twice.
    """
    account = Account(_STEADY, _BURST, phase, _LATENCY)
    sending = _Sending(notifications, account)
    before = time.process_time()
    in_simulated_time(sending.run())
    spent = time.process_time() - before - sending.preparing
    if account.repeats or account.ids != set(notifications.ids()):
        raise WrongOutput(
            f"{len(account.ids)} events came, {account.repeats} of them again, "
            f"expected were the {notifications.count} of the job, each once"
        )
    used = Counter(map(account.window, account.taken_at))
    first = min(used)
    return KlaviyoRun(
        requests=len(account.taken_at),
        seconds=account.taken_at[-1] - account.taken_at[0],
        windows=[used[number] for number in sorted(used)[1:-1]],
        refused=len(account.refused_at),
        refused_later=sum(account.window(moment) != first for moment in account.refused_at),
        cpu_seconds=spent,
    )


class _Sending:
    """Sends full batches, as many at once as the sink permits.

    Attributes:
        preparing: seconds of CPU that messages were made in.
    """

    def __init__(self, notifications: Notifications, account: Account) -> None:
        settings = KlaviyoSettings.model_validate({"private_key": "of a benchmark"})
        self._sink = KlaviyoSink(settings, time.time, account)
        self._records = notifications.records()
        self.preparing = 0.0

    async def run(self) -> None:
        """Send all, until none has to be tried again."""
        await self._sink.open()
        left = self._batches()
        await asyncio.gather(*(self._work(left) for _ in range(self._sink.concurrency)))
        await self._sink.close()

    async def _work(self, left: Iterator[list[Message]]) -> None:
        for batch in left:
            waiting = batch
            while waiting:
                answers = await self._sink.send(waiting)
                waiting = [
                    message
                    for message, answer in zip(waiting, answers, strict=True)
                    if answer.resolution is Resolution.RETRY
                ]

    def _batches(self) -> Iterator[list[Message]]:
        size = self._sink.batch_size
        while True:
            before = time.process_time()
            batch = [message_of(value) for _, value in islice(self._records, size)]
            self.preparing += time.process_time() - before
            if not batch:
                return
            yield batch
