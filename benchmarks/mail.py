# SPDX-License-Identifier: Apache-2.0
"""Section *mail*: how fast mail is handed in, over four connections.

Once to a server that answers at once, so that nothing counts but what the programs do, and once to
one whose every reply takes as long as over a network. `benchmarks.delivered` says what is measured,
and from when to when.
"""

from benchmarks.bench import Bench
from benchmarks.delivered import ONE_STEP, Errand, deliver_by, deliver_by_restock
from benchmarks.delivery_rows import NOTES, Measure, in_rounds, rows_of
from benchmarks.notifications import Notifications
from benchmarks.receivers import SMTP
from benchmarks.report import SectionResult

__all__ = ["contenders", "run"]

_CONNECTIONS = 4
_DELAY = 0.005
_BARE = "bare smtplib"
_ALONE = "sink alone"
_RESTOCK = "restock"

_SINK = (
    'kind = "email"',
    'host = "127.0.0.1"',
    "port = {port}",
    'security = "none"',
    'from_address = "Shop <shop@example.com>"',
    f"connections = {_CONNECTIONS}",
    # The first ones wait for the gate.
    'timeout = "10m"',
)


def run(bench: Bench) -> SectionResult:
    """Measure everybody in turn, in every round, with either server.

    Raises:
        WrongOutput: somebody was not told, or twice; nothing was measured.
        BenchmarkError: a program or the broker failed.
    """
    sizes = bench.options.sizes
    count, slow = sizes.delivery.mails, sizes.delivery.slow_mails
    if sizes.rounds > 1:
        # A cold broker would be the first one's alone. A single round is but a check.
        contenders(bench, 0.0, slow)[_RESTOCK]()
    rows = []
    for words, delay, number in (("at once", 0.0, count), ("late", _DELAY, slow)):
        runs = in_rounds(contenders(bench, delay, number), sizes.rounds)
        for name, own in runs.items():
            rows += rows_of(f"{name}, {words}", own, runs[_BARE])
    return SectionResult(
        name="mail",
        title=f"mail: {count:,} to a server that replies at once, {slow:,} to one whose replies "
        f"come {_DELAY * 1000:.0f} ms late; {_CONNECTIONS} connections",
        rows=rows,
        notes=[
            "possible: the bare loop's rate in the same round; its mails were written beforehand.",
            *NOTES,
        ],
        sizes={"mails": count, "slow": slow, "connections": _CONNECTIONS, "delay": _DELAY},
    )


def contenders(bench: Bench, delay: float, count: int) -> dict[str, Measure]:
    """Who hands in mail, and how each is let do it once.

    Args:
        bench: the run.
        delay: seconds that each reply of the server takes.
        count: mails.
    """
    errand = Errand(SMTP, delay, _CONNECTIONS, Notifications(count, bench.started_at))
    last = ("{config}", str(_CONNECTIONS))
    return {
        _BARE: lambda: deliver_by(bench, _BARE, errand, "benchmarks.bare_mail", _SINK, *last),
        _ALONE: lambda: deliver_by(
            bench, _ALONE, errand, "benchmarks.sink_alone", _SINK, "{config}"
        ),
        _RESTOCK: lambda: deliver_by_restock(bench, _RESTOCK, errand, _SINK, ONE_STEP),
    }
