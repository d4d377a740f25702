# SPDX-License-Identifier: Apache-2.0
"""What the page on the gateway shows is what happens."""

import json
import re
import shlex
from pathlib import Path

from fastapi.routing import APIRoute

from restock.intakes import build_intakes
from restock.settings_layers import load_settings
from tests.support.doors import Doors

PAGE = (Path(__file__).parents[2] / "docs" / "gateway.md").read_text()


def blocks(language: str) -> list[str]:
    """The examples in a language."""
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_the_settings_can_be_used(tmp_path: Path) -> None:
    """As they stand there."""
    (tmp_path / "restock.toml").write_text(*blocks("toml"))
    settings = load_settings(None, environment={}, directory=tmp_path).settings
    assert ("0.0.0.0", 8080) == (settings.gateway.address, settings.gateway.port)  # noqa: S104
    assert {"shopify": True, "klaviyo": False} == {
        name: intake.signed for name, intake in build_intakes(settings).items()
    }


def test_the_call_signs_somebody_up() -> None:
    """With the headers and the body of the example."""
    words = shlex.split(blocks("console")[1].replace("\\\n", " "))
    headers = dict(
        words[place + 1].split(": ", 1) for place, word in enumerate(words) if word == "-H"
    )
    key = headers["Authorization"].rpartition(" ")[2]
    doors = Doors(private_keys=[key])
    body = words[words.index("-d") + 1]
    path = words[2].removeprefix("https://gateway.shop.example")
    assert 202 == doors.client.post(path, content=body, headers=headers).status_code
    assert "$custom:::$default:::SKU-MED" == doors.record()["variant_id"]
    assert json.loads(body)["data"]["type"] == "back-in-stock-subscription"


def test_every_door_for_sign_ups_is_on_the_page() -> None:
    """With its path."""
    paths = {
        route.path
        for route in Doors().app.routes
        if isinstance(route, APIRoute) and route.include_in_schema
    }
    assert 5 == len(paths)
    assert [] == [path for path in paths if path not in PAGE]
