# SPDX-License-Identifier: Apache-2.0
"""What the health port answers, and to whom."""

import re
import socket
from collections import Counter
from collections.abc import Iterator, Mapping
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from unittest.mock import Mock

import orjson
import pytest
from prometheus_client import generate_latest

from connectors.inbound.reconcile import Counts as ReconcileCounts
from dataflows.decoding import DecodingCounts
from dataflows.folding import SlotState, empty
from gateway.traffic import Traffic
from journal.journal import Journal
from restock.errors import StartupError
from restock.gateway_metrics import Counted, exposition
from restock.health import Health
from restock.health_server import HealthServer
from restock.ingesting_metrics import registry as ingestion_registry
from restock.ingesting_observing import Ingestion
from restock.ingesting_taking import Tally
from restock.kafka_probe import KafkaProbe
from restock.metrics import METRICS, registry
from restock.settings import Settings
from restock.vitals import Flow, Vitals
from schemas.decode import decode_inventory, decode_subscription

ROOT = Path(__file__).parents[3]
PLACE = ("in", 0)
NOW = 1_700_000_000_000


class Output:
    """Source and sink that have done something."""

    def __init__(self) -> None:
        self.assigned = [PLACE]
        self.queued = 7
        self.unclaimed = 2
        self.written: Mapping[str, int] = {"out": 5}


@pytest.fixture
def vitals(tmp_path: Path) -> Vitals:
    """A program that has read everything and told somebody."""
    vitals = Vitals(1)
    output = Output()
    vitals.begin(Flow(output, output, DecodingCounts(4, 3, 0, 1)))

    def opener(slot: int, marker: bytes | None, state: SlotState) -> Journal:
        return Journal.open(
            tmp_path, slot, marker, state, token="t", factory="dataflows.folding:empty"
        )

    state = empty()
    vitals.watched(opener)(0, None, state)
    people = [
        b'{"type":"subscribe","variant_id":"secret-shoe","occurred_at":%d,'
        b'"profile":{"email":"%dada@example.com"}}' % (NOW - 10 + number, number)
        for number in range(3)
    ]
    figure = b'{"variant_id":"secret-shoe","quantity":1,"occurred_at":%d}' % (NOW - 5)
    state.slot.apply([decode_subscription(one, NOW) for one in people[:2]], NOW)
    state.slot.apply([decode_inventory(figure, NOW)], NOW)
    state.slot.start_due_waves(NOW)
    state.slot.apply([decode_inventory(figure.replace(b":1,", b":0,"), NOW)], NOW)
    state.slot.apply([decode_subscription(people[2], NOW)], NOW)
    vitals.epoch_ended()
    vitals.epoch_durable({PLACE: 3})
    return vitals


@pytest.fixture
def probe(vitals: Vitals) -> KafkaProbe:
    """Has had an answer from Kafka: five records, of which three are durable."""
    probe = KafkaProbe(vitals, lambda _places: {PLACE: 5})
    probe.look()
    return probe


@pytest.fixture
def server(vitals: Vitals, probe: KafkaProbe) -> Iterator[HealthServer]:
    """Listens at a free port, for a program that is two records from being ready."""
    health = Health(vitals, Settings(), probe, None)
    metrics = registry(vitals, probe, lambda: not health.reasons())
    with HealthServer("127.0.0.1", 0, health, metrics) as running:
        yield running


def ask(
    server: HealthServer, path: str, method: str = "GET", **headers: str
) -> tuple[HTTPResponse, bytes]:
    """One request; the answer and its body."""
    connection = HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer, body


def test_not_ready_is_503_with_a_reason_a_line(server: HealthServer) -> None:
    """A probe looks at the code, a person at the text."""
    answer, body = ask(server, "/readyz")
    assert (503, b"catching up: 2 records behind\n") == (answer.status, body)
    assert "text/plain; charset=utf-8" == answer.headers["Content-Type"]


def test_ready_is_200(server: HealthServer, vitals: Vitals) -> None:
    """With all of the input durable there is nothing to say."""
    vitals.epoch_durable({PLACE: 5})
    answer, body = ask(server, "/readyz")
    assert (200, b"ok\n") == (answer.status, body)


def test_alive_is_200(server: HealthServer) -> None:
    """Not being ready does not get the program killed."""
    answer, body = ask(server, "/livez")
    assert (200, b"ok\n") == (answer.status, body)


def test_verbose_names_every_check(server: HealthServer) -> None:
    """Those that are content say ok."""
    _, body = ask(server, "/readyz?verbose")
    lines = body.decode().splitlines()
    assert "flow: ok" == lines[0]
    assert "input: catching up: 2 records behind" in lines


def test_programs_get_json(server: HealthServer) -> None:
    """Asked for by the Accept header; verbose adds the checks."""
    answer, body = ask(server, "/readyz?verbose", Accept="application/json")
    content = orjson.loads(body)
    assert "application/json" == answer.headers["Content-Type"]
    assert ["catching up: 2 records behind"] == content["reasons"]
    assert content["ok"] is False
    assert content["checks"]["flow"] is None
    _, short = ask(server, "/readyz", Accept="application/json")
    assert {"ok", "reasons"} == set(orjson.loads(short))


def test_head_is_get_without_a_body(server: HealthServer) -> None:
    """Code and length are those of GET."""
    answer, body = ask(server, "/readyz", "HEAD")
    assert (503, b"", "30") == (answer.status, body, answer.headers["Content-Length"])


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_there_is_nothing_to_change(server: HealthServer, method: str) -> None:
    """Other methods are told which ones there are."""
    answer, _ = ask(server, "/readyz", method)
    assert (405, "GET, HEAD") == (answer.status, answer.headers["Allow"])


