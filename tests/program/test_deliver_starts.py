# SPDX-License-Identifier: Apache-2.0
"""What `restock deliver` says when it cannot start: one line with what is wrong, and where."""

from pathlib import Path

import pytest

from tests.program.conftest import MakeShop
from tests.support.delivering import Receivers, ways
from tests.support.shop import Shop

# What they show does not depend on the broker.
pytestmark = pytest.mark.parametrize("bootstrap_servers", ["mock"], indirect=True)

NOBODY = Receivers(mail_port=9, hook_port=9)


def refused(shop: Shop, settings: str) -> tuple[int, str]:
    """Exit code and the only line, of a start with more settings."""
    with shop.config.open("a") as config:
        config.write(settings)
    result = shop.run("deliver", "--config", str(shop.config))
    assert "" == result.stdout
    (line,) = result.stderr.splitlines()
    return result.returncode, line


def settings(shop: Shop) -> str:
    """Settings with nothing wrong."""
    return ways(shop.directory / "delivery", NOBODY)


def test_missing_topics(make_shop: MakeShop) -> None:
    """They are named, with the command that makes them; nothing was made."""
    shop = make_shop(topics=False)
    code, line = refused(shop, settings(shop))
    assert 1 == code
    assert "restock topics create" in line
    for topic in (shop.topics.orders, shop.topics.deliveries, f"{shop.topics.notifications}.dlq"):
        assert topic in line
    assert not (shop.directory / "delivery").exists()


def test_no_channels(make_shop: MakeShop) -> None:
    """The table that is missing is named, with an example of what it holds."""
    code, line = refused(make_shop(topics=False), "")
    assert 2 == code
    assert "journey.channels" in line
    assert "[sinks.mail]" in line


@pytest.mark.parametrize(
    ("right", "wrong", "place"),
    [
        ('kind = "email"', 'kind = "pigeon"', "sinks.mail.kind: must be one of console, email"),
        ('kind = "email"', 'kind = "email"\ntls = true', "sinks.mail.tls"),
        ("connections = 4", 'connections = "four"', "sinks.mail.connections"),
        ('host = "127.0.0.1"', 'host = "mail.example"', "sinks.mail: security"),
        ("allow_http = true", "allow_http = false", "sinks.hook: url"),
        ('EMAIL = "mail"', 'EMAIL = "letters"', "journey.channels.EMAIL: there is no sink"),
        ('EMAIL = "mail"', 'FAX = "mail"', "journey.channels.FAX: must be one of"),
        ("[journey]", '[journey]\nmax_age = "long"', "journey.max_age"),
        ("[journey]", "[journey]\nquiet = 1", "journey.quiet: is not a setting"),
        ("[delivery]", "[delivery]\nretry_first = -1", "delivery.retry_first"),
    ],
)
def test_a_setting_that_is_wrong(make_shop: MakeShop, right: str, wrong: str, place: str) -> None:
    """The path of the key is named before anything is asked of Kafka."""
    shop = make_shop(topics=False)
    text = settings(shop)
    assert right in text
    code, line = refused(shop, text.replace(right, wrong))
    assert (2, True) == (code, place in line), line
    assert not (shop.directory / "delivery").exists()


def test_a_template_with_an_undefined_name(make_shop: MakeShop, tmp_path: Path) -> None:
    """File and line are named, before anything is sent."""
    templates = tmp_path / "templates"
    templates.mkdir()
    (templates / "back_in_stock.txt").write_text("Hello,\n{{ prize }}\n")
    shop = make_shop()
    text = settings(shop).replace('kind = "email"', f'kind = "email"\ntemplates = "{templates}"')
    code, line = refused(shop, text)
    assert 1 == code
    assert f"{templates / 'back_in_stock.txt'}:2: " in line
    assert "'prize' is undefined" in line


def test_a_step_whose_template_there_is_not(make_shop: MakeShop) -> None:
    """The sink that lacks it is named, with those it has: nobody's mail waits for a template."""
    shop = make_shop()
    step = 'step = [{ name = "first", template = "back_in_stok" }]'
    code, line = refused(shop, settings(shop).replace("[journey]", f"[journey]\n{step}"))
    assert 1 == code
    for word in ("sinks.mail", "back_in_stok", "back_in_stock"):
        assert word in line
