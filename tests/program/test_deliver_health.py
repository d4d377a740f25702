# SPDX-License-Identifier: Apache-2.0
"""What the health port of `restock deliver` tells of receivers that fail, and of what was sent."""

import time
from collections.abc import Callable

import pytest

from tests.program.conftest import MakeShop
from tests.support.asking import ask, free_port
from tests.support.delivering import Deliveries, Receivers
from tests.support.shop import PATIENCE

# What they show does not depend on the broker.
pytestmark = pytest.mark.parametrize("bootstrap_servers", ["mock"], indirect=True)

IMPATIENT = """\
retry_first = "100ms"
retry_longest = "200ms"
breaker_failures = 3
breaker_pause = "200ms"
breaker_longest_pause = "200ms"
"""


@pytest.fixture
def port() -> int:
    """Nobody listens there now."""
    return free_port()


def until(condition: Callable[[], bool]) -> None:
    """Wait for it, and fail when it never comes."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


def test_a_sink_in_trouble_makes_it_unready(
    make_shop: MakeShop, receivers: Receivers, port: int
) -> None:
    """The endpoint fails: the reason names its sink, mail goes on; when it is well, all is sent."""
    receivers.status = 503
    shop = make_shop(f"[health]\nport = {port}\n")
    deliveries = Deliveries(shop, receivers, more=IMPATIENT)
    for number in range(10):
        deliveries.notify(f"P{number}", position=number + 1)
    deliveries.notify("ann", channels=["EMAIL"])
    deliveries.start()
    until(lambda: "sink hook: its receiver fails" in ask(port, "/readyz")[1])
    assert 503 == ask(port, "/readyz")[0]
    assert (200, "ok\n") == ask(port, "/livez")
    (outcome,) = deliveries.outcomes(1)
    assert ("id:ann", "sent") == (outcome["profile_key"], outcome["outcome"])
    assert {
        'restock_sink_in_trouble{sink="hook"} 1.0',
        'restock_sink_in_trouble{sink="mail"} 0.0',
        'restock_deliveries_total{outcome="sent",reason="",sink="mail"} 1.0',
        "restock_journeys_begun_total 11.0",
    } <= set(ask(port, "/metrics")[1].splitlines())
    receivers.status = 200
    deliveries.outcomes(11)
    until(lambda: ask(port, "/readyz")[0] == 200)
    lines = ask(port, "/metrics")[1].splitlines()
    assert {
        'restock_sink_in_trouble{sink="hook"} 0.0',
        'restock_deliveries_total{outcome="sent",reason="",sink="hook"} 10.0',
        'restock_deliveries_in_flight{sink="hook"} 0.0',
    } <= set(lines)
    retried = 'restock_deliveries_total{outcome="retried",reason="http_503",sink="hook"} '
    (count,) = (float(line.removeprefix(retried)) for line in lines if line.startswith(retried))
    assert count >= 3


def test_metrics_tell_why_nothing_was_sent(
    make_shop: MakeShop, receivers: Receivers, port: int
) -> None:
    """Suppressed, by the reason; refused for good, by the receiver's answer."""
    receivers.status = 400
    deliveries = Deliveries(make_shop(f"[health]\nport = {port}\n"), receivers)
    deliveries.order("ann")
    deliveries.notify("ann", channels=["EMAIL"])
    deliveries.notify("bob")
    deliveries.start()
    deliveries.outcomes(2)
    expected = {
        'restock_deliveries_total{outcome="suppressed",reason="ordered",sink="mail"} 1.0',
        'restock_deliveries_total{outcome="failed",reason="http_400",sink="hook"} 1.0',
    }
    until(lambda: expected <= set(ask(port, "/metrics")[1].splitlines()))
    until(lambda: ask(port, "/readyz")[0] == 200)
