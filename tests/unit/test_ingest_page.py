# SPDX-License-Identifier: Apache-2.0
"""What the page on ingestion shows is what happens."""

import json
import re
from pathlib import Path

import pytest

from restock.cli import build_app
from restock.settings_layers import load_settings
from restock.sources import KINDS, build_plain, read_sources

PAGE = (Path(__file__).parents[2] / "docs" / "ingest.md").read_text()


def blocks(language: str) -> list[str]:
    """The examples in a language."""
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_the_tables_can_be_read_and_built(tmp_path: Path) -> None:
    """All of them together; the password comes from the environment, by the name that is shown."""
    (tmp_path / "restock.toml").write_text("\n".join(blocks("toml")))
    ((variable, value),) = re.findall(r"`(RESTOCK_INGEST__\w+)=(.*?)`", PAGE)
    loaded = load_settings(None, environment={variable: value}, directory=tmp_path)
    sources = read_sources(loaded.settings)
    assert ["feed", "google", "erp", "stock", "wms"] == list(sources)
    assert all(build_plain(source) for source in sources.values())


def test_the_example_of_a_mapping_comes_to_a_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With all that its table names."""
    monkeypatch.chdir(tmp_path)
    Path("restock.toml").write_text(blocks("toml")[1])
    Path("message.json").write_text(*blocks("json"))
    assert 0 == build_app("ingest")(["ingest", "erp", "message.json", "--dry-run"])
    assert {
        "variant_id": "$custom:::$default:::SKU-MED",
        "quantity": 20,
        "occurred_at": 1_795_168_800_000,
        "location_id": "4",
        "policy": "deny",
        "product": {"title": "Coat"},
        "source": "mapping:erp",
    } == json.loads(capsys.readouterr().out)


def test_every_kind_is_on_the_page() -> None:
    """In its table, and no other."""
    table = PAGE[PAGE.index("| what you have") : PAGE.index("The settings of each kind")]
    assert sorted(KINDS) == sorted(
        name
        for row in table.strip().splitlines()[2:]
        for name in re.findall(r"`(\w+)`", row.split("|")[2])
    )


def test_the_commands_are_understood() -> None:
    """Their flags exist; nothing is run."""
    lines = [line for block in blocks("console") for line in block.splitlines()]
    assert len(lines) > 4
    for line in lines:
        words = line.rpartition("| ")[2].split()
        _, bound, _ = build_app("ingest").parse_args(words[1:])
        assert words[2] == bound.args[0]
