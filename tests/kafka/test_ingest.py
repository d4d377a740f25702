# SPDX-License-Identifier: Apache-2.0
"""`restock ingest` on a broker: topics, feeds and files become records of the inventory topic."""

import json
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from connectors.errors import DeliveryFailed, TopicMissing
from connectors.inbound.contract import Mapped, Message
from connectors.inbound.mapping import MappingSource
from connectors.inbound.records import StockRecord
from connectors.kafka.writer import Writer
from restock.errors import UsageError
from restock.ingesting_taking import Taker, Written
from restock.ingesting_topics import group_of
from restock.ingesting_wanted import Wanted
from tests.support.documents import Answer, served
from tests.support.ingesting import AT, CLOCK, MAPPING, Shop, message, reading
from tests.support.kafka import committed, produce, read, until, values


def test_a_topic_becomes_records_and_offsets_follow(shop: Shop) -> None:
    """What is refused is a dead letter with its reason; a second run goes on behind the first."""
    shop.say(message("a", 1), None, b"{", message("b", "x"), message("c", 3))
    with reading(shop) as first:
        until(lambda: first.taker.tally.messages == 5)
    assert None is first.error
    assert {"a": 1, "c": 3} == shop.stock()
    tally = first.taker.tally
    assert (2, 2, {"tombstone": 1}) == (tally.records, tally.refused, dict(tally.ignored))
    assert ({"taken": 2, "refused": 2, "ignored": 1}, CLOCK) == (
        dict(tally.outcomes),
        tally.last_at,
    )
    letters = read(shop.kafka, f"{shop.inventory}.dlq")
    assert [b"{", message("b", "x")] == values(letters)
    assert [(b"not_json", b"2"), (b"wrong_shape", b"3")] == [
        (found["restock-dlq-reason"], found["__connect.errors.offset"])
        for found in (dict(letter.headers() or []) for letter in letters)
    ]
    group = shop.kafka.model_copy(update={"group_id": shop.group})
    assert {(shop.inbox, 0): 5} == committed(group, [(shop.inbox, 0)])
    shop.say(message("d", 4))
    with reading(shop) as second:
        until(lambda: second.taker.tally.messages == 1)
    assert {"a": 1, "c": 3, "d": 4} == shop.stock()


class Killed(Exception):  # noqa: N818 - what happens
    """Stands in for a kill."""


def test_a_kill_between_writing_and_committing_repeats_and_loses_nothing(shop: Shop) -> None:
    """The next run reads the same again: the records are the same, so they change nothing."""

    class DyingReceiver(Written):
        @override
        def flush(self) -> None:
            super().flush()
            raise Killed

    shop.say(message("a", 1), message("b", 2))
    with reading(
        shop,
        lambda writer: Taker(
            MappingSource(MAPPING), DyingReceiver(writer, shop.inventory), lambda: CLOCK
        ),
    ) as killed:
        until(lambda: killed.error is not None)
    assert isinstance(killed.error, Killed)
    before = values(read(shop.kafka, shop.inventory))
    assert before
    with reading(shop) as second:
        until(lambda: second.taker.tally.messages == 2)
    assert {"a": 1, "b": 2} == shop.stock()
    after = values(read(shop.kafka, shop.inventory))
    assert len(before) + 2 == len(after)
    assert 2 == len(set(after))


def test_headers_key_and_time_of_a_record_reach_the_source(shop: Shop) -> None:
    """Names of headers in lower case."""
    seen: list[Message] = []

    class Source(MappingSource):
        @override
        def map(self, one: Message) -> Mapped:
            seen.append(one)
            return Mapped((StockRecord("v", b"{}"),))

    prepared: list[bytes] = []
    produce(
        shop.kafka.bootstrap_servers, shop.inbox, [(b"k", b"x")],
        headers=[("X-Topic", b"t"), ("X-Null", None)], timestamp=AT,
    )  # fmt: skip
    with reading(
        shop,
        lambda writer: Taker(
            Source(MAPPING), Written(writer, shop.inventory), lambda: CLOCK, prepared.append
        ),
    ) as one:
        until(lambda: one.taker.tally.messages == 1)
    assert [Message(b"x", AT, {"x-topic": "t", "x-null": ""}, "k")] == seen
    assert [b"x"] == prepared


