# SPDX-License-Identifier: Apache-2.0
"""Hypothesis strategies for records as bytes: valid, odd but valid, and damaged.

Records are put together as text, member by member, so that duplicates, forms of numbers, escapes
and bytes that no JSON writer produces all occur.
"""

import json
from collections.abc import Mapping

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

__all__ = ["ARRIVAL", "STEADY", "inventory_texts", "subscription_texts"]

ARRIVAL = 1_795_000_364_460
"""2026-11-18T11:12:44.460Z."""

STEADY = settings(
    derandomize=True, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
)
"""The same examples in every run, however busy the machine."""

Texts = st.SearchStrategy[bytes]
_Members = Mapping[str, Texts]

_NULL = st.just(b"null")


def _one_of(*texts: bytes | str) -> Texts:
    return st.sampled_from([text.encode() if isinstance(text, str) else text for text in texts])


def _quoted(characters: st.SearchStrategy[str]) -> Texts:
    ascii_only = characters.map(lambda text: json.dumps(text).encode())
    return ascii_only | characters.map(lambda text: json.dumps(text, ensure_ascii=False).encode())


_WORDS = _quoted(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12))
_NAMES = _quoted(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12))
_ODD_STRINGS = _one_of(
    '""',
    '" "',
    r'"\u0000"',
    r'"a\u001f"',
    '"\x7f"',
    '"\u0085"',
    '"\xa0"',
    '"\u200b"',
    '"\u2028"',
    r'"\ud83d\ude00"',
    r'"\ud83d"',
    r'"\ude00x"',
    r'"\ud800\u0041"',
    r'"\ud800\ud800\udc00"',
    r'"\/\b\f"',
    r'"\x"',
    r'"\u12g4"',
    '"tab\there"',
    b'"\xff"',
    b'"\xc0\x80"',
    b'"\xed\xa0\x80"',
    b'"\xf4\x90\x80\x80"',
    b'"\xf0\x9f\x98"',
    '"' + "a" * 255 + '"',
    '"' + "\U0001f600" * 255 + '"',
    '"' + "a" * 256 + '"',
    '"never closed',
)
_INTEGERS = _one_of(
    "0", "-0", "-0.0", "7.0", "1e3", "15E+1", "1e-400", "9007199254740991"
) | st.integers(-(2**53) + 1, 2**53 - 1).map(lambda number: str(number).encode())
_NUMBERS = _one_of(
    "0", "-0", "-0.0", "0.0", "1", "-1", "7.0", "7.5", "1e3", "1E+2", "15e-1", "1e-400", "1e400",
    "9007199254740991", "9007199254740992", "-9007199254740991", "-9007199254740992",
    "9007199254740991.0", "9007199254740993.0", "9223372036854775807", "9223372036854775808",
    "18446744073709551615", "18446744073709551616", "-9223372036854775808",
    "-9223372036854775809", "1e18", "9.3e18", "1e22", "123456789012345678901234567890.5",
    "9" * 308, "9" * 309, "9" * 400, "-" + "9" * 5000, "1.7976931348623157e308", "1.8e308",
    "NaN", "Infinity", "-Infinity", "01", "+1", "1.", ".5", "-", "1e", "0x1", "1_000",
    "\uff11", "9", "10", "5.0", "9.0",
) | st.integers().map(lambda number: str(number).encode())  # fmt: skip
_OTHERS = _one_of(
    "null", "true", "false", "{}", "[]", "[null]", '[{"a":1}]', '{"id":"x"}', '{"":""}', "", "nul",
    "True", "[1,]", "{,}", "[" * 400 + "]" * 400, "[" * 600 + "]" * 600, '{"a":' * 450 + "1"
    + "}" * 450, "[[]," * 300 + "1" + "]" * 300, "[" * 100_000, "// note",
)  # fmt: skip
_ANYTHING = _WORDS | _ODD_STRINGS | _NUMBERS | _OTHERS

