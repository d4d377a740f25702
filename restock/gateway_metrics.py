# SPDX-License-Identifier: Apache-2.0
"""The metrics of `restock gateway`: read, when they are asked for, from what it counts anyway."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import accumulate

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from typing_extensions import override

from connectors.kafka.acknowledged import AcknowledgingProducer
from gateway.health import Exposition
from gateway.signups import SignUpDesk
from gateway.traffic import BOUNDS, Traffic
from gateway.webhooks import Intake
from restock.metrics import METRICS, labelled, written_metrics
from restock.source_metrics import source_metrics

__all__ = ["Counted", "exposition"]


@dataclass(frozen=True, slots=True)
class Counted:
    """What of a gateway is counted.

    Attributes:
        traffic: requests.
        desk: sign-ups and sign-offs.
        intakes: stock, by source.
        producer: what waits for Kafka.
        ready: whether /readyz says yes.
        behind: records that the list of who waits has yet to read; None: unknown, or no list.
    """

    traffic: Traffic
    desk: SignUpDesk
    intakes: Mapping[str, Intake]
    producer: AcknowledgingProducer
    ready: Callable[[], bool]
    behind: Callable[[], int | None]


def exposition(counted: Counted) -> Exposition:
    """Return what writes the metrics in the format that is asked for."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(counted))
    ProcessCollector(registry=registry)
    return partial(written_metrics, registry)


class _Collector(Collector):
    def __init__(self, counted: Counted) -> None:
        self._counted = counted

    @override
    def collect(self) -> Iterator[Metric]:
        counted = self._counted
        yield labelled("restock_ready", {(): float(counted.ready())})
        yield from _traffic(counted.traffic)
        yield labelled(
            "restock_gateway_sign_ups_total",
            {key: float(count) for key, count in counted.desk.counts.items()},
        )
        producer = counted.producer
        yield labelled("restock_gateway_records_waiting", {(): float(producer.waiting)})
        yield labelled("restock_gateway_records_total", {(): float(producer.acknowledged)})
        behind = counted.behind()
        if behind is not None:
            yield labelled("restock_gateway_list_lag_records", {(): float(behind)})
        yield from source_metrics(counted.intakes)


def _traffic(traffic: Traffic) -> Iterator[Metric]:
    yield labelled(
        "restock_gateway_requests_total",
        {(route, str(status)): float(count) for (route, status), count in traffic.requests.items()},
    )
    name = "restock_gateway_request_seconds"
    family = HistogramMetricFamily(name, METRICS[name].meaning, labels=METRICS[name].labels)
    bounds = [*map(str, BOUNDS), "+Inf"]
    for route, counts in traffic.seconds.items():
        buckets = list(zip(bounds, map(float, accumulate(counts)), strict=True))
        family.add_metric([route], buckets, traffic.total_seconds[route])
    yield family
