# SPDX-License-Identifier: Apache-2.0
"""Tables `[ingest.NAME.registry]`."""

import pytest
from pydantic import ValidationError

from connectors.inbound.registry_settings import RegistrySettings


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"url": "https://r.example", "descriptors": "x", "message": "y"},
        {"descriptors": "x"},
        {"url": "https://r.example", "username": "u"},
        {"url": "http://r.example"},
    ],
)
def test_settings_that_make_no_sense_are_refused(fields: dict[str, object]) -> None:
    """Before anything is asked."""
    with pytest.raises(ValidationError):
        RegistrySettings.model_validate(fields)
