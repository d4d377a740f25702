# SPDX-License-Identifier: Apache-2.0
"""The metrics of `restock ingest`: read, when they are asked for, from what it counts anyway."""

from collections.abc import Callable, Iterator, Sequence

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import Metric
from prometheus_client.registry import Collector
from typing_extensions import override

from restock.health import Check
from restock.ingesting_observing import Ingestion
from restock.metrics import labelled
from restock.source_metrics import source_metrics

__all__ = ["registry"]


def registry(ingestion: Ingestion, checks: Callable[[], Sequence[Check]]) -> CollectorRegistry:
    """A registry of its own with all metrics.

    Args:
        ingestion: that is under way.
        checks: what readiness needs.
    """
    own = CollectorRegistry(auto_describe=False)
    own.register(_Collector(ingestion, checks))
    ProcessCollector(registry=own)
    return own


class _Collector(Collector):
    def __init__(self, ingestion: Ingestion, checks: Callable[[], Sequence[Check]]) -> None:
        self._ingestion = ingestion
        self._checks = checks

    @override
    def collect(self) -> Iterator[Metric]:
        one = self._ingestion
        ready = all(check.reason is None for check in self._checks())
        yield labelled("restock_ready", {(): float(ready)})
        yield from source_metrics({one.name: one.tally})
        counts = {} if one.snapshot is None else one.snapshot.as_dict()
        yield labelled(
            "restock_ingest_snapshot_items",
            {(one.name, outcome): float(count) for outcome, count in counts.items()},
        )
