# SPDX-License-Identifier: Apache-2.0
"""What Klaviyo's own OpenAPI schemas accept is accepted, and what they reject is rejected.

The files are Klaviyo's, as published (klaviyo/openapi, MIT). Bodies are drawn around a valid one,
and judged by the schema; beyond it, by the rules that the guide has in words.
"""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.contact import read_email_address, read_phone_number
from gateway.variants import fault_of
from schemas.fields import CONTROL_CHARACTER
from tests.support.doors import CLIENT, HEADERS, SERVER, Doors, document, error_of

SAMPLES: Final = Path(__file__).parents[2] / "samples"
SERVER_FILE: Final = "klaviyo_create_back_in_stock_subscription.2026-07-15.openapi.json"
CLIENT_FILE: Final = "klaviyo_create_client_back_in_stock_subscription.2026-07-15.openapi.json"

PROFILE: Final = "/data/attributes/profile"
VARIANT: Final = "/data/relationships/variant/data"


def request_schema(file: str) -> jsonschema_rs.Draft4Validator:
    """Make a judge of the request body that an OpenAPI 3.0 file describes."""
    openapi = json.loads((SAMPLES / file).read_text())
    (path,) = openapi["paths"].values()
    body = path["post"]["requestBody"]["content"]["application/vnd.api+json"]["schema"]
    components = _with_null(openapi["components"])
    return jsonschema_rs.Draft4Validator({**body, "components": components})


def _with_null(node: Any) -> Any:  # noqa: ANN401 - JSON
    """Write OpenAPI's `nullable` as JSON Schema has it."""
    if isinstance(node, list):
        return [_with_null(item) for item in node]
    if not isinstance(node, dict):
        return node
    schema = {name: _with_null(value) for name, value in node.items() if name != "nullable"}
    if node.get("nullable") is True:
        schema["type"] = [node["type"], "null"]
    return schema


TEXTS: Final = st.one_of(
    st.sampled_from(
        [
            "ada@shop.example.com",
            "ada",
            "+15005550006",
            "0701234567",
            "$custom:::$default:::SKU",
            "$magento_two:::2-2:::1",
            "$etsy:::$default:::SKU",
            "profile",
            "EMAIL",
            "",
            "7\x00",
            "x" * 256,
        ]
    ),
    st.text(max_size=20),
)
VALUES: Final = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(allow_nan=False, allow_infinity=False),
        TEXTS,
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=5,
)
IDENTIFIERS: Final = st.fixed_dictionaries(
    {},
    optional={
        "email": st.sampled_from(["ada@shop.example.com", None]),
        "phone_number": st.sampled_from(["+15005550006", None]),
        "external_id": st.one_of(st.none(), TEXTS),
        "id": VALUES,
        "title": VALUES,
    },
)
CHANNELS: Final = st.lists(st.sampled_from(["EMAIL", "PUSH", "SMS", "WHATSAPP"]), max_size=6)


@st.composite
def bodies(draw: st.DrawFn) -> Any:  # noqa: ANN401 - JSON
    """Draw a valid body, and spoil up to two places of it."""
    body: Any = document(channels=draw(CHANNELS), **draw(IDENTIFIERS))
    body["data"]["attributes"]["profile"]["data"]["id"] = draw(st.one_of(st.none(), TEXTS))
    for _ in range(draw(st.integers(0, 2))):
        places = list(_places(body))
        if places:
            container, step = draw(st.sampled_from(places))
            _spoil(draw, container, step)
    return body


def _places(node: Any) -> Iterator[tuple[Any, Any]]:  # noqa: ANN401 - JSON
    """List every place of a document: what holds it, and its name or number there."""
    steps = node.keys() if isinstance(node, dict) else range(len(node))
    for step in steps:
        yield node, step
        if isinstance(node[step], dict | list):
            yield from _places(node[step])


def _spoil(draw: st.DrawFn, container: Any, step: Any) -> None:  # noqa: ANN401 - JSON
    match draw(st.sampled_from(["remove", "replace", "add"])):
        case "remove":
            del container[step]
        case "replace":
            container[step] = draw(VALUES)
        case "add" if isinstance(container, dict):
            container[draw(st.text(max_size=8))] = draw(VALUES)


def broken_rules(body: dict[str, Any]) -> set[str]:
    """Say which rules beyond the schema a body breaks, by where that is told."""
    attributes = body["data"]["attributes"]
    variant = body["data"]["relationships"]["variant"].get("data")
    found = set()
    if variant is None:
        found.add(VARIANT)
    elif fault_of(variant["id"]) is not None:
        found.add(VARIANT + "/id")
    if attributes.get("profile") is None:
        return {*found, PROFILE}
    return found | _broken_by(attributes["profile"]["data"])


def _broken_by(profile: dict[str, Any]) -> set[str]:
    given = profile["attributes"]
    within = given.get("id") if isinstance(given.get("id"), str) else None
    ids = {"/data/id": profile.get("id")}
    if not profile.get("id"):
        ids["/data/attributes/id"] = within
    ids["/data/attributes/external_id"] = given.get("external_id")
    found = {
        PROFILE + place
        for place, text in ids.items()
        if text and (len(text) > 255 or CONTROL_CHARACTER.search(text))
    }
    email, number = given.get("email"), given.get("phone_number")
    if email is not None and read_email_address(email) is None:
        found.add("/data/attributes/email")
    if number is not None and read_phone_number(number, None) is None:
        found.add("/data/attributes/phone_number")
    if email is None and number is None and not any(ids.values()):
        found.add(PROFILE)
    return found


@pytest.mark.parametrize(("file", "target"), [(SERVER_FILE, SERVER), (CLIENT_FILE, CLIENT)])
def test_the_schema_decides(file: str, target: str) -> None:
    """Beyond it, only somebody to tell and a variant are needed, and told apart by pointers."""
    schema = request_schema(file)
    doors = Doors()
    seen: Counter[str] = Counter()

    @settings(deadline=None, max_examples=300, derandomize=True, database=None)
    @given(bodies())
    def holds(body: Any) -> None:  # noqa: ANN401 - JSON
        doors.kafka.written.clear()
        answer = doors.client.post(target, json=body, headers=HEADERS)
        if not schema.is_valid(body):
            seen["rejected by the schema"] += 1
            assert (400, "invalid") == (answer.status_code, error_of(answer)["code"])
            return
        broken = broken_rules(body)
        seen["breaks a rule" if broken else "accepted"] += 1
        if broken:
            error = error_of(answer)
            assert (400, "invalid") == (error["status"], error["code"])
            assert error["source"]["pointer"] in broken
        else:
            assert 202 == answer.status_code
        assert len(doors.records()) == (not broken)

    holds()
    assert min(seen.values()) > 30
    assert {"rejected by the schema", "breaks a rule", "accepted"} == set(seen)


@pytest.mark.parametrize("file", [SERVER_FILE, CLIENT_FILE])
def test_the_judge_knows_its_schema(file: str) -> None:
    """Null where it may be, and nowhere else: without that, the test above would say nothing."""
    schema = request_schema(file)
    assert schema.is_valid(document(email=None))
    assert not schema.is_valid(document(channels=None))
    assert not schema.is_valid({})
    without_profile = document()
    without_profile["data"]["attributes"]["profile"] = None
    assert schema.is_valid(without_profile) == (file == SERVER_FILE)
