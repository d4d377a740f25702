# SPDX-License-Identifier: Apache-2.0
"""The health port of the running program."""

import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from restock.embedded_broker import EmbeddedBroker
from tests.program.conftest import MakeShop
from tests.support.asking import ask, free_port
from tests.support.shop import PATIENCE, Shop, now, stop

if TYPE_CHECKING:
    from subprocess import Popen

PEOPLE = [f"P{number:02}" for number in range(6)]
MANY = [f"P{number:02}" for number in range(20)]


def metric(port: int, name: str) -> float:
    """The sum over all labels."""
    _, text = ask(port, "/metrics")
    return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines()
               if line.split("{")[0].split(" ")[0] == name)  # fmt: skip


def until(condition: Callable[[], bool], process: "Popen[str] | None" = None) -> None:
    """Wait for it, and fail when it never comes or the process has ended."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert process is None or process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


@pytest.fixture
def broker_and_shop(tmp_path: Path) -> Iterator[tuple[EmbeddedBroker, Shop, int]]:
    """A broker that can be taken down, and a shop that tells one person every 300 ms."""
    port = free_port()
    settings = (
        f'[health]\nport = {port}\n[policy]\nper_unit = 1\nwait = "300ms"\n'
        f'[kafka.options]\n"reconnect.backoff.max.ms" = 200\n'
    )
    with EmbeddedBroker() as broker:
        shop = Shop(tmp_path, broker.bootstrap_servers, "health", settings)
        text = shop.config.read_text()
        shop.config.write_text(text.replace("[kafka]\n", '[kafka]\nconnect_timeout = "1s"\n'))
        shop.create_topics(broker.create_topic)
        try:
            yield broker, shop, port
        finally:
            shop.close()


def test_ready_once_everything_is_read(make_shop: MakeShop) -> None:
    """Ready means that the people of the input have been told; the metrics count them."""
    port = free_port()
    shop = make_shop(f"[health]\nport = {port}\n")
    shop.sign_up("shoe", PEOPLE, occurred_at=now() - 60_000)
    shop.stock("shoe", 1)
    shop.send_raw(b"\xff")
    process = shop.start()
    until(lambda: ask(port, "/readyz")[0] == 200)
    expected = {
        "restock_records_read_total": 8,
        "restock_records_dead_lettered_total": 1,
        "restock_people_told_total": 6,
        "restock_waves_started_total": 1,
        "restock_variants": 1,
        "restock_people_waiting": 0,
        "restock_lag_records": 0,
        "restock_durable_offset": 8,
        "restock_ready": 1,
    }
    assert expected == {name: metric(port, name) for name in expected}
    assert (200, "ok\n") == ask(port, "/livez")
    assert 6 == len(shop.wait_for_notifications(6))
    code, _ = stop(process)
    assert (0, 0) == (code, ask(port, "/livez")[0])


def test_a_port_in_use_ends_the_start(make_shop: MakeShop) -> None:
    """One line names it, and nothing is changed."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        shop = make_shop(f"[health]\nport = {port}\n")
        result = shop.run("run", "--config", str(shop.config))
    assert 1 == result.returncode
    (line,) = result.stderr.splitlines()
    assert f"health.port: cannot listen at 127.0.0.1 port {port}" in line
    assert not (shop.directory / "state").exists()


def test_an_outage_is_told_and_passes(
    broker_and_shop: tuple[EmbeddedBroker, Shop, int],
) -> None:
    """Kafka's silence makes it unready, not dead; when Kafka is back it is ready by itself."""
    broker, shop, port = broker_and_shop
    process = shop.start()
    until(lambda: ask(port, "/readyz")[0] == 200)
    broker.set_down()
    until(lambda: "Kafka has not answered" in ask(port, "/readyz")[1], process)
    assert 200 == ask(port, "/livez")[0]
    broker.set_up()
    until(lambda: ask(port, "/readyz")[0] == 200)
    assert 0 == stop(process)[0]


def test_a_stop_does_not_wait_for_a_broker_that_is_gone(
    broker_and_shop: tuple[EmbeddedBroker, Shop, int],
) -> None:
    """A stop in an outage ends after `connect_timeout`, in one line; the next start makes up."""
    broker, shop, port = broker_and_shop
    shop.sign_up("shoe", MANY, occurred_at=now() - 60_000)
    shop.stock("shoe", 1)
    process = shop.start()
    until(lambda: metric(port, "restock_people_told_total") >= 1)
    broker.set_down()
    until(lambda: "Kafka has not answered" in ask(port, "/readyz")[1])
    # Epochs have a second: the one at hand waits for the broker.
    until(lambda: metric(port, "restock_epoch_age_seconds") >= 3)
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=PATIENCE)
    # The delivery timeout, which it would wait for otherwise, is two minutes.
    assert time.monotonic() - began < 30
    assert 1 == process.returncode
    last = errors.splitlines()[-1]
    # Whether the last record was acknowledged before the broker went decides what is waited for.
    assert last.startswith("restock: ")
    assert broker.bootstrap_servers in last
    broker.set_up()
    shop.start()
    told = [record["profile"]["id"] for record in shop.wait_for_notifications(len(MANY))]
    assert MANY == sorted(told)
