# SPDX-License-Identifier: Apache-2.0
"""How an ingestion says that it is well, or what is the matter."""

from datetime import timedelta

from prometheus_client import generate_latest

from connectors.inbound.contract import Learned, Mapped, Refusal
from connectors.inbound.reconcile import Counts
from connectors.inbound.records import StockRecord
from connectors.kafka.settings import KafkaSettings
from restock.ingesting_metrics import registry
from restock.ingesting_observing import Ingestion, IngestionHealth, asked_again
from restock.ingesting_taking import Tally
from restock.settings import Settings
from restock.sources import KINDS, read_source


def reasons(ingestion: Ingestion) -> dict[str, str | None]:
    """Each check, and why it is not content."""
    return {check.name: check.reason for check in IngestionHealth(ingestion).checks()}


def test_ready_while_messages_are_taken() -> None:
    """Not before, not when it is to end; alive at all times."""
    one = Ingestion("shop", Tally())
    assert {"source": "starting", "kafka": None, "feed": None} == reasons(one)
    one.running = True
    assert {"source": None, "kafka": None, "feed": None} == reasons(one)
    one.stop.set()
    assert "ending" == reasons(one)["source"]
    assert None is IngestionHealth(one).alive()


def test_what_is_the_matter_is_said() -> None:
    """With Kafka, or with the last feed."""
    one = Ingestion("shop", Tally(), running=True, feed_trouble="cut", kafka_trouble="away")
    assert {"source": None, "kafka": "away", "feed": "cut"} == reasons(one)


def test_kafka_is_asked_whether_it_is_there() -> None:
    """Nobody listens at this port."""
    noted: list[str | None] = []
    settings = KafkaSettings(
        bootstrap_servers="127.0.0.1:1", connect_timeout=timedelta(milliseconds=100)
    )
    asked_again(settings, noted.append)()
    (reason,) = noted
    assert reason is not None
    assert "no Kafka broker answers at 127.0.0.1:1" in reason


def test_metrics_of_an_ingestion() -> None:
    """Each message has one outcome, whatever else came of it; a feed counts as one."""
    tally = Tally()
    record = StockRecord("v", b"{}")
    tally.add(Mapped((record, record)))
    tally.add(Mapped(learned=(Learned("i", "v"),), ignored="empty"))
    tally.add(Mapped((record,), (Refusal("bad", "?"),)))
    tally.add(Mapped(ignored="other_topic"))
    tally.include(Tally(), 5, 1_500)
    tally.refuse("not_applied")
    one = Ingestion("shop", tally, running=True, snapshot=Counts(same=7, absent=1))
    text = generate_latest(registry(one, IngestionHealth(one).checks)).decode()
    assert {
        "restock_ready 1.0",
        'restock_ingest_messages_total{outcome="taken",source="shop"} 3.0',
        'restock_ingest_messages_total{outcome="refused",source="shop"} 2.0',
        'restock_ingest_messages_total{outcome="ignored",source="shop"} 1.0',
        'restock_ingest_refusals_total{reason="bad",source="shop"} 1.0',
        'restock_ingest_refusals_total{reason="not_applied",source="shop"} 1.0',
        'restock_ingest_records_total{source="shop"} 8.0',
        'restock_ingest_last_message_timestamp_seconds{source="shop"} 1.5',
        'restock_ingest_snapshot_items{outcome="same",source="shop"} 7.0',
        'restock_ingest_snapshot_items{outcome="absent",source="shop"} 1.0',
        'restock_ingest_snapshot_items{outcome="newer",source="shop"} 0.0',
    } <= set(text.splitlines())


def test_sources_that_learn_are_known() -> None:
    """The others need no topic of items."""
    assert {"magento", "shopify"} == {name for name, kind in KINDS.items() if kind.learns}
    assert not read_source(Settings(), "restock").learns
    assert read_source(Settings(), "shopify").learns
