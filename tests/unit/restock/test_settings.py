# SPDX-License-Identifier: Apache-2.0
"""Settings: precedence, origins, and errors that name the place to mend."""

from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from restock.errors import ConfigError
from restock.policy_table import POLICY_SETTINGS
from restock.settings import Settings
from restock.settings_layers import LoadedSettings, load_settings
from schemas.topics import TOPICS
from waitlist.policy import Policy, load_policy


def load(
    directory: Path,
    text: str | None = None,
    environment: dict[str, str] | None = None,
    flags: dict[str, object] | None = None,
) -> LoadedSettings:
    """Load settings from a restock.toml with this text, these variables and these flags."""
    if text is not None:
        (directory / "restock.toml").write_text(text, encoding="utf-8")
    return load_settings(None, environment=environment or {}, directory=directory, flags=flags)


def test_defaults_need_nothing(tmp_path: Path) -> None:
    """Without file, variables and flags every setting is a default."""
    loaded = load(tmp_path)
    assert Settings() == loaded.settings
    assert loaded.file is None
    assert loaded.origin(("kafka", "bootstrap_servers")) == "default"
    assert {role: spec.default_name for role, spec in TOPICS.items()} == (
        loaded.settings.topics.by_role()
    )


def test_bare_settings_ignore_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings made by hand are the same on every machine."""
    monkeypatch.setenv("RESTOCK_STATE__SLOTS", "7")
    assert Settings().state.slots == 4


@pytest.mark.parametrize(
    ("text", "environment", "flags", "expected", "origin"),
    [
        (None, {}, {}, "localhost:9092", "default"),
        ('[kafka]\nbootstrap_servers = "file:1"', {}, {}, "file:1", "restock.toml"),
        (
            '[kafka]\nbootstrap_servers = "file:1"',
            {"RESTOCK_KAFKA__BOOTSTRAP_SERVERS": "variable:1"},
            {},
            "variable:1",
            "RESTOCK_KAFKA__BOOTSTRAP_SERVERS",
        ),
        (
            '[kafka]\nbootstrap_servers = "file:1"',
            {"RESTOCK_KAFKA__BOOTSTRAP_SERVERS": "variable:1"},
            {"--bootstrap-servers": "flag:1"},
            "flag:1",
            "--bootstrap-servers",
        ),
        (None, {}, {"--bootstrap-servers": None}, "localhost:9092", "default"),
        (None, {"RESTOCK_KAFKA__BOOTSTRAP_SERVERS": ""}, {}, "localhost:9092", "default"),
    ],
)
def test_a_flag_beats_a_variable_beats_the_file_beats_the_default(
    tmp_path: Path,
    text: str | None,
    environment: dict[str, str],
    flags: dict[str, object],
    expected: str,
    origin: str,
) -> None:
    """The nearest layer wins, and its name is kept."""
    loaded = load(tmp_path, text, environment, flags)
    assert expected == loaded.settings.kafka.bootstrap_servers
    assert origin == loaded.origin(("kafka", "bootstrap_servers"))


def test_layers_are_merged_key_by_key(tmp_path: Path) -> None:
    """A variable replaces one key of a table and leaves the others of the file in force."""
    text = '[kafka.options]\n"sasl.username" = "me"\nsecurity.protocol = "SASL_SSL"\n'
    environment = {"RESTOCK_KAFKA__OPTIONS__SASL_PASSWORD": "1234"}
    options = load(tmp_path, text, environment).settings.kafka.options
    expected = {"sasl.username": "me", "security.protocol": "SASL_SSL", "sasl.password": "1234"}
    assert expected == options


def test_variables_take_the_type_of_their_setting(tmp_path: Path) -> None:
    """Numbers, durations, paths, JSON tables and policy values can all be given as text."""
    environment = {
        "RESTOCK_STATE__SLOTS": "8",
        "RESTOCK_STATE__EPOCH_INTERVAL": "250ms",
        "RESTOCK_STATE__STATUS_INTERVAL": "2",
        "RESTOCK_STATE__DIRECTORY": "/elsewhere",
        "RESTOCK_KAFKA__OPTIONS": '{"socket.timeout.ms": 100}',
        "RESTOCK_POLICY__PER_UNIT": "5",
        "RESTOCK_POLICY__WAIT": "10m",
        "RESTOCK_POLICY__OVERRIDE": '[{"variants": ["A*"], "per_unit": "none"}]',
    }
    settings = load(tmp_path, None, environment).settings
    assert settings.state.slots == 8
    assert timedelta(milliseconds=250) == settings.state.epoch_interval
    assert timedelta(seconds=2) == settings.state.status_interval
    assert Path("/elsewhere") == settings.state.directory
    assert {"socket.timeout.ms": 100} == settings.kafka.options
    assert settings.policy_book().for_variant("B").per_unit == 5
    assert settings.policy_book().for_variant("A1").per_unit is None


def test_secrets_of_sources_and_keys_of_the_gateway_need_no_file(tmp_path: Path) -> None:
    """Also in lists and in tables within; those of a file stay beside them."""
    environment = {
        "RESTOCK_INGEST__SHOPIFY__SECRETS": '["12345678"]',
        "RESTOCK_INGEST__ERP__REGISTRY__PASSWORD": "1234",
        "RESTOCK_INGEST__FEED__MAX_BYTES": "1000",
        "RESTOCK_GATEWAY__PRIVATE_KEYS": '["pk_12345", "pk_67890"]',
        "RESTOCK_GATEWAY__COMPANY_IDS": '["Xyz123"]',
    }
    text = '[ingest.erp.registry]\nurl = "https://registry.example"\nusername = "me"\n'
    loaded = load(tmp_path, text, environment)
    assert {
        "shopify": {"secrets": ["12345678"]},
        "erp": {
            "registry": {"url": "https://registry.example", "username": "me", "password": "1234"}
        },
        "feed": {"max_bytes": 1000},
    } == loaded.settings.ingest
    gateway = loaded.settings.gateway
    assert ["pk_12345", "pk_67890"] == [key.get_secret_value() for key in gateway.private_keys]
    assert ("Xyz123",) == gateway.company_ids
    path = ("ingest", "erp", "registry", "password")
    assert "RESTOCK_INGEST__ERP__REGISTRY__PASSWORD" == loaded.origin(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '[kafka]\nbootstrap_server = "a"',
            "kafka.bootstrap_server: unknown setting; did you mean 'bootstrap_servers'?",
        ),
        (
            "[state]\nzzz = 1",
            "restock.toml: state.zzz: unknown setting; known here: directory, epoch_interval, ",
        ),
        ("[kafkas]\na = 1", "restock.toml: kafkas: unknown setting; did you mean 'kafka'?"),
        ('[state]\nslots = "4"', "restock.toml: state.slots: must be a whole number; see"),
        ("[state]\nslots = 0", "restock.toml: state.slots: must be at least 1; see"),
        ("[state]\nslots = 2000", "restock.toml: state.slots: must be at most 1024; see"),
        ("[state]\ndirectory = 5", "restock.toml: state.directory: must be a string; see"),
        ('[kafka]\nbatch_size = "5"', "restock.toml: kafka.batch_size: must be a whole number"),
        ("[kafka]\nbatch_size = 5.0", "restock.toml: kafka.batch_size: must be a whole number"),
        ("[kafka]\nbootstrap_servers = 9", "kafka.bootstrap_servers: must be a string; see"),
        ('[kafka]\nbootstrap_servers = ""', "kafka.bootstrap_servers: must not be empty; see"),
        ('[state]\nepoch_interval = "1 s"', "restock.toml: state.epoch_interval: "),
        ("[state]\nepoch_interval = 0", "state.epoch_interval: must be more than 0 seconds; see"),
        ('[logging]\nlevel = "loud"', "restock.toml: logging.level: must be 'debug', 'info', "),
        ('[topics]\norders = "a b"', "restock.toml: topics.orders: is not a topic name"),
        ('[topics]\norders = "restock.inventory"', "restock.toml: topics: 'restock.inventory' is"),
        ('[topics]\norders = "restock.inventory.dlq"', "topics: 'restock.inventory.dlq' is given"),
        ('[kafka.options]\n"group.id" = "x"', "restock.toml: kafka.options: group.id cannot"),
        ("[kafka.options]\na = [1]", "restock.toml: kafka.options.a: "),
        ("kafka = 1", "restock.toml: kafka: must be a table; see"),
        ("policy = 1", "restock.toml: policy: must be a table; see"),
        ("[policy]\nper_unit = 5", "restock.toml: policy.wait: must be more than 0"),
        ("[policy]\nsafety = 5", "restock.toml: policy.safety: is not a policy setting"),
        (
            '[policy]\n[[policy.override]]\nvariants = ["A"]\nwait = -1',
            "restock.toml: policy.override[0].wait: ",
        ),
        ("[kafka", "restock.toml: is not TOML: "),
    ],
)
def test_an_error_is_one_line_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    """A wrong file is refused with the file, the key's path and a remedy in one line."""
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("RESTOCK_KAFKA__BOOTSTRAP_SERVER", "a", "did you mean RESTOCK_KAFKA__BOOTSTRAP_SERVERS?"),
        ("RESTOCK_WHATEVER", "", "environment RESTOCK_WHATEVER: is not a setting"),
        ("RESTOCK_X", "1", "environment RESTOCK_X: is not a setting; unset it, or see"),
        ("RESTOCK_KAFKA__BATCH_SIZE", "x", "kafka.batch_size: must be a whole number; see"),
        ("RESTOCK_KAFKA__GROUP_ID__X", "a", "is not a setting"),
        ("RESTOCK_POLICY__A__B", "a", "is not a setting"),
        ("RESTOCK_KAFKA__", "a", "is not a setting"),
        ("RESTOCK_KAFKA", "text", "environment RESTOCK_KAFKA: must be a JSON object"),
        ("RESTOCK_INGEST__ERP__REGISTRY__A__B", "a", "is not a setting"),
        ("RESTOCK_INGEST", "[]", "environment RESTOCK_INGEST: must be a JSON object"),
        ("RESTOCK_GATEWAY__ORIGINS", "*", """ORIGINS: must be a JSON list such as ["value"]"""),
        ("RESTOCK_GATEWAY__ORIGINS", "{}", "RESTOCK_GATEWAY__ORIGINS: must be a JSON list"),
        ("RESTOCK_GATEWAY__ORIGINS", "[" * 99_999, "RESTOCK_GATEWAY__ORIGINS: must be a JSON list"),
        ("RESTOCK_GATEWAY__ORIGINS", '["x"]', "RESTOCK_GATEWAY__ORIGINS: gateway.origins: must be"),
        ("RESTOCK_STATE__SLOTS", "many", "RESTOCK_STATE__SLOTS: state.slots: "),
        ("RESTOCK_STATE__SLOTS", "-1", "RESTOCK_STATE__SLOTS: state.slots: must be at least 1; "),
        ("RESTOCK_HEALTH__PORT", "-1", "RESTOCK_HEALTH__PORT: health.port: must be at least 0; "),
        ("RESTOCK_STATE__EPOCH_INTERVAL", "-1", "or a number of seconds; see"),
        ("RESTOCK_POLICY__PER_UNIT", "5", "RESTOCK_POLICY__PER_UNIT: policy.wait: "),
    ],
)
def test_a_wrong_variable_is_named(tmp_path: Path, name: str, value: str, message: str) -> None:
    """A variable of ours that is no setting, or has no sensible value, is an error."""
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, None, {name: value})
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "name",
    [
        "PATH",
        "RESTOCK_DEBUG",
        "RESTOCK_TEST_BOOTSTRAP_SERVERS",
        "RESTOCK_REQUIRE_REAL_BROKER",
        "RESTOCK_SERVICE_HOST",
        "RESTOCK_PORT_8080_TCP",
    ],
)
def test_variables_that_are_no_settings_are_let_pass(tmp_path: Path, name: str) -> None:
    """Switches, the tests' variables and what Kubernetes sets do not stop the program."""
    assert Settings() == load(tmp_path, None, {name: "1"}).settings


def test_a_named_file_must_exist(tmp_path: Path) -> None:
    """A file named on the command line that is not there is an error, unlike the default one."""
    missing = tmp_path / "missing.toml"
    with pytest.raises(ConfigError, match=r"missing\.toml: cannot be read"):
        load_settings(missing, environment={}, directory=tmp_path)


def test_a_file_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    """Other encodings are named as such."""
    (tmp_path / "restock.toml").write_bytes(b"a = '\xff'")
    with pytest.raises(ConfigError, match=r"restock\.toml: is not UTF-8 at byte 5"):
        load(tmp_path)


def test_settings_cannot_be_changed() -> None:
    """The tree is frozen at every level."""
    settings = Settings()
    with pytest.raises(ValidationError):
        settings.state.slots = 5
    with pytest.raises(ValidationError):
        settings.kafka = settings.kafka  # type: ignore[misc]


def test_the_policy_table_shown_to_people_is_that_of_the_program() -> None:
    """Names and defaults of the documented policy settings mean the program's defaults."""
    table = {setting.name: setting.default for setting in POLICY_SETTINGS}
    assert set(Policy.__dataclass_fields__) == set(table)
    assert Policy() == load_policy(table).account
