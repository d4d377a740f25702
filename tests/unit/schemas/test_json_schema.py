# SPDX-License-Identifier: Apache-2.0
"""The generated JSON Schema files."""

import json
import re
from pathlib import Path

import pytest

from schemas import json_schema
from schemas.topics import TOPICS

UNKNOWN_KEYWORDS = {"ge", "le", "gt", "lt", "discriminator"}


@pytest.mark.drift
def test_files_are_up_to_date() -> None:
    """The files in the repository are those that the models generate."""
    assert [] == json_schema.outdated()


def test_one_file_for_each_topic() -> None:
    """Every topic has a file, and there is no other."""
    names = {path.name for path in json_schema.DIRECTORY.iterdir()}
    assert {f"{role}.schema.json" for role in TOPICS} == names


@pytest.mark.parametrize("role", TOPICS)
def test_dialect(role: str) -> None:
    """Each file declares draft 2020-12 and uses only its words."""
    schema = json.loads(json_schema.generate()[f"{role}.schema.json"])
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert not UNKNOWN_KEYWORDS & set(_keys(schema))


def test_drift_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A missing, an edited and a surplus file are reported, and put right by writing."""
    monkeypatch.setattr(json_schema, "DIRECTORY", tmp_path)
    assert json_schema.main([]) == 0
    (tmp_path / "orders.schema.json").unlink()
    (tmp_path / "waitlist.schema.json").write_text("{}")
    (tmp_path / "surplus.schema.json").write_text("{}")
    assert json_schema.main(["--check"]) == 1
    expected = ["orders.schema.json", "surplus.schema.json", "waitlist.schema.json"]
    assert expected == re.findall(r"(\w+\.schema\.json) is out of date", capsys.readouterr().err)
    assert json_schema.main([]) == 0
    assert json_schema.main(["--check"]) == 0


def _keys(schema: object) -> list[str]:
    if isinstance(schema, list):
        return [key for item in schema for key in _keys(item)]
    if not isinstance(schema, dict):
        return []
    return [*schema, *(key for item in schema.values() for key in _keys(item))]
