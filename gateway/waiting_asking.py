# SPDX-License-Identifier: Apache-2.0
"""What is asked of the list of who waits: filters, pages, ids."""

import base64
import binascii
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from starlette.datastructures import URL, QueryParams

from gateway.problems import Problem, invalid
from gateway.waiting_queries import Waiting
from schemas.identifiers import person_identifiers

__all__ = ["BEGINNING", "check_id", "next_page", "read_cursor", "read_filter", "read_size"]

BEGINNING: Final = (0, "")
"""Before the first of a list."""

_MOST: Final = 100
_USUAL: Final = 20
_ID: Final = re.compile(r"[0-9a-f]{32}")
_SIZE: Final = re.compile(r"[0-9]{1,3}", re.ASCII)
_CURSOR: Final = re.compile(r"([0-9]{1,15}):([0-9a-f]{32})", re.ASCII)
_EQUALS: Final = re.compile(r"""equals\(\s*([a-z_]+)\s*,\s*(?:"([^"]*)"|'([^']*)')\s*\)""")
_NAMES: Final[Mapping[str, str]] = {
    "email": "email",
    "phone_number": "phone_number",
    "external_id": "external_id",
    "profile_id": "id",
}
"""Names of filters, and of the identifiers that they ask for."""

_EXPECTED: Final = "Expected one of filter[email], [phone_number], [external_id] and [profile_id]"


def check_id(identity: str) -> str:
    """Return an id as it is looked up.

    Raises:
        Problem: 404, nobody can have it.
    """
    if not _ID.fullmatch(identity):
        raise Problem(
            HTTPStatus.NOT_FOUND, "not_found", "Not found.", "An id is 32 hexadecimal digits."
        )
    return identity


def read_filter(query: QueryParams) -> str:
    """Return the normalised identifier of the person who is asked for.

    Raises:
        Problem: 400, not exactly one is asked for, or it cannot be one.
    """
    found = [(name, text) for name in _NAMES for text in query.getlist(f"filter[{name}]")]
    for written in query.getlist("filter"):
        match = _EQUALS.fullmatch(written)
        if match is None:
            raise invalid('Expected such as equals(email,"kim@shop.example")', parameter="filter")
        found.append((match[1], match[2] if match[3] is None else match[3]))
    if len(found) != 1 or found[0][0] not in _NAMES:
        raise invalid(_EXPECTED, parameter="filter")
    name, text = found[0]
    if name == "phone_number" and text.startswith(" "):
        text = "+" + text[1:]  # what a form makes of a plus sign that is not escaped
    try:
        (identifier,) = person_identifiers(**{_NAMES[name]: text}) if text else ()
    except ValueError:
        raise invalid(f"Nothing is left of the {name} given", parameter="filter") from None
    return identifier


def read_size(query: QueryParams) -> int:
    """Return how many are on a page.

    Raises:
        Problem: 400, it is no such number.
    """
    text = query.get("page[size]", str(_USUAL))
    if not _SIZE.fullmatch(text) or not 1 <= int(text) <= _MOST:
        raise invalid(f"Page size must be between 1 and {_MOST}", parameter="page[size]")
    return int(text)


def read_cursor(query: QueryParams) -> tuple[int, str]:
    """Return time and id behind which the page begins.

    Raises:
        Problem: 400, it is none of ours.
    """
    text = query.get("page[cursor]")
    if text is None:
        return BEGINNING
    try:
        padded = text + "=" * (-len(text) % 4)
        match = _CURSOR.fullmatch(base64.b64decode(padded, b"-_", validate=True).decode("ascii"))
    except (binascii.Error, ValueError):
        match = None
    if match is None:
        raise invalid("The cursor is not one that this service gave", parameter="page[cursor]")
    return int(match[1]), match[2]


def next_page(url: URL, last: Waiting) -> str:
    """Return the address of the page behind the last one of this."""
    text = f"{last.subscribed_at}:{last.id}".encode()
    cursor = base64.urlsafe_b64encode(text).rstrip(b"=").decode()
    return str(url.include_query_params(**{"page[cursor]": cursor}))
