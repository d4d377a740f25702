# SPDX-License-Identifier: Apache-2.0
"""Klaviyo's older doors: forms, and three answers."""

import pytest

from tests.support.doors import COMPANY_ID, NOW, Doors, error_of

SERVER = "/api/v1/catalog/subscribe"
PAGE = "/onsite/components/back-in-stock/subscribe"
REFUSED = (
    b'{"errors": ["There was something wrong with your request. Please try again."], '
    b'"data": {}, "success": false}'
)
SUCCESS = b'{"email": "ada@shop.example.com", "success": true}'


def form(**fields: str | None) -> dict[str, str]:
    """Make the fields of a call; None leaves one out."""
    given: dict[str, str | None] = {
        "a": COMPANY_ID,
        "email": "ada@shop.example.com",
        "variant": "64814-0004",
        "platform": "api",
        **fields,
    }
    return {name: value for name, value in given.items() if value is not None}


def multipart(fields: dict[str, str], boundary: str = "----of-curl") -> tuple[str, bytes]:
    """Write a form as `curl -F` does: the header and the body."""
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    body = "".join([*parts, f"--{boundary}--\r\n"]).encode()
    return f"multipart/form-data; boundary={boundary}", body


@pytest.mark.parametrize("path", [SERVER, SERVER + "/", PAGE, PAGE + "/"])
def test_a_form_signs_somebody_up(path: str) -> None:
    """The answer is the documented one, byte for byte."""
    doors = Doors()
    answer = doors.client.post(path, data=form())
    assert (200, SUCCESS) == (answer.status_code, answer.content)
    assert "application/json" == answer.headers["content-type"]
    assert {
        "type": "subscribe",
        "variant_id": "$custom:::$default:::64814-0004",
        "occurred_at": NOW,
        "profile": {"email": "ada@shop.example.com"},
        "channels": ["EMAIL"],
    } == doors.record()


def test_a_form_of_curl_signs_somebody_up() -> None:
    """The documents show `curl -F`, which sends its fields as parts."""
    doors = Doors()
    content_type, body = multipart(form())
    answer = doors.client.post(SERVER, content=body, headers={"Content-Type": content_type})
    assert (200, SUCCESS) == (answer.status_code, answer.content)
    assert "$custom:::$default:::64814-0004" == doors.record()["variant_id"]


def test_the_body_of_jquery_signs_somebody_up() -> None:
    """It says which charset it has, and sends fields that nobody asked for."""
    doors = Doors()
    answer = doors.client.post(
        PAGE,
        content=f"a={COMPANY_ID}&email=ada%40shop.example.com&variant=64814-0004&platform=api"
        "&product=64814&subscribe_for_newsletter=false",
        headers={"Content-Type": "application/x-www-form-urlencoded; charset=UTF-8"},
    )
    assert SUCCESS == answer.content
    assert 1 == len(doors.records())


@pytest.mark.parametrize(
    ("platform", "prefix"),
    [
        ("api", "$custom:::$default:::"),
        ("shopify", "$shopify:::$default:::"),
        ("bigcommerce", "$bigcommerce:::$default:::"),
        ("square", "$square:::$default:::"),
        ("wix", "$wix:::$default:::"),
    ],
)
def test_the_variant_becomes_a_composite_id(platform: str, prefix: str) -> None:
    """A store is of no account, but for Magento: shops send its name."""
    doors = Doors()
    doors.client.post(SERVER, data=form(platform=platform, store="my-shop"))
    assert prefix + "64814-0004" == doors.record()["variant_id"]


@pytest.mark.parametrize(("store", "catalogue"), [("1", "1-1"), ("3", "2-3")])
def test_magentos_store_names_the_catalogue(store: str, catalogue: str) -> None:
    """With its website, as far as it is known; else that of the same number."""
    doors = Doors(websites={"3": "2"})
    answer = doors.client.post(SERVER, data=form(platform="magento_two", store=store))
    assert SUCCESS == answer.content
    assert f"$magento_two:::{catalogue}:::64814-0004" == doors.record()["variant_id"]


@pytest.mark.parametrize(
    "fields",
    [
        {"email": "ada"},
        {"email": "ada@shop.example.com\r\nBcc: all@example.com"},
        {"email": "ada\x00@shop.example.com"},
        {"a": "of-another-account"},
        {"platform": "etsy"},
        {"platform": "magento_two", "store": "one"},
        {"platform": "magento_two", "store": "1-1"},
        {"platform": "magento_two", "store": "1" * 11},
    ],
)
def test_what_is_refused_is_not_successful(fields: dict[str, str]) -> None:
    """The documented answer for an address or a key; pages read it where the call went well."""
    doors = Doors()
    answer = doors.client.post(SERVER, data=form(**fields))
    assert (200, REFUSED) == (answer.status_code, answer.content)
    assert not doors.kafka.written


