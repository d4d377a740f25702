# SPDX-License-Identifier: Apache-2.0
"""Composite ids of variants: `integration:::catalog:::external`.

The form is that of Klaviyo's "Set up back in stock via API". Every integration has the catalogue
`$default`, but for Magento, whose catalogues are called `<websiteId>-<storeId>`. What is behind the
second `:::` belongs to the shop, whatever it is.
"""

import re
from typing import Final

from schemas.fields import CONTROL_CHARACTER

__all__ = ["DEFAULT_CATALOGUE", "INTEGRATIONS", "compose", "fault_of"]

INTEGRATIONS: Final = frozenset(
    {"$custom", "$shopify", "$bigcommerce", "$magento_two", "$square", "$wix"}
)
DEFAULT_CATALOGUE: Final = "$default"

_SEPARATOR: Final = ":::"
_PARTS: Final = 3
_LONGEST: Final = 255  # of a record's variant_id, docs/semantics.md section 1
_MAGENTO: Final = "$magento_two"
_MAGENTO_CATALOGUE: Final = re.compile(r"[0-9]{1,10}-[0-9]{1,10}", re.ASCII)


def compose(integration: str, catalogue: str, external: str) -> str:
    """Put an id together; `fault_of` says whether it is one."""
    return _SEPARATOR.join((integration, catalogue, external))


def fault_of(variant_id: str) -> str | None:
    """Say what keeps a text from being a composite id; None: nothing does."""
    parts = variant_id.split(_SEPARATOR, _PARTS - 1)
    if len(parts) != _PARTS or not all(part.strip() for part in parts):
        return "A variant id has the form integrationType:::catalogId:::externalId"
    integration, catalogue, _ = parts
    if integration not in INTEGRATIONS:
        return f"The integration type must be one of {', '.join(sorted(INTEGRATIONS))}"
    if integration == _MAGENTO and not _MAGENTO_CATALOGUE.fullmatch(catalogue):
        return "The catalog id of $magento_two has the form websiteId-storeId, such as 1-1"
    if len(variant_id) > _LONGEST:
        return f"A variant id has at most {_LONGEST} characters"
    if CONTROL_CHARACTER.search(variant_id):
        return "A variant id has no control characters"
    return None