def test_a_dry_run_over_a_topic_shows_and_marks_nothing(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    """It reads to the current end, in no group."""
    shop.say(message("a", 1), None, b"{")
    table = MAPPING.model_dump(exclude_none=True)
    shop.run("mapping", Wanted(topic=shop.inbox, dry_run=True, as_json=True), mapping=table)
    record, summary = capsys.readouterr().out.splitlines()
    assert "a" == json.loads(record)["variant_id"]
    assert {
        "messages": 3, "records": 1, "refused": 1, "refusals": {"not_json": 1},
        "ignored": {"tombstone": 1},
    } == json.loads(summary)  # fmt: skip
    assert {} == shop.stock()
    group = shop.kafka.model_copy(update={"group_id": group_of(shop.kafka, "mapping")})
    assert {(shop.inbox, 0): -1001} == committed(group, [(shop.inbox, 0)])


def feed(**figures: int) -> bytes:
    """A feed in Klaviyo's form."""
    return json.dumps(
        [{"id": name, "inventory_quantity": figure} for name, figure in figures.items()]
    ).encode()


def feed_table(**fields: object) -> dict[str, Any]:
    """Settings of a feed."""
    return {"variant_prefix": "", **fields}


def test_feeds_from_files_write_what_differs(
    shop: Shop, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first all, the second what has changed; a feed that is cut changes nothing."""
    first, second, cut = tmp_path / "1.json", tmp_path / "2.json", tmp_path / "3.json"
    first.write_bytes(feed(a=1, b=2))
    second.write_bytes(feed(a=1, c=3))
    cut.write_bytes(feed(a=7, b=8)[:-5])
    shop.run("feed", Wanted([first], at=AT), feed=feed_table())
    assert {"a": 1, "b": 2} == shop.stock()
    table = feed_table(absent="sold_out")
    shop.run("feed", Wanted([second], at=AT + 1, dry_run=True, as_json=True), feed=table)
    *shown, summary = capsys.readouterr().out.splitlines()
    assert {"c": 3, "b": 0} == {
        value["variant_id"]: value["quantity"] for value in map(json.loads, shown)
    }
    assert {
        "feed": str(second), "same": 1, "changed": 0, "new": 1, "absent": 1, "newer": 0,
        "mixed": 0, "refused": 0, "records": 2, "refusals": {},
    } == json.loads(summary)  # fmt: skip
    assert {"a": 1, "b": 2} == shop.stock()
    shop.run("feed", Wanted([second], at=AT + 1), feed=table)
    assert {"a": 1, "b": 0, "c": 3} == shop.stock()
    with pytest.raises(Exception, match="cut short or malformed"):
        shop.run("feed", Wanted([cut], at=AT + 2), feed=table)
    assert {"a": 1, "b": 0, "c": 3} == shop.stock()
    errors = capsys.readouterr().err
    assert "2.json: 1 same, 0 changed, 1 new, 1 absent, 0 newer" in errors


def test_a_feed_is_fetched_with_the_time_of_its_making(shop: Shop) -> None:
    """Several in one run know what the ones before have written."""
    with served() as documents:
        headers = {"Last-Modified": "Thu, 20 Nov 2025 12:00:00 GMT"}
        documents.answers["/feed"] = Answer(feed(a=1), headers=headers)
        table = feed_table(
            url=documents.url + "/feed", allow_http=True, allow_networks=["127.0.0.0/8"]
        )
        shop.run("shopfeed", Wanted(), shopfeed={"kind": "feed", **table})
    (found,) = read(shop.kafka, shop.inventory)
    value = json.loads(found.value() or b"")
    assert (AT, "feed:shopfeed", b"a") == (value["occurred_at"], value["source"], found.key())


def test_files_of_messages_are_written(
    shop: Shop, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A line each, or one document; refusals are shown."""
    lines, document = tmp_path / "a.jsonl", tmp_path / "b.json"
    lines.write_bytes(message("a", 1) + b"\n\n" + message("b", "?") + b"\n" + message("c", 3))
    document.write_bytes(json.dumps({"sku": "d", "stock": 4, "at": AT}, indent=1).encode())
    table = MAPPING.model_dump(exclude_none=True)
    shop.run("mapping", Wanted([lines, document]), mapping=table)
    assert {"a": 1, "c": 3, "d": 4} == shop.stock()
    assert "4 messages read, 3 records written, 1 refused\n  wrong_shape: quantity: not a num" in (
        capsys.readouterr().err
    )


def test_topics_that_are_missing_are_named(shop: Shop) -> None:
    """Before anything is read."""
    with pytest.raises(TopicMissing, match="nowhere"):
        shop.run("restock", Wanted(topic="nowhere"))


def test_a_record_that_cannot_be_written_ends_the_run(shop: Shop) -> None:
    """And its offset is not committed."""

    def to_nowhere(writer: Writer) -> Taker:
        return Taker(MappingSource(MAPPING), Written(writer, "nowhere"), lambda: CLOCK)

    shop.say(message("a", 1))
    with reading(shop, to_nowhere) as one:
        until(lambda: one.error is not None)
    assert isinstance(one.error, DeliveryFailed)
    group = shop.kafka.model_copy(update={"group_id": shop.group})
    assert {(shop.inbox, 0): -1001} == committed(group, [(shop.inbox, 0)])


def test_nothing_to_read_is_a_usage_error(shop: Shop) -> None:
    """With what to do."""
    with pytest.raises(UsageError, match=r"--topic or ingest.restock.topic"):
        shop.run("restock", Wanted())
    with pytest.raises(UsageError, match=r"ingest\.feed\.url is not set"):
        shop.run("feed", Wanted())


def test_a_topic_that_is_written_is_not_read(shop: Shop) -> None:
    """There would be no end of it; to look at it is another matter."""
    for topic in (shop.inventory, f"{shop.inventory}.dlq", shop.items):
        with pytest.raises(UsageError, match="without end"):
            shop.run("restock", Wanted(topic=topic))
        shop.run("restock", Wanted(topic=topic, dry_run=True))