def test_a_missing_field_is_named() -> None:
    """With the documented status and message."""
    answer = Doors().client.post(SERVER, data=form(email=None))
    assert 400 == answer.status_code
    assert answer.content == (
        b'{"status": 400, "message": "There was something wrong with your request: '
        b'* email * This field is required."}'
    )


@pytest.mark.parametrize(
    ("fields", "missing"),
    [
        ({"email": "", "variant": "  "}, ("email", "variant")),
        ({"a": None, "platform": None}, ("a", "platform")),
        ({"platform": "magento_two"}, ("store",)),
    ],
)
def test_all_missing_fields_are_named(
    fields: dict[str, str | None], missing: tuple[str, ...]
) -> None:
    """An empty one is missing, and so is Magento's store."""
    message = Doors().client.post(SERVER, data=form(**fields)).json()["message"]
    says = " ".join(f"* {name} * This field is required." for name in missing)
    assert f"There was something wrong with your request: {says}" == message


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/x-www-form-urlencoded", b"a=%ff&email=%ff"),
        ("application/x-www-form-urlencoded", b"a=\xff"),
        ("application/x-www-form-urlencoded", b"a=1&" * 1000),
        ("application/json", b'{"a": "1"}'),
        ("text/plain", b""),
        ("multipart/form-data", b"--x"),
        ("multipart/form-data; boundary=", b"--"),
        ('multipart/form-data; boundary="', b"--"),
        ("multipart/form-data; boundary=x", b"--y\r\n"),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data\r\n\r\n1\r\n"),
        ("multipart/form-data; boundary=" + "x" * 5000, b"--"),
        ("multipart/form-data; boundary=x; charset=utf-16", b"--x--"),
        ("multipart/form-data; boundary=x", b"--x\r\n" + b"\xff" * 10),
        multipart({f"field{number}": "1" for number in range(21)}),
    ],
)
def test_a_body_that_is_no_form_lacks_everything(content_type: str, body: bytes) -> None:
    """Whatever it is, it is answered as a form without a field."""
    answer = Doors().client.post(SERVER, content=body, headers={"Content-Type": content_type})
    assert 400 == answer.status_code
    assert "* a * This field is required." in answer.json()["message"]


def test_a_file_is_no_field() -> None:
    """Nothing of it is kept anywhere."""
    files = {"variant": ("variant.txt", b"64814-0004")}
    answer = Doors().client.post(SERVER, data=form(variant=None), files=files)
    assert 400 == answer.status_code


def test_of_a_field_that_comes_twice_the_last_counts() -> None:
    """As the older calls have it."""
    doors = Doors()
    body = f"a=x&a={COMPANY_ID}&email=ada%40shop.example.com&variant=1&variant=2&platform=api"
    doors.client.post(SERVER, content=body)
    assert "$custom:::$default:::2" == doors.record()["variant_id"]


@pytest.mark.parametrize("variant", ["SKU-LARGE", "SKU\x00", "x" * 300])
def test_an_unknown_variant_is_a_success_and_dropped(variant: str) -> None:
    """As documented: nobody is queued for it. It is counted."""
    doors = Doors(catalogue={"$custom:::$default:::64814-0004"})
    answer = doors.client.post(SERVER, data=form(variant=variant))
    assert (200, SUCCESS) == (answer.status_code, answer.content)
    assert not doors.kafka.written
    assert {("legacy", "unknown_variant"): 1} == dict(doors.desk.counts)


def test_an_address_beyond_ascii_is_answered_in_ascii() -> None:
    """It is the JSON of the documents' time."""
    answer = Doors().client.post(SERVER, data=form(email="jörg@exämple.com"))
    assert b'{"email": "j\\u00f6rg@ex\\u00e4mple.com", "success": true}' == answer.content


def test_a_sign_up_that_is_not_written_is_not_taken() -> None:
    """503, whatever the documents leave out."""
    doors = Doors()
    doors.kafka.is_away = True
    assert 503 == error_of(doors.client.post(SERVER, data=form()))["status"]


def test_calls_are_limited_by_address() -> None:
    """A wrong key and a form with nothing in it count too."""
    doors = Doors(address_burst=3, address_steady=3)
    for fields in ({"a": "x"}, {"email": None}, {}):
        doors.client.post(SERVER, data=form(**fields))
    answer = doors.client.post(SERVER, data=form())
    assert "throttled" == error_of(answer)["code"]
    assert 1 == len(doors.kafka.written)


def test_beyond_the_limit_no_body_is_read() -> None:
    """429 although it is too large: reading it is what the limit is for."""
    doors = Doors(address_burst=1, address_steady=1, body_limit=1_000)
    statuses = [doors.client.post(SERVER, content=b" " * 1_001).status_code for _ in range(2)]
    assert [413, 429] == statuses
