# SPDX-License-Identifier: Apache-2.0
"""`restock gateway` as a process: from every door to a notification, and when Kafka is away."""

import json
import re
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest

from connectors.sinks.content import Person
from connectors.unsubscribe import UnsubscribeTokens
from restock.embedded_broker import EmbeddedBroker
from schemas.timestamps import format_timestamp
from tests.program.conftest import MakeShop
from tests.support.gateways import COMPANY_ID, UNSUBSCRIBE_SECRET, Gateway, sign_up
from tests.support.kafka import until
from tests.support.shop import PATIENCE, Shop, now

# For what does not depend on the broker.
ON_MOCK = pytest.mark.parametrize("bootstrap_servers", ["mock"], indirect=True)

CUSTOM = "$custom:::$default:::SKU-MED"
SHOPIFY = "$shopify:::$default:::33001893429341"
CENTRA = "$custom:::$default:::12366_SE_00_23400"
PRODUCT = {
    "id": 8416570474776,
    "title": "Sock",
    "handle": "sock",
    "status": "active",
    "published_at": "2026-06-30T13:38:03-04:00",
    "updated_at": "2026-06-30T13:38:03-04:00",
    "variants": [
        {
            "id": 33001893429341,
            "product_id": 8416570474776,
            "title": "Medium",
            "price": "9.00",
            "inventory_policy": "deny",
            "inventory_management": "shopify",
            "inventory_item_id": 271878346596884015,
            "inventory_quantity": 0,
            "updated_at": "2026-06-30T13:38:03-04:00",
        }
    ],
}
LEVEL = {
    "inventory_item_id": 271878346596884015,
    "location_id": 655441491,
    "available": 2,
}


@pytest.fixture
def gateway(make_shop: MakeShop) -> Iterator[Gateway]:
    """A gateway for a shop with all its topics."""
    gateway = Gateway(make_shop())
    with gateway.client:
        yield gateway


def sign_up_everywhere(gateway: Gateway) -> dict[str, str]:
    """One person by each door, and what they wait for."""
    call, company = gateway.client.post, f"?company_id={COMPANY_ID}"
    json_api = {"revision": "2026-07-15", "Content-Type": "application/vnd.api+json"}
    form = {"a": COMPANY_ID, "platform": "api", "variant": "SKU-MED"}
    centra = {
        "item": "12366-23400",
        "shipTo": {"country": "SE"},
        "email": "centra@example.com",
        "language": "sv",
    }
    answers = [
        gateway.server(
            "POST",
            "/api/back-in-stock-subscriptions/",
            json=sign_up("server@example.com", SHOPIFY),
        ),
        call(
            f"/client/back-in-stock-subscriptions{company}",
            content=json.dumps(sign_up("browser@example.com", CUSTOM)),
            headers=json_api,
        ),
        call("/api/v1/catalog/subscribe", data=form | {"email": "legacy@example.com"}),
        call(
            "/onsite/components/back-in-stock/subscribe",
            files={
                name: (None, text)
                for name, text in (form | {"email": "onsite@example.com"}).items()
            },
        ),
        call("/api/checkout-api/back-in-stock-subscription", json=centra),
    ]
    assert [answer.text for answer in answers if not answer.is_success] == []
    return {
        "server@example.com": SHOPIFY,
        "browser@example.com": CUSTOM,
        "legacy@example.com": CUSTOM,
        "onsite@example.com": CUSTOM,
        "centra@example.com": CENTRA,
    }


def level() -> bytes:
    """Two pieces, as of now."""
    return json.dumps(LEVEL | {"updated_at": format_timestamp(now())}).encode()


def bring_stock(gateway: Gateway) -> None:
    """As the platforms do."""
    found = level()
    variant = {"type": "catalog-variant", "id": CUSTOM, "attributes": {"inventory_quantity": 25}}
    answers = [
        gateway.shopify("products/update", json.dumps(PRODUCT).encode(), "1"),
        gateway.shopify("inventory_levels/update", found, "2"),
        gateway.shopify("inventory_levels/update", found, "2"),
        gateway.server("PATCH", f"/api/catalog-variants/{CUSTOM}", json={"data": variant}),
        gateway.server(
            "POST", "/ingest/mapping", json={"sku": CENTRA.rpartition(":::")[2], "stock": 3}
        ),
    ]
    assert [200] * 5 == [answer.status_code for answer in answers], [a.text for a in answers]


