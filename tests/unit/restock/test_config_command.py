# SPDX-License-Identifier: Apache-2.0
"""`restock config`: what is in force, where it came from, and no secrets."""

import json
import tomllib
from pathlib import Path

import pytest

from restock.cli import main
from restock.secret_names import MASK, looks_secret

FILE = """
[kafka]
bootstrap_servers = "kafka-1:9092"
[kafka.options]
"sasl.username" = "me"
"sasl.password" = "hunter2"
"ssl.key.pem" = "hunter2"
"ssl.key.location" = "/keys/mine"
[policy]
per_unit = 5
wait = "10m"
[[policy.override]]
variants = ["A*"]
"""


@pytest.fixture
def file(own_directory: Path) -> Path:
    """A restock.toml in the working directory."""
    path = own_directory / "restock.toml"
    path.write_text(FILE, encoding="utf-8")
    return path


def test_show_tells_values_and_origins(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each line is a setting as TOML and, behind it, where the value came from."""
    assert file.exists()
    monkeypatch.setenv("RESTOCK_STATE__SLOTS", "8")
    assert main(["config", "show"]) == 0
    shown = {" ".join(line.split()) for line in capsys.readouterr().out.splitlines()}
    assert {
        'kafka.bootstrap_servers = "kafka-1:9092" # restock.toml',
        "state.slots = 8 # RESTOCK_STATE__SLOTS",
        'topics.orders = "restock.orders" # default',
        "policy.per_unit = 5 # restock.toml",
        "policy.safety_stock = 0 # default",
        'policy.override = [{ variants = ["A*"] }] # restock.toml',
    } <= shown


def test_what_is_shown_is_toml(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The output can be read as a configuration file."""
    assert file.exists()
    assert main(["config", "show"]) == 0
    shown = tomllib.loads(capsys.readouterr().out)
    assert shown["kafka"]["options"]["sasl.username"] == "me"
    assert shown["policy"]["override"] == [{"variants": ["A*"]}]


@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_secrets_are_masked(
    file: Path,
    flags: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """No output form contains a secret, whichever layer it came from."""
    assert file.exists()
    monkeypatch.setenv("RESTOCK_KAFKA__OPTIONS__SSL_KEY_PASSWORD", "hunter2")
    assert main(["config", "show", *flags]) == 0
    shown = capsys.readouterr().out
    assert "hunter2" not in shown
    assert MASK in shown
    assert "/keys/mine" in shown


def test_errors_do_not_print_secrets(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A value that is refused is not repeated in the message."""
    monkeypatch.setenv("RESTOCK_KAFKA__OPTIONS", '{"sasl.password": ["hunter2"]}')
    assert main(["config", "show"]) == 2
    shown = capsys.readouterr()
    assert "hunter2" not in shown.err + shown.out
    assert "sasl.password" in shown.err


def test_show_as_json(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A program gets the settings as a tree and the origins by dotted path."""
    assert file.exists()
    assert main(["config", "show", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["settings"]["kafka"]["bootstrap_servers"] == "kafka-1:9092"
    assert shown["origins"]["kafka.bootstrap_servers"] == "restock.toml"
    assert shown["origins"]["state.slots"] == "default"


def test_check_names_the_file(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Settings in order are confirmed together with the file they are from."""
    assert main(["config", "check"]) == 0
    assert capsys.readouterr().out == f"settings are in order ({file})\n"


def test_check_names_a_file_without_settings(
    own_directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file that is read is named, although it changes nothing."""
    empty = own_directory / "restock.toml"
    empty.write_text("# nothing yet\n", encoding="utf-8")
    assert 0 == main(["config", "check"])
    assert f"settings are in order ({empty})\n" == capsys.readouterr().out


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ('"securty.protocol" = "ssl"', 'No such configuration property: "securty.protocol"'),
        ('"security.protocol" = "tsl"', 'Invalid value "tsl"'),
        ('"ssl.ca.location" = "/nowhere.pem"\n"security.protocol" = "ssl"', "ssl.ca.location"),
    ],
)
def test_check_refuses_what_librdkafka_refuses(
    file: Path, option: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A misspelt option is found before the program is started, and without a broker."""
    file.write_text(f"[kafka.options]\n{option}\n", encoding="utf-8")
    assert 2 == main(["config", "check"])
    shown = capsys.readouterr().err
    assert message in shown
    assert 1 == shown.count("\n")


def test_check_refuses_a_wrong_policy(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The policy is checked with the rest, and the key's path is named."""
    file.write_text("[[policy.override]]\nvariants = []\nper_unit = 1\n", encoding="utf-8")
    assert main(["config", "check"]) == 2
    assert "policy.override[0].wait" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("sasl.password", True),
        ("ssl.key.pem", True),
        ("sasl.oauthbearer.client.secret", True),
        ("sasl.jaas.config", True),
        ("api_token", True),
        ("ssl.key.location", False),
        ("sasl.oauthbearer.token.endpoint.url", False),
        ("sasl.username", False),
    ],
)
def test_names_that_look_secret(name: str, secret: bool) -> None:  # noqa: FBT001 - a case
    """What looks like a secret counts as one; where a secret lies is none."""
    assert secret == looks_secret(name)


def test_sinks_are_shown_as_toml_and_without_secrets(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also where a secret is in a list or under a name of the user's own."""
    sink = """
[sinks.hook]
kind = "webhook"
url = "https://shop.example.com/"
secrets = ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]
headers = { "X-Shop" = "hunter2" }
[sinks.mail]
kind = "email"
host = "localhost"
from_address = "a@example.com"
user = "u"
"""
    file.write_text(FILE + sink, encoding="utf-8")
    monkeypatch.setenv("RESTOCK_SINKS__MAIL__PASSWORD", "12345678")
    assert main(["config", "show"]) == 0
    text = capsys.readouterr().out
    assert tomllib.loads(text)["sinks"]["mail"]["user"] == "u"
    assert not [secret for secret in ("whsec_", "hunter2", "12345678") if secret in text]


def test_check_names_the_file_of_a_wrong_sink(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And the key."""
    file.write_text(FILE + '[sinks.mail]\nkind = "fax"\n', encoding="utf-8")
    assert main(["config", "check"]) == 2
    assert capsys.readouterr().err.startswith("restock: restock.toml: sinks.mail.kind: must be one")


@pytest.mark.parametrize(
    ("sink", "channel", "wrong"),
    [
        (
            (
                'kind = "email"\nhost = "localhost"\nport = 1\nfrom_address = "a@example.com"\n'
                'security = "none"\ntemplates = "nowhere"\n'
            ),
            "EMAIL",
            "nowhere",
        ),
        (
            (
                'kind = "sms"\naccount = "A"\ntoken = "T"\n'
                'sender = "+46700000000"\ntext = "{{ prize }}"\n'
            ),
            "SMS",
            "prize",
        ),
    ],
    ids=["templates", "text"],
)
def test_check_tries_what_sinks_are_to_send(
    file: Path, capsys: pytest.CaptureFixture[str], sink: str, channel: str, wrong: str
) -> None:
    """A template that is missing or wrong is found before anybody waits for its mail."""
    channels = f'[journey.channels]\n{channel} = "it"\n'
    file.write_text(FILE + channels + f"[sinks.it]\n{sink}", encoding="utf-8")
    assert main(["config", "check"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "sinks.it: " in line
    assert wrong in line


SOURCES = """
[gateway]
private_keys = ["hunter2-hunter2"]
[ingest.shopify]
secrets = ["hunter2-shopify"]
[ingest.prices]
kind = "feed"
url = "https://shop.example/feed.json"
headers = { Authorization = "hunter2", X-Shop = "hunter2" }
[ingest.erp]
kind = "mapping"
variant_id = "/sku"
quantity = "/stock"
product = { title = "/name" }
[ingest.erp.registry]
url = "https://registry.example"
username = "me"
password = "hunter2"
"""


@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_sources_are_shown_without_secrets(
    file: Path, flags: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Wherever they stand: in lists, in headers, in a table within; unset settings are left out."""
    file.write_text(FILE + SOURCES, encoding="utf-8")
    assert main(["config", "show", *flags]) == 0
    text = capsys.readouterr().out
    assert "hunter2" not in text
    shown = json.loads(text)["settings"] if flags else tomllib.loads(text)
    erp, prices = shown["ingest"]["erp"], shown["ingest"]["prices"]
    assert {"title": "/name"} == erp["product"]
    assert ("mapping", "auto", "me") == (
        erp["kind"],
        erp["cloudevents"],
        erp["registry"]["username"],
    )
    assert "topic" not in erp
    assert "ca_file" not in erp["registry"]
    assert {"Authorization": MASK, "X-Shop": MASK} == prices["headers"]
    assert MASK == shown["ingest"]["shopify"]["secrets"]


def test_only_what_can_be_secret_is_masked(capsys: pytest.CaptureFixture[str]) -> None:
    """Not a number, nor a list without anything in it."""
    assert main(["config", "show"]) == 0
    gateway = tomllib.loads(capsys.readouterr().out)["gateway"]
    assert (350, []) == (gateway["key_burst"], gateway["private_keys"])


def test_where_a_setting_of_a_source_came_from(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Key by key, as elsewhere."""
    file.write_text(FILE + SOURCES, encoding="utf-8")
    monkeypatch.setenv("RESTOCK_INGEST__ERP__REGISTRY__USERNAME", "you")
    assert main(["config", "show"]) == 0
    shown = {" ".join(line.split()) for line in capsys.readouterr().out.splitlines()}
    assert {
        'ingest.erp.registry.username = "you" # RESTOCK_INGEST__ERP__REGISTRY__USERNAME',
        'ingest.erp.registry.url = "https://registry.example" # restock.toml',
        'ingest.erp.registry.timeout = "1m" # default',
    } <= shown


@pytest.mark.parametrize("command", [["config", "show"], ["config", "check"], ["gateway"]])
@pytest.mark.parametrize(
    ("table", "message"),
    [
        ('[ingest.erp]\nkind = "fax"', "ingest.erp.kind: must be one of bigcommerce, "),
        ("[ingest.shopify]\nsecret = 1", "ingest.shopify.secret: Extra inputs"),
        ('[ingest.restock.registry]\nurl = "x"', "ingest.restock.registry: url must be a URL"),
    ],
)
def test_a_wrong_source_is_named_with_its_file(
    file: Path, command: list[str], table: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """By every command that knows of sources, in one line, before anything is connected."""
    file.write_text(table, encoding="utf-8")
    assert main(command) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"restock: restock.toml: {message}")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ('[ingest.shopify]\nitems = "no.csv"', "ingest.shopify.items: no.csv: No such file"),
        ('[ingest.shopify]\nitems = "bad.csv"', "ingest.shopify.items: bad.csv, entry 1: needs "),
        (
            '[ingest.restock.registry]\ndescriptors = "no.desc"\nmessage = "a.B"',
            "ingest.restock.registry.descriptors: no.desc cannot be read: No such file",
        ),
        (
            '[ingest.restock.registry]\ndescriptors = "bad.csv"\nmessage = "a.B"',
            "ingest.restock.registry.descriptors: ",
        ),
        ('[ingest.feed]\nca_file = "bad.csv"', "ingest.feed: ca_file bad.csv: is not PEM"),
        (
            '[ingest.restock.registry]\nurl = "https://r.example"\nca_file = "no.pem"',
            "ingest.restock.registry: ca_file no.pem: No such file",
        ),
    ],
)
def test_check_reads_the_files_that_sources_name(
    file: Path, table: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """So that nothing of it comes to light only with the first message."""
    file.write_text(table, encoding="utf-8")
    (file.parent / "bad.csv").write_text("inventory_item_id,variant_id\n7\n", encoding="utf-8")
    assert main(["config", "check"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"restock: restock.toml: {message}")


def test_sources_in_order_are_confirmed(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing of what they name in the network is asked for."""
    items = file.parent / "items.csv"
    items.write_text("inventory_item_id,variant_id\n7,8\n", encoding="utf-8")
    file.write_text(SOURCES + '[ingest.other]\nkind = "shopify"\nitems = "items.csv"\n')
    assert main(["config", "check"]) == 0
    assert capsys.readouterr().out.startswith("settings are in order")