def test_an_unknown_path_is_404(server: HealthServer) -> None:
    """The answer says what there is; the version of Python is nobody's business."""
    answer, body = ask(server, "/health")
    assert (404, b"there are /livez /readyz /metrics\n") == (answer.status, body)
    assert "restock" == answer.headers["Server"].strip()


def test_an_address_of_another_machine_is_not_blamed_on_the_port(
    vitals: Vitals, probe: KafkaProbe
) -> None:
    """The line names the setting that is to be corrected."""
    health = Health(vitals, Settings(), probe, None)
    metrics = registry(vitals, probe, lambda: False)
    with pytest.raises(StartupError, match=r"^health\.address: cannot listen at 192\.0\.2\.1 port"):
        HealthServer("192.0.2.1", 0, health, metrics)


def test_a_port_in_use_is_one_line(server: HealthServer, vitals: Vitals, probe: KafkaProbe) -> None:
    """It names the place, the setting, and what to do."""
    health = Health(vitals, Settings(), probe, None)
    metrics = registry(vitals, probe, lambda: True)
    expected = rf"health\.port: cannot listen at 127\.0\.0\.1 port {server.port} \(.+\): choose"
    with pytest.raises(StartupError, match=expected):
        HealthServer("127.0.0.1", server.port, health, metrics)


def test_silent_callers_keep_nobody_waiting(server: HealthServer) -> None:
    """Connections on which nothing is said do not hold up the others."""
    silent = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(20)]
    answer, _ = ask(server, "/livez")
    for connection in silent:
        connection.close()
    assert 200 == answer.status


def values(text: str) -> dict[str, float]:
    """Name with labels, and value."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


def test_metrics_hold_what_the_program_counts(server: HealthServer) -> None:
    """Each is the counter that the flow keeps anyway."""
    answer, body = ask(server, "/metrics")
    found = values(body.decode())
    expected = {
        "restock_ready": 0,
        "restock_records_read_total": 4,
        "restock_records_decoded_total": 3,
        "restock_records_dead_lettered_total": 1,
        'restock_records_written_total{topic="out"}': 5,
        'restock_sign_ups_total{outcome="joined"}': 3,
        'restock_stock_events_total{outcome="applied"}': 2,
        "restock_waves_started_total": 1,
        "restock_people_told_total": 2,
        "restock_people_waiting": 1,
        "restock_variants": 1,
        'restock_lag_records{partition="0",topic="in"}': 2,
        'restock_durable_offset{partition="0",topic="in"}': 3,
        "restock_epochs_total": 1,
        'restock_barrier_wait_seconds_bucket{le="+Inf"}': 1,
        "restock_producer_queue_records": 7,
        "restock_unclaimed_ids": 2,
    }
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    assert expected == {name: found.get(name) for name in expected}
    assert 0 < found["process_resident_memory_bytes"]


def test_nothing_personal_is_told(server: HealthServer) -> None:
    """Neither people nor variants are in any answer."""
    for path in ("/metrics", "/readyz?verbose", "/livez?verbose"):
        _, body = ask(server, path)
        assert b"secret" not in body
        assert b"example.com" not in body


def _served_by_a_gateway() -> str:
    """Its metrics, after one of everything."""
    traffic = Traffic()
    traffic.note("/path", 202, 0.001)
    intake = Mock(outcomes=Counter(taken=1), refusals=Counter(bad=1), records=1, last_at=1_000)
    counted = Counted(
        traffic,
        Mock(counts={("legacy", "taken"): 1}),
        {"shop": intake},
        Mock(waiting=0, acknowledged=1),
        lambda: True,
        lambda: 3,
    )
    return exposition(counted)("")[0].decode()


def _served_by_an_ingestion() -> str:
    """Its metrics, after a feed."""
    ingestion = Ingestion("shop", Tally(), snapshot=ReconcileCounts(same=1))
    return generate_latest(ingestion_registry(ingestion, list)).decode()


def test_any_format_that_is_asked_for_is_answered(server: HealthServer) -> None:
    """Also one of a version that there cannot be."""
    answer, body = ask(server, "/metrics", Accept="text/plain; version=x")
    assert 200 == answer.status
    assert b"restock_ready" in body


def test_every_metric_is_documented(vitals: Vitals, probe: KafkaProbe) -> None:
    """The table in docs/operations.md, the list in the code and what is served are the same."""
    vitals.lease_left = lambda: 1.0
    lane = Mock(outcomes=Counter({("sent", ""): 1}), in_flight=0, trouble=None)
    lane.name = "mail"
    office = Mock(begun=1, lanes={"mail": lane})
    served = generate_latest(registry(vitals, probe, lambda: True, office)).decode()
    served += _served_by_a_gateway() + _served_by_an_ingestion()
    kinds = dict(re.findall(r"^# TYPE (restock_\w+) (\w+)$", served, re.MULTILINE))
    table = (ROOT / "docs" / "operations.md").read_text()
    rows = re.findall(r"^\| `(restock_\w+)` \| (\w+) \| (.+?) \| (.*?) \|$", table, re.MULTILINE)
    assert {name: spec.kind for name, spec in METRICS.items()} == kinds
    assert [
        (name, spec.kind, ", ".join(spec.labels) or "-", spec.meaning)
        for name, spec in METRICS.items()
    ] == rows
