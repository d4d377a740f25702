# SPDX-License-Identifier: Apache-2.0
"""What may stand in a request: checks of headers and of URLs, before anything is sent."""

import re
from typing import Final
from urllib.parse import urlsplit

__all__ = ["HeaderRefused", "check_further_header", "check_header", "check_url"]

_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
# These are decided by the request itself.
_OWN_HEADERS: Final = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-length",
        "content-type",
        "host",
        "te",
        "user-agent",
    }
)
_OWN_PREFIXES: Final = ("proxy-", "transfer-", "webhook-")


class HeaderRefused(ValueError):  # noqa: N818 - the name says what is the matter
    """The value of a header holds what could end it: a request would not be the one meant."""


def check_header(value: str) -> None:
    """See that a header's value is printable ASCII (RFC 9110, section 5.5).

    Raises:
        HeaderRefused: it is not: it could end the header and begin another.
    """
    if not (value.isascii() and value.isprintable()):
        raise HeaderRefused("must be printable ASCII without line breaks")


def check_url(value: str, *, allow_http: bool) -> str:
    """See that a receiver can be reached by a URL of the settings.

    Raises:
        ValueError: it is no URL with a host, not https where that is asked for, or it holds a
            password, which would show wherever the URL does.
    """
    message = "must be a URL such as https://shop.example/hooks"
    try:
        url = urlsplit(value)
        usable = url.scheme in {"http", "https"} and url.hostname and url.port != 0
    except ValueError:
        raise ValueError(message) from None
    if not usable or not value.isascii() or not value.isprintable() or " " in value:
        raise ValueError(message)
    if url.scheme == "http" and not allow_http:
        raise ValueError("must begin with https:// (allow_http = true permits http://)")
    if url.username is not None or url.password is not None:
        raise ValueError("must not hold a user or a password: they would show in logs")
    return value


def check_further_header(name: str, value: str) -> None:
    """See that a header of the settings can be sent, and is not one that requests have anyway.

    Raises:
        ValueError: naming the header; its value may be a secret.
    """
    lowered = name.lower()
    if not _HEADER_NAME.fullmatch(name):
        raise ValueError(f"headers: {name!r} is not the name of a header")
    if lowered in _OWN_HEADERS or lowered.startswith(_OWN_PREFIXES):
        raise ValueError(f"headers.{name} cannot be given: the request itself decides it")
    try:
        check_header(value)
    except ValueError as error:
        raise ValueError(f"headers.{name} {error}") from None
