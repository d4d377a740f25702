# SPDX-License-Identifier: Apache-2.0
"""How the gateway's web server is set."""

import pytest
from starlette.applications import Starlette

from restock.serving import _server_config
from restock.settings import Settings


@pytest.mark.parametrize(("patience", "seconds"), [("0s", 0), ("1ms", 1), ("500ms", 1), ("2s", 2)])
def test_patience_is_never_cut_to_none(patience: str, seconds: int) -> None:
    """Half a second is none for a server that counts whole ones."""
    settings = Settings.model_validate({"gateway": {"stop_patience": patience}})
    assert seconds == _server_config(settings, Starlette()).timeout_graceful_shutdown


def test_load_balancers_hang_up_first() -> None:
    """After a minute, as they are set."""
    assert _server_config(Settings(), Starlette()).timeout_keep_alive > 60
