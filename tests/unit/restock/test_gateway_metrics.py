# SPDX-License-Identifier: Apache-2.0
"""The metrics of the gateway, as they are asked for."""

from collections import Counter
from unittest.mock import Mock

import pytest

from gateway.traffic import Traffic
from restock.gateway_metrics import Counted, exposition


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("", "text/plain"),
        ("application/openmetrics-text; version=1.0.0", "application/openmetrics-text"),
        ("application/openmetrics-text; version=none", "text/plain"),
        ("text/plain; version=1.x", "text/plain"),
        ('application/openmetrics-text; version="1.0.0"', "text/plain"),
    ],
)
def test_metrics_come_in_a_known_format(accept: str, media_type: str) -> None:
    """Whatever version is asked for."""
    idle = Mock(counts=Counter(), waiting=0, acknowledged=0)
    counted = Counted(Traffic(), idle, {}, idle, lambda: True, lambda: None)
    body, found = exposition(counted)(accept)
    assert b"restock_ready 1.0" in body
    assert media_type == found.partition(";")[0]
