# SPDX-License-Identifier: Apache-2.0
"""The metrics of the program, all of them named here, in base units.

Nothing is counted for their sake: when they are asked for, they are read from what the flow counts
anyway. Labels are topics and partitions and what became of an event: never a variant or a person.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from typing_extensions import override

from connectors.kafka.records import Partition
from restock.kafka_probe import KafkaProbe
from restock.vitals import Flow, Histogram, OpenSlot, Vitals
from waitlist.counts import Counts

if TYPE_CHECKING:
    # The program that decides has no use for what delivers.
    from delivery.office import Office

__all__ = ["METRICS", "MetricSpec", "labelled", "registry", "written_metrics"]


_Labels = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MetricSpec:
    """One metric.

    Attributes:
        kind: counter, gauge or histogram.
        meaning: one line, also in docs/operations.md.
        labels: the names of its labels.
    """

    kind: str
    meaning: str
    labels: tuple[str, ...] = ()


METRICS: dict[str, MetricSpec] = {
    "restock_ready": MetricSpec("gauge", "1 when /readyz says yes, else 0."),
    "restock_records_read_total": MetricSpec("counter", "Records taken from the input topics."),
    "restock_records_decoded_total": MetricSpec("counter", "Of these, those that were events."),
    "restock_records_dead_lettered_total": MetricSpec("counter", "Of these, dead letters."),
    "restock_records_tombstones_total": MetricSpec("counter", "Of these, without a value."),
    "restock_records_written_total": MetricSpec(
        "counter", "Records handed to the producer, by topic.", ("topic",)
    ),
    "restock_stock_events_total": MetricSpec(
        "counter", "Stock figures: applied, stale or mixed.", ("outcome",)
    ),
    "restock_sign_ups_total": MetricSpec(
        "counter", "Sign-ups: joined, duplicate, refused or expired.", ("outcome",)
    ),
    "restock_sign_offs_total": MetricSpec("counter", "Entries that left by a sign-off."),
    "restock_entries_expired_total": MetricSpec("counter", "Entries that expired in a queue."),
    "restock_waves_started_total": MetricSpec("counter", "Waves started."),
    "restock_people_told_total": MetricSpec("counter", "People in the waves started."),
    "restock_people_waiting": MetricSpec("gauge", "Entries in all queues."),
    "restock_variants": MetricSpec("gauge", "Variants known."),
    "restock_lag_records": MetricSpec(
        "gauge", "Records in the topic that are not durable yet.", ("topic", "partition")
    ),
    "restock_durable_offset": MetricSpec(
        "gauge", "Offset before which everything is durable.", ("topic", "partition")
    ),
    "restock_kafka_silence_seconds": MetricSpec("gauge", "Since Kafka last answered a question."),
    "restock_epochs_total": MetricSpec("counter", "Durable epochs."),
    "restock_epoch_age_seconds": MetricSpec("gauge", "Since the last epoch became durable."),
    "restock_epoch_duration_seconds": MetricSpec(
        "histogram", "From one durable epoch to the next."
    ),
    "restock_barrier_wait_seconds": MetricSpec(
        "histogram", "From the end of an epoch until it is durable; nothing is read meanwhile."
    ),
    "restock_producer_queue_records": MetricSpec(
        "gauge", "Records that wait for an answer of Kafka."
    ),
    "restock_unclaimed_ids": MetricSpec(
        "gauge", "Ids found in the output after a crash and not produced again since."
    ),
    "restock_journal_bytes": MetricSpec("gauge", "Size of the journals of all slots."),
    "restock_compactions_started_total": MetricSpec("counter", "Compactions started."),
    "restock_compactions_failed_total": MetricSpec("counter", "Compactions that failed."),
    "restock_resume_seconds": MetricSpec("gauge", "What it took to load the slots at the start."),
    "restock_lease_remaining_seconds": MetricSpec("gauge", "For how long the lease holds yet."),
    "restock_journeys_begun_total": MetricSpec("counter", "Notifications taken for delivery."),
    "restock_deliveries_total": MetricSpec(
        "counter",
        "Messages by what became of them: sent, failed, suppressed, retried or throttled, and why.",
        ("sink", "outcome", "reason"),
    ),
    "restock_deliveries_in_flight": MetricSpec(
        "gauge", "Messages on their way, until their outcome is durable.", ("sink",)
    ),
    "restock_sink_in_trouble": MetricSpec(
        "gauge", "1 when nothing is sent by a sink, because its receiver fails.", ("sink",)
    ),
    "restock_gateway_requests_total": MetricSpec(
        "counter", "Requests answered.", ("route", "status")
    ),
    "restock_gateway_request_seconds": MetricSpec(
        "histogram", "From a request to its answer.", ("route",)
    ),
    "restock_gateway_sign_ups_total": MetricSpec(
        "counter",
        "Sign-ups and sign-offs by what became of them: taken, signed_off, unknown_variant, "
        "held_back or not_acknowledged.",
        ("door", "outcome"),
    ),
    "restock_gateway_records_total": MetricSpec("counter", "Records that Kafka acknowledged."),
    "restock_gateway_records_waiting": MetricSpec(
        "gauge", "Records that wait for Kafka to acknowledge them."
    ),
    "restock_gateway_list_lag_records": MetricSpec(
        "gauge", "Records that the list of who waits has yet to read."
    ),
    "restock_ingest_messages_total": MetricSpec(
        "counter",
        "Messages of platforms by what became of them: taken, repeated, ignored, refused, "
        "not_authentic or not_acknowledged.",
        ("source", "outcome"),
    ),
    "restock_ingest_refusals_total": MetricSpec(
        "counter", "What no record could be made of, and why.", ("source", "reason")
    ),
    "restock_ingest_records_total": MetricSpec("counter", "Stock records made.", ("source",)),
    "restock_ingest_last_message_timestamp_seconds": MetricSpec(
        "gauge",
        "When the last message of a source was taken: a silent source is stale.",
        ("source",),
    ),
    "restock_ingest_snapshot_items": MetricSpec(
        "gauge",
        "Items of the last feed: same, changed, new, absent, newer, mixed or refused.",
        ("source", "outcome"),
    ),
}
"""Every metric of ours by name; those of the process (`process_*`) come on top."""


def written_metrics(metrics: CollectorRegistry, accept: str) -> tuple[bytes, str]:
    """Write metrics in the format that is asked for.

    Args:
        metrics: what to write.
        accept: the `Accept` header.

    Returns:
        The text and its media type.
    """
    try:
        encode, media_type = choose_encoder(accept)
    except TypeError:  # of a version that is no number
        encode, media_type = choose_encoder("")
    return encode(metrics), media_type


def registry(
    vitals: Vitals, probe: KafkaProbe, ready: Callable[[], bool], office: "Office | None" = None
) -> CollectorRegistry:
    """A registry of its own with all metrics.

    Args:
        vitals: of the program.
        probe: knows where the input ends.
        ready: whether /readyz says yes.
        office: what delivers, where something does.
    """
    own = CollectorRegistry(auto_describe=False)
    own.register(_Collector(vitals, probe, ready))
    if office is not None:
        own.register(_DeliveryCollector(office))
    ProcessCollector(registry=own)
    return own


class _Collector(Collector):
    def __init__(self, vitals: Vitals, probe: KafkaProbe, ready: Callable[[], bool]) -> None:
        self._vitals = vitals
        self._probe = probe
        self._ready = ready

    @override
    def collect(self) -> Iterator[Metric]:
        vitals = self._vitals
        yield _one("restock_ready", float(self._ready()))
        if vitals.flow is not None:
            yield from _records(vitals.flow)
        slots = list(vitals.opened.values())
        yield from _decisions([slot.state.slot.counts for slot in slots])
        yield from _state(slots)
        yield from self._progress()
        yield _one("restock_resume_seconds", vitals.resume_seconds())
        left = vitals.lease_left()
        if left is not None:
            yield _one("restock_lease_remaining_seconds", left)

    def _progress(self) -> Iterator[Metric]:
        vitals, probe = self._vitals, self._probe
        yield _by_partition("restock_lag_records", probe.lag())
        yield _by_partition("restock_durable_offset", dict(vitals.offsets))
        yield _one("restock_kafka_silence_seconds", probe.silence())
        yield _one("restock_epochs_total", vitals.epochs)
        durable_at = vitals.durable_at
        since = vitals.began_at if durable_at is None else durable_at
        yield _one("restock_epoch_age_seconds", vitals.clock() - since)
        yield _histogram("restock_epoch_duration_seconds", vitals.epoch_seconds)
        yield _histogram("restock_barrier_wait_seconds", vitals.barrier_seconds)


class _DeliveryCollector(Collector):
    def __init__(self, office: "Office") -> None:
        self._office = office

    @override
    def collect(self) -> Iterator[Metric]:
        lanes = list(self._office.lanes.values())
        yield _one("restock_journeys_begun_total", self._office.begun)
        outcomes: dict[_Labels, float] = {
            (lane.name, *key): count for lane in lanes for key, count in list(lane.outcomes.items())
        }
        yield labelled("restock_deliveries_total", outcomes)
        in_flight: dict[_Labels, float] = {(lane.name,): lane.in_flight for lane in lanes}
        yield labelled("restock_deliveries_in_flight", in_flight)
        trouble: dict[_Labels, float] = {
            (lane.name,): float(lane.trouble is not None) for lane in lanes
        }
        yield labelled("restock_sink_in_trouble", trouble)


def _records(flow: Flow) -> Iterator[Metric]:
    decoded = flow.decoded
    yield _one("restock_records_read_total", decoded.records)
    yield _one("restock_records_decoded_total", decoded.events)
    yield _one("restock_records_dead_lettered_total", decoded.dead_lettered)
    yield _one("restock_records_tombstones_total", decoded.tombstones)
    written: dict[_Labels, float] = {
        (topic,): float(count) for topic, count in flow.sink.written.items()
    }
    yield labelled("restock_records_written_total", written)
    yield _one("restock_producer_queue_records", flow.sink.queued)
    yield _one("restock_unclaimed_ids", flow.sink.unclaimed)


def _decisions(counts: list[Counts]) -> Iterator[Metric]:
    def total(name: str) -> float:
        return float(sum(getattr(count, name) for count in counts))

    yield labelled(
        "restock_stock_events_total",
        {
            ("applied",): total("stock_applied"),
            ("stale",): total("stock_stale"),
            ("mixed",): total("stock_mixed"),
        },
    )
    yield labelled(
        "restock_sign_ups_total",
        {
            ("joined",): total("joined"),
            ("duplicate",): total("duplicates"),
            ("refused",): total("refused_by_marker"),
            ("expired",): total("expired_on_arrival"),
        },
    )
    yield _one("restock_sign_offs_total", total("signed_off"))
    yield _one("restock_entries_expired_total", total("expired"))
    yield _one("restock_waves_started_total", total("waves"))
    yield _one("restock_people_told_total", total("told"))


def _state(slots: list[OpenSlot]) -> Iterator[Metric]:
    sizes = [slot.state.slot.size() for slot in slots]
    yield _one("restock_variants", sum(variants for variants, _ in sizes))
    yield _one("restock_people_waiting", sum(waiting for _, waiting in sizes))
    journals = [slot.journal for slot in slots]
    yield _one("restock_journal_bytes", sum(journal.size for journal in journals))
    counts = [journal.compactions for journal in journals]
    yield _one("restock_compactions_started_total", sum(count.started for count in counts))
    yield _one("restock_compactions_failed_total", sum(count.failed for count in counts))


def _one(name: str, value: float) -> Metric:
    return labelled(name, {(): float(value)})


def _by_partition(name: str, values: dict[Partition, int]) -> Metric:
    by_place: dict[_Labels, float] = {
        (topic, str(number)): float(value) for (topic, number), value in values.items()
    }
    return labelled(name, by_place)


def labelled(name: str, values: Mapping[_Labels, float]) -> Metric:
    """A metric with a value for each of the combinations of its labels."""
    spec = METRICS[name]
    counter = spec.kind == "counter"
    family: CounterMetricFamily | GaugeMetricFamily = (
        CounterMetricFamily if counter else GaugeMetricFamily
    )(name, spec.meaning, labels=spec.labels)
    for labels, value in values.items():
        family.add_metric(labels, value)
    return family


def _histogram(name: str, histogram: Histogram) -> Metric:
    family = HistogramMetricFamily(name, METRICS[name].meaning)
    counts = histogram.cumulative()
    bounds = [*map(str, histogram.bounds), "+Inf"]
    family.add_metric([], list(zip(bounds, counts, strict=True)), histogram.total)
    return family
