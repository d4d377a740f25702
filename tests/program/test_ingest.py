# SPDX-License-Identifier: Apache-2.0
"""`restock ingest` as a process: exit codes, signals, and one line for each error."""

import json
import subprocess
import sys
from pathlib import Path

from tests.program.conftest import MakeShop
from tests.support.documents import Answer, Documents, served
from tests.support.kafka import until
from tests.support.shop import Shop, stop

EXAMPLE = Path(__file__).parents[2] / "docs" / "example" / "events.jsonl"


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