def test_whoever_signs_up_by_any_door_is_told(gateway: Gateway) -> None:
    """Everybody once, of what the platforms have said is back."""
    shop = gateway.shop
    process = gateway.start()
    waiting = sign_up_everywhere(gateway)
    bring_stock(gateway)
    shop.start()
    told = {
        each["profile"]["email"]: each["variant_id"]
        for each in shop.wait_for_notifications(len(waiting))
    }
    assert waiting == told
    by_email = {each["profile"]["email"]: each for each in shop.wait_for_notifications(5)}
    assert ("sv", "SE") == tuple(
        by_email["centra@example.com"][key] for key in ("locale", "market")
    )
    assert "Sock" == by_email["server@example.com"]["product"]["title"]
    metrics = gateway.client.get("/metrics").text
    assert 'restock_gateway_sign_ups_total{door="legacy",outcome="taken"} 2.0' in metrics
    assert 'restock_ingest_messages_total{outcome="repeated",source="shopify"} 1.0' in metrics
    gateway.stop(process)


@ON_MOCK
def test_what_was_learned_outlives_the_gateway(gateway: Gateway) -> None:
    """Which item is which variant is known after a restart, without the product coming again."""
    process = gateway.start()
    gateway.shopify("products/update", json.dumps(PRODUCT).encode(), "1")
    gateway.stop(process)
    gateway.start()
    answer = gateway.shopify("inventory_levels/update", level(), "2")
    assert {"records": 1} == answer.json()


@ON_MOCK
def test_a_figure_that_waits_for_its_item_outlives_the_gateway(gateway: Gateway) -> None:
    """It came before the product, and the gateway was started anew in between."""
    process = gateway.start()
    answer = gateway.shopify("inventory_levels/update", level(), "1")
    assert "unknown_item" == answer.json()["refused"][0]["reason"]
    gateway.stop(process)
    gateway.start()
    gateway.wait_for_log("taken again")
    answer = gateway.shopify("products/update", json.dumps(PRODUCT).encode(), "2")
    assert {"records": 2} == answer.json()
    quantities = [
        json.loads(value)["quantity"] for value in gateway.shop.read(gateway.shop.topics.inventory)
    ]
    assert 2 in quantities


@ON_MOCK
def test_a_client_that_would_rather_speak_http2_is_answered(gateway: Gateway) -> None:
    """As Java's does with its first request; its body is not lost, nor is that of its second."""
    gateway.start()
    headers = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": "AAMA"}
    for wish in (headers, {}):
        answer = gateway.client.post(
            f"/client/back-in-stock-subscriptions?company_id={COMPANY_ID}",
            json=sign_up("java@example.com", CUSTOM),
            headers={"revision": "2026-07-15", **wish},
        )
        assert 202 == answer.status_code, answer.text
    assert "upgrade" not in gateway.log.read_text().lower()


@ON_MOCK
def test_people_can_look_and_leave(gateway: Gateway) -> None:
    """The place in the queue; a sign-off by the list, and one by the link in a mail."""
    shop = gateway.shop
    gateway.start()
    for name in ("ann", "bob", "cid"):
        body = sign_up(f"{name}@example.com", CUSTOM)
        assert (
            202 == gateway.server("POST", "/api/back-in-stock-subscriptions", json=body).status_code
        )
    path = "/api/back-in-stock-subscriptions?filter[email]=cid@example.com"
    found: list[dict[str, Any]] = []
    while not found:
        found = gateway.server("GET", path).json().get("data", [])
    attributes = found[0]["attributes"]
    assert (3, 3) == (attributes["position"], attributes["waiting"])
    path = f"/api/back-in-stock-subscriptions/{found[0]['id']}"
    assert 204 == gateway.server("DELETE", path).status_code
    token = UnsubscribeTokens(UNSUBSCRIBE_SECRET).seal([CUSTOM], Person(email="bob@example.com"))
    answer = gateway.client.post(f"/unsubscribe/{token}", data={"List-Unsubscribe": "One-Click"})
    assert 200 == answer.status_code
    shop.start()
    shop.stock(CUSTOM, 5)
    (told,) = shop.wait_for_notifications(1)
    assert "ann@example.com" == told["profile"]["email"]


def test_without_kafka_nothing_is_acknowledged(tmp_path_factory: pytest.TempPathFactory) -> None:
    """503 with a time to come back; when Kafka is there again all goes on."""
    with EmbeddedBroker() as broker:
        shop = Shop(tmp_path_factory.mktemp("shop"), broker.bootstrap_servers, "away")
        shop.create_topics(broker.create_topic)
        gateway = Gateway(shop, "look_up = false")
        try:
            process = gateway.start()
            broker.set_down()
            path, body = "/api/back-in-stock-subscriptions", sign_up("a@example.com", CUSTOM)
            answer = gateway.server("POST", path, json=body)
            assert 503 == answer.status_code, answer.text
            assert "unavailable" == answer.json()["errors"][0]["code"]
            assert 0 < int(answer.headers["Retry-After"])
            assert "Kafka" in gateway.wait_for("/readyz", 503).text
            assert 200 == gateway.client.get("/livez").status_code
            broker.set_up()
            gateway.wait_for_sign_up(path, body)
            gateway.wait_for("/readyz", 200)
            gateway.stop(process)
        finally:
            gateway.client.close()
            shop.close()


