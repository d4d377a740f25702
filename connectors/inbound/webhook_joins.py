# SPDX-License-Identifier: Apache-2.0
"""Files that say which item of a platform is which variant.

CSV with a heading, or JSON lines (`.jsonl`, `.ndjson`): the item under a name of the platform's,
`variant_id` as the platform writes it or in our form, and `product_id` where it is known::

    inventory_item_id,variant_id,product_id
    47661178487064,45612961333528,8416570474776
"""

import csv
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec

from connectors.errors import InboundError
from connectors.inbound.contract import Learned
from connectors.inbound.records import Unfit
from connectors.inbound.webhook_reading import Id, text_of_id

__all__ = ["read_join"]

_LINES: Final = frozenset({".jsonl", ".ndjson"})
_COMPOSED: Final = ":::"

_Row = Mapping[str, Id | None]

_read_line: Final = msgspec.json.Decoder(dict[str, Id | None]).decode


def read_join(path: Path, item: str, variant_of: Callable[[str], str]) -> list[Learned]:
    """Read the whole of a file.

    Args:
        path: the file.
        item: name of the column that holds the item.
        variant_of: makes our id of the platform's.

    Raises:
        InboundError: it cannot be read, or a line of it is wrong; the message names file and entry.
    """
    found: list[Learned] = []
    try:
        found.extend(_learned(row, item, variant_of) for row in _rows(path))
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise InboundError(f"{path}: {reason}; give a file that can be read") from None
    except (UnicodeDecodeError, csv.Error, msgspec.DecodeError, RecursionError, Unfit) as error:
        raise InboundError(f"{path}, entry {len(found) + 1}: {error}; mend the line") from None
    return found


def _rows(path: Path) -> Iterator[_Row]:
    if path.suffix in _LINES:
        with path.open("rb") as lines:
            yield from (_read_line(line) for line in lines if line.strip())
        return
    with path.open(encoding="utf-8-sig", newline="") as text:
        yield from csv.DictReader(text)


def _learned(row: _Row, item: str, variant_of: Callable[[str], str]) -> Learned:
    item_id, variant_id, product_id = (row.get(name) for name in (item, "variant_id", "product_id"))
    if item_id is None or variant_id is None:
        raise Unfit("missing_field", f"needs {item} and variant_id")
    variant = text_of_id(variant_id, "variant_id")
    return Learned(
        text_of_id(item_id, item),
        variant if _COMPOSED in variant else variant_of(variant),
        None if product_id in {None, ""} else text_of_id(product_id or "", "product_id"),
    )
