# SPDX-License-Identifier: Apache-2.0
"""Email addresses and phone numbers, as people type them."""

import string
from typing import Final

import pytest
from email_validator import validate_email
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.contact import read_email_address, read_phone_number

STEADY: Final = settings(deadline=None, derandomize=True, database=None)
LABELS: Final = string.ascii_letters + string.digits + "-"


@pytest.mark.parametrize(
    "address",
    [
        "ada@shop.example.com",
        "Ada.Lovelace+coats@Example.com",
        "o'brien@example.com",
        "sarah.mason@klaviyo-demo.com",
        "ada@rehearsal.test",
        "ada@xn--exmple-cua.com",
        "jörg@exämple.com",
        "用户@例子.广告",
    ],
)
def test_an_address_is_kept_as_it_was_typed(address: str) -> None:
    """Its capital letters too, for what is before the @ is the receiver's affair."""
    assert address == read_email_address(address)


def test_spaces_around_an_address_do_not_count() -> None:
    """They come with what is pasted."""
    assert "ada@example.com" == read_email_address("  ada@example.com ")


def test_two_spellings_beyond_ascii_are_one_address() -> None:
    """A letter with its mark behind it, and a full-width dot, are how some keyboards write."""
    assert "jörg@example.com" == read_email_address("jo\u0308rg@example\uff0ecom")


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "ada",
        "ada@",
        "@example.com",
        "ada@localhost",
        "ada@printer.local",
        "ada@example.invalid",
        "ada@hidden.onion",
        "ada@example..com",
        ".ada@example.com",
        "ada@-example.com",
        "ada@[127.0.0.1]",
        '"ada"@example.com',
        "Ada <ada@example.com>",
        "ada@example.com\n",
        "ada@example.com\r\nBcc: all@example.com",
        "ada\x00@example.com",
        "ada\x85@example.com",
        "ada@example.com,bob@example.com",
        "ada\ud800@example.com",
        "a" * 65 + "@example.com",
        "ada@" + "a" * 64 + ".com",
        "ada@" + "a." * 130 + "com",
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    """Nothing that could break out of a header, and nowhere that mail cannot go."""
    assert read_email_address(text) is None


@STEADY
@given(
    st.text(string.ascii_letters + string.digits + "_+-.", min_size=1, max_size=30),
    st.lists(st.text(LABELS, min_size=1, max_size=12), min_size=1, max_size=4),
)
def test_the_quick_way_takes_only_what_the_library_takes(local: str, labels: list[str]) -> None:
    """The library's judgement, at a fortieth of its time for nearly all addresses."""
    address = f"{local}@{'.'.join(labels)}"
    try:
        validate_email(address, check_deliverability=False, test_environment=True, strict=True)
        expected: str | None = address
    except ValueError:
        expected = None
    assert expected == read_email_address(address)


@STEADY
@given(st.text(max_size=80), st.sampled_from([None, "SE", "US"]))
def test_any_text_comes_to_an_answer(text: str, region: str | None) -> None:
    """Nothing that people can type raises anything, whatever stands around the @."""
    read_email_address(f"{text}@{text}")
    read_email_address(f"ada@{text}.com")
    read_phone_number(text, region)
    read_phone_number(f"+{text}", region)


@pytest.mark.parametrize("number", ["+15005550006", "+12345678901", "+46701234567"])
def test_a_number_by_e164_is_kept(number: str) -> None:
    """Klaviyo's own examples too, which no table of assigned numbers has."""
    assert number == read_phone_number(number, None)


@pytest.mark.parametrize(
    ("text", "region", "number"),
    [
        (" +46 (0)70-123 45 67 ", None, "+46701234567"),
        ("+1 (415) 555-0132", "SE", "+14155550132"),
        ("0046 70 123 45 67", None, "+46701234567"),
        ("0046 70 123 45 67", "US", "+46701234567"),
        ("0011 46 70 123 45 67", "AU", "+46701234567"),
        ("070-123 45 67", "SE", "+46701234567"),
        ("070/123.4567", "SE", "+46701234567"),
        ("(415) 555-0132", "US", "+14155550132"),
        ("\uff0b46701234567", None, "+46701234567"),
        ("+39 06 6982", None, "+39066982"),
    ],
)
def test_other_ways_to_write_a_number_become_e164(
    text: str, region: str | None, number: str
) -> None:
    """With what people put between the digits, from abroad, and as it is written at home."""
    assert number == read_phone_number(text, region)


@pytest.mark.parametrize(
    ("text", "region"),
    [
        ("070-123 45 67", None),
        ("5550132", "US"),
        ("", "US"),
        ("+", None),
        ("+1", None),
        ("+999123456789", None),
        ("+1500555000600000000", None),
        ("tel:+15005550006", None),
        ("+15005550006 ext. 5", None),
        ("+15005550006\n", None),
        ("1-800-FLOWERS", "US"),
        ("+1500555\x000006", None),
        ("9" * 1000, "US"),
    ],
)
def test_what_is_no_number_is_refused(text: str, region: str | None) -> None:
    """Without a country; for neighbours alone; with more, or less, than a number."""
    assert read_phone_number(text, region) is None
