# SPDX-License-Identifier: Apache-2.0
"""What somebody sees who runs the program while brokers fail, and that the next start mends it."""

import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # exported unmarked
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
)

from restock.embedded_broker import ApiKey, EmbeddedBroker
from tests.support.shop import PATIENCE, Shop, now, stop

PEOPLE = [f"P{number:02}" for number in range(20)]
QUICK = '[policy]\nper_unit = 1\nwait = "100ms"\n'
IMPATIENT = 'delivery_timeout = "1s"\nconnect_timeout = "1s"\n'
INVALID_REQUIRED_ACKS = 21


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    """A mock cluster of the test's own, to be made to fail."""
    with EmbeddedBroker() as started:
        yield started


@pytest.fixture
def shop(broker: EmbeddedBroker, tmp_path: Path) -> Iterator[Shop]:
    """A shop on that cluster, with people waiting for a shoe."""
    made = Shop(tmp_path, broker.bootstrap_servers, "shop", QUICK)
    made.config.write_text(made.config.read_text().replace("[state]", f"{IMPATIENT}[state]", 1))
    made.create_topics(broker.create_topic, 1)
    made.sign_up("shoe", PEOPLE, occurred_at=now() - 60_000)
    yield made
    made.close()


def ended(shop: Shop, *arguments: str) -> str:
    """The one line with which the program ended."""
    process = shop._processes[-1] if shop._processes and not arguments else shop.start(*arguments)
    _, errors = process.communicate(timeout=PATIENCE)
    lines = [line for line in errors.splitlines() if line.startswith("restock: ")]
    assert 1 == process.returncode, errors
    assert "panicked" not in errors
    assert "Traceback" not in errors
    assert 1 == len(lines), errors
    assert lines[0] == errors.splitlines()[-1]
    return lines[0]


def order(shop: Shop) -> list[str]:
    """Who was told, in the order of the only partition."""
    return [record["profile"]["id"] for record in shop.wait_for_notifications(len(PEOPLE))]


def test_a_write_that_is_refused_ends_it_and_is_made_up_for(
    shop: Shop, broker: EmbeddedBroker
) -> None:
    """The line names topic and reason; the next start tells everybody, once and in order."""
    shop.start()
    shop.stock("shoe", 2)
    shop.wait_for_notifications(2)
    broker.push_partition_errors(
        shop.topics.notifications, 0, ApiKey.PRODUCE, [INVALID_REQUIRED_ACKS]
    )
    line = ended(shop)
    shop.start()

    assert f"topic {shop.topics.notifications}: " in line
    assert "the next start writes again what is missing" in line
    assert PEOPLE == order(shop)


def test_brokers_that_stay_away_while_people_are_told(shop: Shop, broker: EmbeddedBroker) -> None:
    """It ends after `kafka.delivery_timeout`; with the brokers back, the next start goes on."""
    shop.start()
    shop.stock("shoe", 1)
    shop.wait_for_notifications(3)
    broker.set_down()
    line = ended(shop)
    refused = ended(shop, "--shard", "0/1")
    broker.set_up()
    shop.start()

    unanswered = f"no Kafka broker answers at {broker.bootstrap_servers} within 1 s"
    # Whatever was on its way may have been acknowledged: then it is the next question that fails.
    assert f"not acknowledged by Kafka at {broker.bootstrap_servers} for 1 s" in line or (
        unanswered in line
    )
    assert unanswered in refused
    assert PEOPLE == order(shop)


def test_an_outage_that_passes_is_ridden_out(broker: EmbeddedBroker, tmp_path: Path) -> None:
    """All brokers gone for a second, then slow: the same process tells everybody, once."""
    shop = Shop(tmp_path, broker.bootstrap_servers, "shop", QUICK)
    shop.create_topics(broker.create_topic, 1)
    shop.sign_up("shoe", PEOPLE, occurred_at=now() - 60_000)
    process = shop.start()
    shop.stock("shoe", 1)
    shop.wait_for_notifications(3)
    broker.set_down()
    threading.Event().wait(1.0)
    broker.set_up()
    broker.set_round_trip_time(-1, 300)
    told = order(shop)
    broker.set_round_trip_time(-1, 0)
    code, errors = stop(process)

    assert PEOPLE == told
    assert (0, []) == (code, [line for line in errors.splitlines() if line.startswith("restock:")])


