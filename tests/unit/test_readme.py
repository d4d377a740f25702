# SPDX-License-Identifier: Apache-2.0
"""What the README shows is what happens."""

import re
import shlex
import shutil
from pathlib import Path

import orjson
import pytest

from connectors.kafka.clients import new_admin
from journey.reasons import Reason
from restock.cli import main
from restock.settings_layers import load_settings
from restock.ways import build_ways
from schemas.records import Order
from schemas.validation import validate_record

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def test_the_replay_example_prints_what_the_readme_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command gives the summary shown, and tells the three people as described."""
    match = re.search(r"^\$ restock (replay .*)\n(\{.*\})$", README, re.MULTILINE)
    assert match is not None
    shutil.copytree(ROOT / "docs" / "example", tmp_path / "docs" / "example")
    monkeypatch.chdir(tmp_path)
    assert 0 == main(shlex.split(match[1]))
    assert orjson.loads(match[2]) == orjson.loads(capsys.readouterr().out)
    told = [orjson.loads(line) for line in Path("told.jsonl").read_bytes().splitlines()]
    assert [
        ("ada@example.com", "2026-11-20T10:00:00.000Z"),
        ("ben@example.com", "2026-11-20T10:00:00.000Z"),
        ("cleo@example.com", "2026-11-20T10:10:00.000Z"),
    ] == [(record["profile"]["email"], record["triggered_at"]) for record in told]


def test_the_configuration_in_the_readme_is_valid(tmp_path: Path) -> None:
    """It loads, librdkafka takes its options, and its policy makes sense."""
    (block,) = re.findall(r"```toml\n(.*?)```", README, re.DOTALL)
    (tmp_path / "restock.toml").write_text(block)
    environment = {"RESTOCK_KAFKA__OPTIONS__SASL_PASSWORD": "x"}
    settings = load_settings(None, environment=environment, directory=tmp_path).settings
    new_admin(settings.kafka)
    book = settings.policy_book()
    assert 5 == book.account.per_unit
    assert 1 == book.for_variant("$custom:::$default:::DROP-9").per_unit


def test_every_link_in_the_readme_leads_somewhere() -> None:
    """Files that it points at exist."""
    links = re.findall(r"\]\((?!https?:)([^)#]+)", README)
    assert len(links) > 4
    assert [] == [link for link in links if not (ROOT / link).exists()]


def test_the_configuration_in_the_page_on_delivery_is_valid(tmp_path: Path) -> None:
    """Its sinks can be made, its steps are a journey, and its order is one."""
    page = (ROOT / "docs" / "delivery.md").read_text()
    (tmp_path / "restock.toml").write_text(
        "\n".join(re.findall(r"```toml\n(.*?)```", page, re.DOTALL))
    )
    environment = {"RESTOCK_SINKS__MAIL__PASSWORD": "x"}
    settings = load_settings(None, environment=environment, directory=tmp_path).settings
    assert ["mail", "hook"] == list(build_ways(settings))
    assert ["first", "nudge"] == [step.name for step in settings.plan().steps]
    (order,) = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    assert 2 == len(validate_record(Order, order.encode()).items)


def test_every_reason_is_in_the_page_on_delivery() -> None:
    """Whoever finds one in a record can look it up, and only those."""
    page = (ROOT / "docs" / "delivery.md").read_text()
    table = page[page.index("| reason |") : page.index("`quiet_hours` put")]
    assert sorted(Reason) == sorted(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE))