_IDENTIFIERS = _one_of('"$custom:::$default:::SKU-MED"', '"Größe L/ünï"', r'"\u0041"') | _NAMES
_FLAGS = _one_of("true", "false", "null")
_TIMES = _one_of(
    '"2026-11-18T11:12:44.460Z"',
    '"2026-11-18T11:12:44.461Z"',
    '"2026-11-18T11:22:44.460Z"',
    '"2026-11-18T11:22:44.461Z"',
    '"2026-11-18t11:12:44z"',
    '"2026-11-18T12:12:44.4609999+01:00"',
    '"2026-11-18T00:12:44.4-11:00"',
    r'"2026-11-18T11\u003a12:44.460Z"',
    "1795000364460",
    "1795000364460.0",
    "1.79500036446e12",
    "1795000964460",
    "1795000964461",
    "978307200000",
)
_ODD_TIMES = _one_of(
    '"2026-11-18 11:12:44Z"', '"2026-11-18T11:12:44"', '"2026-11-18T11:12:60Z"',
    '"2026-11-18T24:00:00Z"', '"2026-11-18T11:60:00Z"', '"2026-02-29T00:00:00.000Z"',
    '"2024-02-29T00:00:00.000Z"', '"2026-13-01T00:00:00.000Z"', '"2026-00-01T00:00:00.000Z"',
    '"0000-01-01T00:00:00.000Z"', '"2000-12-31T23:59:59.999Z"', '"2001-01-01T00:00:00.000Z"',
    '"2001-01-01T00:30:00+01:00"', '"2000-12-31T23:30:00-01:00"', '"9999-12-31T23:59:59.999Z"',
    '"9999-12-31T23:59:59.999-01:00"', '"9999-12-31T23:59:59.999+24:00"',
    '"2026-11-18T11:12:44.460+01:60"', '"2026-11-18T11:12:44.460+0100"', '"2026-11-18T11:12Z"',
    '"2026-11-18T11:12:44.Z"', '"2026-11-18T11:12:44,460Z"', '"\uff12026-11-18T11:12:44.460Z"',
    '"2026-11-18T11:12:44.46\u0660Z"', '"+2026-11-18T11:12:44.460Z"', '"2026-W47-3T11:12:44.460Z"',
    '"2026-11-18T11:12:44.460Z\\n"', '" 2026-11-18T11:12:44.460Z"', '"1795000364460"',
    "1795000364", "1795000364460.5", "978307199999", "253402300799999", "253402300800000",
)  # fmt: skip


def _list_of(items: Texts) -> Texts:
    return st.lists(items, max_size=5).map(lambda texts: b"[" + b",".join(texts) + b"]")


_CHANNELS = _list_of(_one_of('"EMAIL"', '"SMS"', '"PUSH"', '"WHATSAPP"', r'"\u0045MAIL"'))
_ODD_CHANNELS = _list_of(_one_of('"EMAIL"', '"email"', "null", '""', "1", "[]", "{}", r'"\ud800"'))


@st.composite
def _objects(
    draw: st.DrawFn, required: _Members, optional: _Members, damage: st.SearchStrategy[bool]
) -> bytes:
    """An object of the given members in any order; damaged, it may lack, repeat or spoil some."""
    names = list(required) + draw(st.lists(st.sampled_from(list(optional)), unique=True))
    fields = {**required, **optional}
    members = [(name, draw(fields[name])) for name in names]
    if draw(damage):
        name = draw(st.sampled_from(list(fields)))
        kind = draw(st.sampled_from(["spoil", "drop", "repeat", "repeat", "unknown", "unknown"]))
        if kind == "drop":
            members = [member for member in members if member[0] != name]
        elif kind == "unknown":
            odd_name = draw(st.sampled_from(["x", "", "Type", r"\ud800", r"a\u0000", "\u00e9"]))
            members.append((odd_name, draw(_ANYTHING)))
        else:
            value = draw(_ANYTHING | _ODD_TIMES | _ODD_CHANNELS | fields[name])
            if kind == "spoil":
                members = [member for member in members if member[0] != name]
            members.append((name, value))
    members = draw(st.permutations(members))
    space = draw(st.sampled_from([b"", b" ", b"\n\t", b"\r"]))
    return _joined(members, space)