@pytest.mark.parametrize("start", ["earliest", "latest", "timestamp"])
def test_offsets_that_retention_took_need_a_word(
    shop: Shop, broker: EmbeddedBroker, start: str
) -> None:
    """Without `--from` it refuses and says what is there; with it, it goes on there."""
    process = shop.start()
    shop.stock("shoe", len(PEOPLE))
    assert PEOPLE == order(shop)
    stop(process)
    for person in ("Q1", "Q2"):
        shop.sign_up("coat", [person], occurred_at=now() - 1000)
    broker.delete_records(shop.topics.subscriptions, 0, len(PEOPLE) + 1)
    line = ended(shop, "--shard", "0/1")
    at = str(now() - 3_600_000) if start == "timestamp" else start
    shop.start("--from", at)
    shop.stock("coat", 5)
    if start == "earliest":
        shop.wait_for_notifications(len(PEOPLE) + 1)
    else:
        # The mock cluster knows no times: it answers with the end.
        shop.wait_for(shop.topics.waitlist, 2)
        shop.sign_up("coat", ["Q3"], occurred_at=now() - 1000)
    found = shop.wait_for_notifications(len(PEOPLE) + 1)

    assert "the next record to read has offset 20, but the topic holds 21 to 22" in line
    assert "a start with --from earliest|latest|<timestamp>" in line
    assert {"earliest": "Q2"}.get(start, "Q3") == found[-1]["profile"]["id"]


def test_a_bug_is_one_line_too(shop: Shop, tmp_path: Path) -> None:
    """Not pages of stack: the line says what to set to see them."""
    broken = tmp_path / "sitecustomize.py"
    broken.write_text(
        "import waitlist.slot\n"
        "def apply(self, events, now):\n"
        "    if events: raise KeyError('oops')\n"
        "waitlist.slot.Slot.apply = apply\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", f"{tmp_path}:{Path(__file__).parents[2]}")
        line = ended(shop, "--shard", "0/1")
        patch.setenv("RESTOCK_DEBUG", "1")

    assert (
        "restock: unexpected KeyError: 'oops'; this is a bug, RESTOCK_DEBUG=1 shows where" == line
    )


def test_a_notification_that_is_too_large(real_broker_address: str, tmp_path: Path) -> None:
    """It ends every start with its size and the remedy; once the limit is raised, all are told."""
    from tests.support import brokers  # noqa: PLC0415 - real broker only

    shop = Shop(tmp_path, real_broker_address, f"large-{time.time_ns()}", QUICK)

    def create(name: str, partitions: int) -> None:
        small = {"max.message.bytes": "3000"} if name == shop.topics.notifications else {}
        brokers.create_topic(real_broker_address, name, partitions, small)

    shop.create_topics(create, 1)
    try:
        # What counts is the size after compression.
        long = random.Random(7).randbytes(4000).hex()
        shop.sign_up("shoe", ["P0", long, "P2"], occurred_at=now() - 60_000)
        shop.stock("shoe", 3)
        lines = [ended(shop, "--shard", "0/1") for _ in range(2)]
        limit = ConfigEntry(
            "max.message.bytes", "1000000", incremental_operation=AlterConfigOpType.SET
        )
        resource = ConfigResource(
            ConfigResource.Type.TOPIC, shop.topics.notifications, incremental_configs=[limit]
        )
        admin = AdminClient({"bootstrap.servers": real_broker_address})
        for future in admin.incremental_alter_configs([resource]).values():
            future.result(10)
        shop.start()
        found = shop.wait_for_notifications(3)
    finally:
        shop.close()

    for line in lines:
        assert f"topic {shop.topics.notifications}: " in line
        assert "raise max.message.bytes of the topic (this record alone has " in line
    assert ["P0", long, "P2"] == [record["profile"]["id"] for record in found]
