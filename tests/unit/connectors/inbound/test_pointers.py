# SPDX-License-Identifier: Apache-2.0
"""JSON Pointers find what RFC 6901 says."""

import pytest

from connectors.inbound.pointers import MISSING, Pointer

DOCUMENT = {
    "foo": ["bar", "baz"],
    "": 0,
    "a/b": 1,
    "c%d": 2,
    "e^f": 3,
    "g|h": 4,
    "i\\j": 5,
    'k"l': 6,
    " ": 7,
    "m~n": 8,
}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", DOCUMENT),
        ("/foo", ["bar", "baz"]),
        ("/foo/0", "bar"),
        ("/", 0),
        ("/a~1b", 1),
        ("/c%d", 2),
        ("/e^f", 3),
        ("/g|h", 4),
        ("/i\\j", 5),
        ('/k"l', 6),
        ("/ ", 7),
        ("/m~0n", 8),
        ("#/c%25d", 2),
        ("#/m~0n", 8),
    ],
)
def test_the_examples_of_the_rfc(text: str, found: object) -> None:
    """Sections 5 and 6."""
    assert found == Pointer.parse(text).find(DOCUMENT)


@pytest.mark.parametrize(
    "text", ["/foo/2", "/foo/-", "/foo/01", "/foo/+1", "/foo/x", "/nil", "/ /x"]
)
def test_nothing_is_found_where_nothing_is(text: str) -> None:
    """Behind the end of a list, by what is no index, and within what is no container."""
    assert MISSING is Pointer.parse(text).find(DOCUMENT)


@pytest.mark.parametrize("text", ["foo", "/a~", "/a~2", "#foo"])
def test_what_is_no_pointer_is_refused(text: str) -> None:
    """One line that shows what one looks like."""
    with pytest.raises(ValueError, match="must be a JSON Pointer"):
        Pointer.parse(text)


def test_null_is_something() -> None:
    """A figure that is null says that there is none; a missing one says nothing."""
    assert None is Pointer.parse("/a").find({"a": None})
