# SPDX-License-Identifier: Apache-2.0
"""From the tables of sinks to the sinks, and what is refused on the way."""

import re
from pathlib import Path

import pytest

from restock.errors import ConfigError
from restock.settings import Settings
from restock.settings_layers import load_settings
from restock.ways import KINDS, build_ways, read_sinks, settings_class

Table = dict[str, object]

MAIL: Table = {"kind": "email", "host": "localhost", "from_address": "a@example.com"}
TEXTS: Table = {"kind": "sms", "account": "AC1", "token": "x", "sender": "+12015550123"}
HOOK: Table = {
    "kind": "webhook",
    "url": "https://shop.example.com/",
    "secrets": ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
}


def settings(sinks: dict[str, Table], **channels: str) -> Settings:
    """Settings with sinks and routes."""
    return Settings(sinks=sinks, journey={"channels": channels})


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_has_its_settings(kind: str) -> None:
    """They say what kind they are."""
    assert settings_class(kind).model_fields["kind"].default == kind


@pytest.mark.parametrize(
    ("sinks", "channels", "problem"),
    [
        ({}, {"EMAIL": "mail"}, "journey.channels.EMAIL: there is no sink 'mail'"),
        ({"Mail": MAIL}, {}, "sinks.Mail: a sink's name is of"),
        ({"mail": {}}, {}, "sinks.mail.kind: must be one of console, email, "),
        ({"mail": {"kind": "fax"}}, {}, "sinks.mail.kind: must be one of"),
        ({"mail": {**MAIL, "hots": 1}}, {}, "sinks.mail.hots: Extra inputs"),
        ({"mail": {**MAIL, "port": 0}}, {}, "sinks.mail.port: Input should be greater"),
        ({"texts": TEXTS}, {"EMAIL": "texts"}, "sinks.texts sends text messages"),
        ({"texts": TEXTS}, {"WHATSAPP": "texts"}, "lead only SMS there"),
        (
            {"t": {"kind": "kafka", "topics": {"EMAIL": "mails"}}},
            {"PUSH": "t"},
            "sinks.t.topics: names no topic for PUSH",
        ),
    ],
)
def test_what_cannot_work_is_refused(
    sinks: dict[str, Table], channels: dict[str, str], problem: str
) -> None:
    """In one line that names the key."""
    with pytest.raises(ConfigError, match=f"^.*{re.escape(problem)}") as caught:
        read_sinks(settings(sinks, **channels))
    assert "\n" not in str(caught.value)


def test_a_program_without_a_way_is_refused() -> None:
    """It would take notifications and send none."""
    with pytest.raises(ConfigError, match="no channel leads anywhere"):
        build_ways(settings({"mail": MAIL}))


def test_only_sinks_that_are_led_to_are_made() -> None:
    """The others may be there for later."""
    ways = build_ways(settings({"mail": MAIL, "hook": HOOK}, PUSH="hook"))
    assert list(ways) == ["hook"]


def test_other_secrets_make_another_receiver() -> None:
    """So a sink that was disabled is tried again when any of its settings changes."""
    other = {**HOOK, "secrets": ["whsec_AAAA9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]}
    one, same, another = (
        build_ways(settings({"hook": table}, PUSH="hook"))["hook"].receiver
        for table in (HOOK, dict(HOOK), other)
    )
    assert one == same != another
    assert "whsec" not in one


def test_secrets_may_come_from_the_environment(tmp_path: Path) -> None:
    """A password of digits stays text; a list of secrets is one."""
    loaded = load_settings(
        None,
        environment={
            "RESTOCK_SINKS__MAIL__PASSWORD": "123456",
            "RESTOCK_SINKS__MAIL__PORT": "2525",
            "RESTOCK_SINKS__HOOK__SECRETS": '["whsec_x"]',
        },
        directory=tmp_path,
    )
    assert loaded.settings.sinks == {
        "mail": {"password": "123456", "port": 2525},
        "hook": {"secrets": ["whsec_x"]},
    }
