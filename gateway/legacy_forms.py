# SPDX-License-Identifier: Apache-2.0
"""Forms as the older calls send them: url-encoded by a browser, multipart by `curl -F`."""

from collections.abc import AsyncGenerator
from typing import Final
from urllib.parse import parse_qsl

from python_multipart.multipart import parse_options_header
from starlette.datastructures import Headers
from starlette.formparsers import MultiPartException, MultiPartParser

__all__ = ["read_form"]

_MOST_FIELDS: Final = 20


async def read_form(content_type: str, body: bytes) -> dict[str, str]:
    """Read the fields of a form; of a field that comes twice the last counts.

    Args:
        content_type: header of the request; what is not said to be multipart is url-encoded.
        body: all of it.

    Returns:
        Values by name, without spaces around them. None at all where the body is no form, is not
        UTF-8, has a file or too many fields: then everything is missing, which is what the caller
        is told.
    """
    try:
        text = body.decode()
        kind, options = parse_options_header(content_type)
        if kind == b"multipart/form-data":
            fields = await _read_multipart(options.get(b"boundary", b""), body)
        else:
            fields = parse_qsl(
                text, keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS
            )
    except (ValueError, MultiPartException):
        return {}
    return {name: value.strip(" ") for name, value in fields}


async def _read_multipart(boundary: bytes, body: bytes) -> list[tuple[str, str]]:
    # Only the boundary is taken over: the charset is UTF-8, whatever else is said.
    headers = Headers(raw=[(b"content-type", b'multipart/form-data; boundary="%b"' % boundary)])
    parser = MultiPartParser(headers, _stream(body), max_files=0, max_fields=_MOST_FIELDS)
    form = await parser.parse()
    return [(name, value) for name, value in form.multi_items() if isinstance(value, str)]


async def _stream(body: bytes) -> AsyncGenerator[bytes, None]:
    yield body