def sign_up_until_it_ends(gateway: Gateway, who: int, taken: list[str]) -> None:
    """Sign people up one after the other; keep who was taken."""
    path, number = "/api/back-in-stock-subscriptions", 0
    with suppress(httpx2.TransportError):
        while True:
            email = f"{who}-{number}@example.com"
            answer = gateway.server("POST", path, json=sign_up(email, CUSTOM))
            assert httpx2.codes.ACCEPTED == answer.status_code
            taken.append(email)
            number += 1


@ON_MOCK
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGKILL, -9)])
def test_whoever_was_taken_is_in_the_topic(
    gateway: Gateway, number: signal.Signals, code: int
) -> None:
    """However the gateway ends in the middle of it; nobody hears anything but 202."""
    process = gateway.start()
    taken: list[str] = []
    with ThreadPoolExecutor(8) as callers:
        calls = [callers.submit(sign_up_until_it_ends, gateway, who, taken) for who in range(8)]
        until(lambda: len(taken) > 100)
        process.send_signal(number)
    assert [None] * 8 == [call.result() for call in calls]
    assert code == process.wait(PATIENCE)
    written = {
        json.loads(value)["profile"]["email"]
        for value in gateway.shop.read(gateway.shop.topics.subscriptions)
    }
    assert set() == set(taken) - written


@ON_MOCK
@pytest.mark.parametrize(
    ("settings", "code", "words"),
    [
        ('private_keys = ["short"]', 2, "gateway.private_keys"),
        ('unsubscribe_secrets = ["short"]', 2, "gateway.unsubscribe_secrets"),
        ('region = "Sweden"', 2, "gateway.region"),
        ("key_burst = 10\nkey_steady = 5", 2, "key_steady must not be less than key_burst"),
        ('catalogue = "nowhere.txt"', 1, "nowhere.txt: No such file"),
        ('[ingest.shopify]\nsecret = "s"', 2, "ingest.shopify.secret"),
        ('[ingest.x]\nkind = "pigeon"', 2, "ingest.x.kind: must be one of"),
    ],
)
def test_a_wrong_start_is_one_line(
    make_shop: MakeShop, settings: str, code: int, words: str
) -> None:
    """What is wrong, where, and what to do."""
    shop = make_shop(f"[gateway]\nlook_up = false\nport = 0\n{settings}\n")
    result = shop.run("gateway", "--config", str(shop.config))
    lines = [line for line in result.stderr.splitlines() if line.startswith("restock: ")]
    assert (code, "") == (result.returncode, result.stdout), result.stderr
    assert [line for line in lines if words in line] == lines, result.stderr
    assert 1 == len(lines)


@ON_MOCK
def test_a_port_that_is_taken(make_shop: MakeShop) -> None:
    """It is named, with the setting."""
    shop = make_shop()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = shop.run("gateway", "--config", str(shop.config), "--port", str(port))
    (line,) = result.stderr.splitlines()
    assert 1 == result.returncode
    assert f"gateway.port: cannot listen at 127.0.0.1 port {port} (Address already in use)" in line


@ON_MOCK
def test_a_port_that_is_none(make_shop: MakeShop) -> None:
    """The flag is named."""
    shop = make_shop(topics=False)
    result = shop.run("gateway", "--config", str(shop.config), "--port", "70000")
    (line,) = result.stderr.splitlines()
    assert 2 == result.returncode
    assert "--port: gateway.port: must be at most 65535" in line


@ON_MOCK
def test_told_to_end_while_it_starts(gateway: Gateway) -> None:
    """It does, and that is no failure."""
    process = gateway.launch()
    deadline = time.monotonic() + PATIENCE
    status = Path(f"/proc/{process.pid}/status")
    caught = 1 << (signal.SIGTERM - 1)
    while not int(re.search(r"SigCgt:\s+(\w+)", status.read_text())[1], 16) & caught:  # type: ignore[index]
        assert process.poll() is None
        assert time.monotonic() < deadline
    process.send_signal(signal.SIGTERM)
    assert 0 == process.wait(PATIENCE), gateway.log.read_text()
    assert "Traceback" not in gateway.log.read_text()


@ON_MOCK
def test_missing_topics(make_shop: MakeShop) -> None:
    """They are named, with the command that makes them."""
    shop = make_shop(topics=False)
    result = shop.run("gateway", "--config", str(shop.config))
    (line,) = result.stderr.splitlines()
    assert 1 == result.returncode
    assert shop.topics.subscriptions in line
    assert "restock topics create" in line
