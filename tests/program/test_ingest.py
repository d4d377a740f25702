# SPDX-License-Identifier: Apache-2.0
"""`restock ingest` as a process: exit codes, signals, and one line for each error."""

import json
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.program.conftest import MakeShop
from tests.support.asking import ask, free_port
from tests.support.documents import Answer, Documents, served
from tests.support.kafka import until
from tests.support.shop import Shop, stop

EXAMPLE = Path(__file__).parents[2] / "docs" / "example" / "events.jsonl"

# For what does not depend on the broker.
ON_MOCK = pytest.mark.parametrize("bootstrap_servers", ["mock"], indirect=True)


def start(shop: Shop, *arguments: str) -> "subprocess.Popen[str]":
    """Starts the command; it is ended with the shop."""
    process = subprocess.Popen(
        [sys.executable, "-m", "restock", "ingest", *arguments, "--config", str(shop.config)],
        cwd=shop.directory,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    shop._processes.append(process)
    return process


def wait_for_fetches(documents: Documents, count: int) -> None:
    """Until so many more fetches have begun, so that all but the last are done."""
    before = len(documents.asked)
    until(lambda: len(documents.asked) >= before + count)


@ON_MOCK
def test_a_trace_is_loaded(make_shop: MakeShop) -> None:
    """Its stock figures are in the topic afterwards, and the summary says so."""
    shop = make_shop()
    done = shop.run("ingest", "restock", str(EXAMPLE), "--config", str(shop.config), "--json")
    assert (0, "") == (done.returncode, done.stderr)
    written = shop.read(shop.topics.inventory)
    summary = json.loads(done.stdout)
    assert len(written) == summary["records"] > 0


def test_a_topic_is_read_until_sigterm(make_shop: MakeShop) -> None:
    """What was read by then is written, and the exit code is 0."""
    shop = make_shop("[ingest.restock]\n")
    record = {"variant_id": "v", "quantity": 3, "occurred_at": 1_763_640_000_000}
    shop._send(shop.topics.orders, "k", json.dumps(record).encode())
    process = start(shop, "restock", "--topic", shop.topics.orders)
    assert [record] == shop.wait_for(shop.topics.inventory, 1)
    code, errors = stop(process)
    assert 0 == code
    assert "1 message read, 1 record written, 0 refused" in errors


@ON_MOCK
def test_a_feed_is_fetched_again_and_again(make_shop: MakeShop) -> None:
    """One that is broken is said to be, and the next one counts."""

    def feed(quantity: int) -> Answer:
        return Answer(json.dumps([{"id": "a", "inventory_quantity": quantity}]).encode())

    with served() as documents:
        shop = make_shop(
            f'[ingest.feed]\nurl = "{documents.url}/f"\nallow_http = true\n'
            'allow_networks = ["127.0.0.0/8"]\nvariant_prefix = ""\n'
        )
        documents.answers["/f"] = feed(1)
        process = start(shop, "feed", "--every", "100ms")
        assert 1 == shop.wait_for(shop.topics.inventory, 1)[0]["quantity"]
        documents.answers["/f"] = Answer(b"[{")
        wait_for_fetches(documents, 2)
        # The times of HTTP are whole seconds: a later figure needs a later one.
        later = "Thu, 20 Nov 2025 12:00:00 GMT"
        documents.answers["/f"] = Answer(feed(2).body, headers={"Last-Modified": later})
        wait_for_fetches(documents, 2)
        code, errors = stop(process)
    assert 0 == code
    assert "cut short or malformed" in errors
    assert "1 newer in the stream" in errors
    assert 1 == len(shop.read(shop.topics.inventory))


@ON_MOCK
def test_errors_are_one_line_with_their_exit_code(make_shop: MakeShop) -> None:
    """2 for settings and usage, 1 where the broker is away."""
    shop = make_shop(topics=False)
    config = ("--config", str(shop.config))
    wrong = shop.run("ingest", "nothing", *config)
    assert (2, 1) == (wrong.returncode, len(wrong.stderr.splitlines()))
    shop.config.write_text('[kafka]\nconnect_timeout = "300ms"\n')
    away = shop.run(
        "ingest", "restock", str(EXAMPLE), *config, "--bootstrap-servers", "127.0.0.1:1"
    )
    assert 1 == away.returncode
    assert "no Kafka broker answers" in away.stderr.splitlines()[-1]


def metrics(port: int, *names: str) -> dict[str, float]:
    """These metrics, by name and labels; those that are not there are left out."""
    lines = (line.rsplit(" ", 1) for line in ask(port, "/metrics")[1].splitlines())
    return {name: float(value) for name, value in lines if name.split("{")[0] in names}


def test_a_topic_that_is_read_can_be_watched(
    make_shop: MakeShop, request: pytest.FixtureRequest
) -> None:
    """Health and metrics at the port of the settings; what was learned is there after a restart."""
    port = free_port()
    options = ""
    if request.node.get_closest_marker("docker") is None:
        # The mock cluster takes no notice of members that leave a group: their time must run out.
        options = '[kafka.options]\n"session.timeout.ms" = 500\n"heartbeat.interval.ms" = 100\n'
    shop = make_shop(f"[health]\nport = {port}\n[ingest.shopify]\n{options}")
    level = {
        "inventory_item_id": 7,
        "location_id": 3,
        "available": 4,
        "updated_at": "2025-11-20T12:00:01Z",
    }
    product = {
        "id": 1,
        "updated_at": "2025-11-20T12:00:00Z",
        "variants": [{"id": 8, "inventory_item_id": 7, "inventory_management": "shopify"}],
    }
    before = time.time()
    shop._send(shop.topics.orders, "k", json.dumps(level).encode())
    first = start(shop, "shopify", "--topic", shop.topics.orders)
    refused = 'restock_ingest_refusals_total{reason="unknown_item",source="shopify"}'
    until(lambda: metrics(port, "restock_ingest_refusals_total") == {refused: 1})
    assert (200, "ok\n") == ask(port, "/readyz")
    assert (200, "ok\n") == ask(port, "/livez")
    assert 0 == stop(first)[0]
    shop._send(shop.topics.orders, "k", json.dumps(product).encode())
    second = start(shop, "shopify", "--topic", shop.topics.orders)
    made = 'restock_ingest_records_total{source="shopify"}'
    until(lambda: metrics(port, "restock_ingest_records_total").get(made, 0) > 1)
    taken = 'restock_ingest_last_message_timestamp_seconds{source="shopify"}'
    until(lambda: taken in metrics(port, "restock_ingest_last_message_timestamp_seconds"))
    assert before < metrics(port, "restock_ingest_last_message_timestamp_seconds")[taken]
    code, errors = stop(second)
    assert 0 == code
    assert "messages whose item was unknown were taken again" in errors
    written = [json.loads(value) for value in shop.read(shop.topics.inventory)]
    assert [("$shopify:::$default:::8", 4)] == [
        (record["variant_id"], record["quantity"])
        for record in written
        if record["location_id"] == "3"
    ]


@ON_MOCK
def test_a_feed_that_is_fetched_again_can_be_watched(make_shop: MakeShop) -> None:
    """How it compares with the stream, and that one of them was broken."""
    port = free_port()
    with served() as documents:
        shop = make_shop(
            f'[health]\nport = {port}\n[ingest.feed]\nurl = "{documents.url}/f"\n'
            'allow_http = true\nallow_networks = ["127.0.0.0/8"]\n'
        )
        items = [{"id": name, "inventory_quantity": 1} for name in ("a", "b")]
        documents.answers["/f"] = Answer(json.dumps(items).encode())
        process = start(shop, "feed", "--every", "100ms")
        outcome = 'restock_ingest_snapshot_items{outcome="%s",source="feed"}'
        until(lambda: metrics(port, "restock_ingest_snapshot_items").get(outcome % "same") == 2)
        found = metrics(port, "restock_ingest_snapshot_items", "restock_ingest_records_total")
        assert 0 == found[outcome % "new"]
        assert 2 == found['restock_ingest_records_total{source="feed"}']
        assert (200, "ok\n") == ask(port, "/readyz")
        documents.answers["/f"] = Answer(b"[{")
        until(lambda: ask(port, "/readyz")[0] == 503)
        assert "cut short or malformed" in ask(port, "/readyz")[1]
        refused = 'restock_ingest_refusals_total{reason="not_applied",source="feed"}'
        assert 1 <= metrics(port, "restock_ingest_refusals_total")[refused]
        assert 0 == stop(process)[0]


@ON_MOCK
def test_a_health_port_in_use_ends_the_start(make_shop: MakeShop) -> None:
    """One line names the setting."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        shop = make_shop(f"[health]\nport = {other.getsockname()[1]}\n")
        done = shop.run(
            "ingest", "restock", "--topic", shop.topics.orders, "--config", str(shop.config)
        )
    assert 1 == done.returncode
    assert "health.port: cannot listen" in done.stderr.splitlines()[-1]


@ON_MOCK
def test_a_file_that_a_source_names_is_looked_for_first(make_shop: MakeShop) -> None:
    """By the gateway as well: wrong settings, in one line."""
    shop = make_shop('[ingest.shopify]\nitems = "nowhere.csv"\n', topics=False)
    config = ("--config", str(shop.config))
    for call in (("gateway", *config), ("ingest", "shopify", "--topic", "t", *config)):
        done = shop.run(*call)
        (line,) = done.stderr.splitlines()
        assert (2, True) == (done.returncode, "ingest.shopify.items: nowhere.csv: No such" in line)
