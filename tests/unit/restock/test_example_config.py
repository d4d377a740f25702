# SPDX-License-Identifier: Apache-2.0
"""The example file: in step with the settings, and true."""

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from connectors.inbound.registry_settings import RegistrySettings
from restock import sources
from restock.example_config import EXAMPLE_FILE, example_config, main
from restock.example_sinks import model_lines
from restock.example_sources import example_sources
from restock.settings import Settings
from restock.settings_layers import load_settings
from restock.sources import read_sources
from restock.ways import KINDS, read_sinks

ROOT = Path(__file__).parents[3]


@pytest.mark.drift
def test_the_example_file_is_up_to_date() -> None:
    """The committed file is what the settings model makes."""
    assert example_config() == (ROOT / EXAMPLE_FILE).read_text(encoding="utf-8")


def test_the_example_file_changes_nothing(tmp_path: Path) -> None:
    """Copied as it is, the example means the defaults."""
    file = tmp_path / "restock.toml"
    file.write_text(example_config(), encoding="utf-8")
    loaded = load_settings(file, environment={}, directory=tmp_path)
    assert Settings() == loaded.settings


def test_every_line_of_the_example_can_be_used(tmp_path: Path) -> None:
    """With every setting uncommented the file still loads, and states the defaults."""
    text = re.sub(r"(?m)^# (?=\[|\S+ = )", "", example_config())
    file = tmp_path / "restock.toml"
    file.write_text(text, encoding="utf-8")
    settings = load_settings(file, environment={}, directory=tmp_path).settings
    defaults = Settings()
    assert defaults.topics == settings.topics
    assert defaults.state == settings.state
    assert defaults.logging == settings.logging
    assert defaults.policy_book().account == settings.policy_book().account
    assert len(settings.policy_book().overrides) == 1
    assert "SASL_SSL" == settings.kafka.options["security.protocol"]
    assert defaults.kafka == settings.kafka.model_copy(update={"options": {}})
    assert defaults.delivery == settings.delivery
    assert defaults.gateway == settings.gateway
    ours, its = defaults.plan(), settings.plan()
    same = ("steps", "max_age", "recently_told", "digest", "email_consent", "retry_for")
    assert [getattr(ours, name) for name in same] == [getattr(its, name) for name in same]
    assert [*KINDS] == [model.model_dump()["kind"] for model in read_sinks(settings).values()]


def test_the_tables_of_sources_can_be_used(tmp_path: Path) -> None:
    """One of each kind, with its defaults; the kind is said only where it must be."""
    text = re.sub(r"(?m)^# (?=\[|\S+ = )", "", "\n".join(example_sources()))
    file = tmp_path / "restock.toml"
    file.write_text(text, encoding="utf-8")
    settings = load_settings(file, environment={}, directory=tmp_path).settings
    found = read_sources(settings)
    assert [*sources.KINDS] == [source.kind for source in found.values()]
    for name, source in found.items():
        assert (name != source.kind) == ("kind" in settings.ingest[name])
        fields = type(source.own).model_fields
        defaults = {key: field.get_default(call_default_factory=True) for key, field in
                    fields.items() if not field.is_required()}  # fmt: skip
        assert defaults == {key: getattr(source.own, key) for key in defaults}
    registry = found["erp"].common.registry
    assert registry is not None
    assert registry == RegistrySettings(url=registry.url)


class Unsaid(BaseModel):
    """A table: of a test."""

    secret_of_its_author: int = 5


class Undecided(BaseModel):
    """A table: of a test.

    Attributes:
        needed: Has no default.
    """

    needed: int


@pytest.mark.parametrize(
    ("model", "message"), [(Unsaid, "secret_of_its_author means"), (Undecided, "x.needed has")]
)
def test_a_setting_cannot_be_forgotten(model: type[BaseModel], message: str) -> None:
    """Neither its meaning nor, where there is no default, a sample."""
    with pytest.raises(LookupError, match=message):
        list(model_lines("x", model, {}))


def test_drift_is_reported_and_mended(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``--check`` fails on a stale file, writes nothing, and passes once the file is made anew."""
    file = tmp_path / "example.toml"
    file.write_text("stale", encoding="utf-8")
    assert main(["--check", str(file)]) == 1
    assert "out of date" in capsys.readouterr().err
    assert file.read_text(encoding="utf-8") == "stale"
    assert main([str(file)]) == 0
    assert main(["--check", str(file)]) == 0
