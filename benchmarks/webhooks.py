# SPDX-License-Identifier: Apache-2.0
"""Section *webhooks*: how fast webhooks go out to a receiver that answers after 100 ms.

With 500 in flight no more than 5,000 a second can be answered. `benchmarks.delivered` says what is
measured, and from when to when.
"""

from benchmarks.bench import Bench
from benchmarks.delivered import ONE_STEP, Errand, deliver_by, deliver_by_restock
from benchmarks.delivery_rows import NOTES, Measure, in_rounds, rows_of
from benchmarks.notifications import Notifications
from benchmarks.receivers import HTTP
from benchmarks.report import SectionResult

__all__ = ["run"]

_AT_ONCE = 500
_DELAY = 0.1
_MOST = _AT_ONCE / _DELAY
_BARE = "bare aiohttp loop"
_ALONE = "webhook sink alone"
_ONE = "restock"
_TWO = "restock with reminders"

_SINK = (
    'kind = "webhook"',
    'url = "http://127.0.0.1:{port}/hook"',
    "allow_http = true",
    'allow_networks = ["127.0.0.0/8"]',
    'secrets = ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]',
    f"concurrency = {_AT_ONCE}",
    # The first ones wait for the gate.
    'timeout = "10m"',
)


def run(bench: Bench) -> SectionResult:
    """Measure everybody in turn, in every round.

    Raises:
        WrongOutput: somebody was not told, or twice; nothing was measured.
        BenchmarkError: a program or the broker failed.
    """
    sizes = bench.options.sizes
    count = sizes.delivery.webhooks
    if sizes.rounds > 1:
        # A cold broker would be the first one's alone. A single round is but a check.
        _contenders(bench, max(count // 10, 2 * _AT_ONCE))[_ONE]()
    runs = in_rounds(_contenders(bench, count), sizes.rounds)
    return SectionResult(
        name="webhooks",
        title=f"webhooks: {count:,} messages, {_AT_ONCE} in flight, answered after "
        f"{_DELAY * 1000:.0f} ms",
        rows=[row for name, own in runs.items() for row in rows_of(name, own, runs[_BARE], _MOST)],
        notes=[
            f"possible: the bare loop's rate in the same round, but at most {_MOST:,.0f} a second.",
            *NOTES,
        ],
        sizes={"messages": count, "at once": _AT_ONCE, "delay": _DELAY},
    )


def _contenders(bench: Bench, count: int) -> dict[str, Measure]:
    errand = Errand(HTTP, _DELAY, _AT_ONCE, Notifications(count, bench.started_at))
    target = ("http://127.0.0.1:{port}/hook", str(_AT_ONCE))
    return {
        _BARE: lambda: deliver_by(bench, _BARE, errand, "benchmarks.bare_webhooks", (), *target),
        _ALONE: lambda: deliver_by(
            bench, _ALONE, errand, "benchmarks.sink_alone", _SINK, "{config}"
        ),
        _ONE: lambda: deliver_by_restock(bench, _ONE, errand, _SINK, ONE_STEP),
        _TWO: lambda: deliver_by_restock(bench, _TWO, errand, _SINK),
    }
