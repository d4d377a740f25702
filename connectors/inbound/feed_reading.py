# SPDX-License-Identifier: Apache-2.0
"""Documents of feeds, in JSON or XML, item by item.

A document is right as a whole or not at all: whoever takes its items must not act on any before
the last has come. Namespaces are left out; entities and declarations of document types, with which
a few bytes become gigabytes, or files of this machine, are refused.
"""

import codecs
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Final, Literal
from xml.etree.ElementTree import Element, ParseError  # only for the type: it parses nothing

import msgspec
from defusedxml.common import DefusedXmlException  # type: ignore[import-untyped]  # ships none
from defusedxml.ElementTree import iterparse  # type: ignore[import-untyped]  # as above

from connectors.errors import InboundError
from connectors.inbound.mapping_values import read_json
from connectors.inbound.pointers import MISSING
from connectors.inbound.records import Unfit

__all__ = ["Find", "form_of", "read_items"]

Find = Callable[[str], object]
"""Returns what stands in an item under a name, or `MISSING`."""

_XML_MARKS: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_BEGINNING: Final = 1_000
_DEEPEST: Final = 100
"""Elements within each other."""

_split: Final = msgspec.json.Decoder(list[msgspec.Raw]).decode
_split_object: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def form_of(body: bytes, form: Literal["auto", "json", "xml"]) -> Literal["json", "xml"]:
    """Tell XML, which begins with `<`, from JSON, unless the settings say what it is."""
    if form != "auto":
        return form
    plain = body.removeprefix(codecs.BOM_UTF8)
    is_xml = plain.startswith(_XML_MARKS) or plain[:_BEGINNING].lstrip()[:1] == b"<"
    return "xml" if is_xml else "json"


def read_items(body: bytes, form: Literal["json", "xml"], items: str | None) -> Iterator[Find]:
    """Read a document's items.

    Args:
        body: the document.
        form: what it is.
        items: JSON: the name of the list, within an object if need be; XML: the name of the items'
            elements. None: the document is the list.

    Yields:
        For each item what finds its fields. In XML all values are text without space around it;
        where an element stands several times, the last counts.

    Raises:
        InboundError: the document is cut short, malformed or of another shape: maybe only after
            many items.
    """
    if form == "xml":
        return _xml_items(body, items)
    return _json_items(body.removeprefix(codecs.BOM_UTF8), items)


def _json_items(body: bytes, items: str | None) -> Iterator[Find]:
    # Each item is a slice of the document until its turn comes: that keeps the memory small.
    found: bytes | msgspec.Raw = body
    try:
        for name in items.split("/") if items else ():
            found = _split_object(found)[name]
        parts = _split(found)
    except KeyError:
        raise InboundError(
            f"the feed has no list {items!r}: correct `items` in its settings"
        ) from None
    except (msgspec.ValidationError, TypeError):
        raise InboundError(
            "the feed is no list of items: say with `items` in its settings which list it holds"
        ) from None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise _broken(str(error)) from None
    for part in parts:
        try:
            item = read_json(bytes(part))
        except Unfit as error:
            raise _broken(str(error)) from None
        yield _json_finder(item)


def _json_finder(item: object) -> Find:
    def find(name: str) -> object:
        if not isinstance(item, dict):
            return MISSING
        if name in item:
            return item[name]
        value: object = item
        for step in name.split("/"):
            value = value.get(step, MISSING) if isinstance(value, dict) else MISSING
        return value

    return find


def _xml_items(body: bytes, items: str | None) -> Iterator[Find]:
    try:
        yield from _walk(body, items)
    except DefusedXmlException:
        raise InboundError(
            "the feed declares a document type or entities: send it without <!DOCTYPE ...>"
        ) from None
    except ParseError as error:
        raise _broken(str(error)) from None
    # Of a declared encoding that Python does not know, or that has several bytes a character.
    except (LookupError, ValueError) as error:
        raise InboundError(f"the feed cannot be read: {error}: send it as UTF-8") from None


def _walk(body: bytes, items: str | None) -> Iterator[Find]:
    parents: list[Element] = []
    for event, element in iterparse(BytesIO(body), ("start", "end"), forbid_dtd=True):
        if event == "start":
            parents.append(element)
            if len(parents) > _DEEPEST:
                raise InboundError(f"the feed has more than {_DEEPEST} elements within each other")
            continue
        parents.pop()
        within = _within_item(parents, items)
        is_item = _is_item(element, parents, items) and not within
        if is_item:
            yield _flat(element).get_or_missing
        if not within:
            element.clear()
            if parents:
                parents[-1].clear()


def _is_item(element: Element, parents: list[Element], items: str | None) -> bool:
    return len(parents) == 1 if items is None else _local(element.tag) == items


def _within_item(parents: list[Element], items: str | None) -> bool:
    if items is None:
        return len(parents) > 1
    return any(_local(parent.tag) == items for parent in parents)


class _Flat(dict[str, str]):
    def get_or_missing(self, name: str) -> object:
        return self.get(name, MISSING)


def _flat(element: Element) -> _Flat:
    """Lay all that an element holds side by side, under names such as ``price/@currency``."""
    found = _Flat()
    waiting = [("", element)]
    while waiting:
        path, one = waiting.pop()
        for name, value in one.attrib.items():
            found[f"{path}@{_local(name)}"] = value.strip()
        if path:
            found[path[:-1]] = (one.text or "").strip()
        # The last is put away first, so that it is also the last to be looked at.
        waiting += [(f"{path}{_local(child.tag)}/", child) for child in reversed(one)]
    return found


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _broken(reason: str) -> InboundError:
    return InboundError(
        f"the feed is cut short or malformed ({reason}): nothing of it was applied; send it whole"
    )