def _joined(members: list[tuple[str, bytes]], space: bytes) -> bytes:
    written = (b'"' + _escaped(name) + b'"' + space + b":" + value for name, value in members)
    return b"{" + space + (b"," + space).join(written) + b"}" + space


def _escaped(name: str) -> bytes:
    # One way to write a known name that is not its plain spelling.
    return name.encode() if name != "market" else rb"m\u0061rket"


_RARELY = st.integers(0, 11).map(lambda number: number == 0)
_OFTEN = st.booleans()
_TEXT = _WORDS | _NULL

_PRICES = _one_of(
    "90.5",
    "-0.0",
    "1e22",
    "18446744073709551615",
    "18446744073709551616",
    "-9223372036854775809",
    "9.3e18",
    "9" * 308,
    "123456789012345678901234567890.5",
)

_PRODUCT: _Members = {
    "product_id": _TEXT,
    "title": _TEXT,
    "variant_title": _TEXT,
    "url": _TEXT,
    "image_url": _TEXT,
    "currency": _TEXT,
    "price": _WORDS | _INTEGERS | _PRICES | _NULL,
}
_PRODUCTS = _objects({}, _PRODUCT, _RARELY) | _NULL
_PROFILES = _objects(
    {},
    {
        "id": _WORDS | _NULL,
        "external_id": _WORDS | _NULL,
        "email": _one_of(r'" Jane@Example.COM\t"', '"ÀB@ÀB.example"', r'"\u00a0"', "null"),
        "phone_number": _one_of('"+46 (0)70-123 45 67"', '"\u06611"', '"+"', "null"),
    },
    _RARELY,
)


@st.composite
def _disturbed(draw: st.DrawFn, texts: Texts) -> bytes:
    """Mostly as they are; else with one byte more, fewer or other, or something around them."""
    text = draw(texts)
    kind = draw(st.integers(0, 23))
    place = draw(st.integers(0, len(text)))
    byte = draw(st.binary(min_size=1, max_size=2) | st.sampled_from([b'"', b"\\", b",", b"}"]))
    match kind:
        case 0:
            return text[:place] + byte + text[place:]
        case 1:
            return text[:place] + text[place + 1 :]
        case 2:
            return text[:place] + byte + text[place + 1 :]
        case 3:
            return draw(st.sampled_from([b"\xef\xbb\xbf" + text, text + b"\0", b"[" + text + b"]"]))
        case _:
            return text


inventory_texts: Texts = _disturbed(
    _objects(
        {"variant_id": _IDENTIFIERS, "quantity": _INTEGERS | _NULL, "occurred_at": _TIMES},
        {
            "location_id": _IDENTIFIERS | _NULL,
            "sequence": _INTEGERS | _NULL,
            "policy": _one_of('"deny"', '"continue"', "null"),
            "available": _FLAGS,
            "published": _FLAGS,
            "product": _PRODUCTS,
            "event_id": _WORDS | _NULL,
            "source": _WORDS | _NULL,
        },
        _OFTEN,
    )
)
"""Records for the inventory topic, about half of them invalid."""

subscription_texts: Texts = _disturbed(
    _objects(
        {
            "type": _one_of('"subscribe"', '"subscribe"', '"unsubscribe"'),
            "variant_id": _IDENTIFIERS,
            "occurred_at": _TIMES,
            "profile": _PROFILES,
        },
        {
            "channels": _CHANNELS | _NULL,
            "priority": _one_of("0", "9", "3.0", "null"),
            "expires_at": _TIMES | _NULL,
            "consent": _CHANNELS | _NULL,
            "locale": _WORDS | _NULL,
            "market": _WORDS | _NULL,
            "product": _PRODUCTS,
            "event_id": _WORDS | _NULL,
        },
        _OFTEN,
    )
)
"""Records for the subscriptions topic, about half of them invalid."""
