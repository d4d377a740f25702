# SPDX-License-Identifier: Apache-2.0
"""What the tests in a browser share: Chromium, a shop and the gateway.

Without Chromium they are skipped; where ``RESTOCK_REQUIRE_CHROMIUM`` is 1 they fail instead.
"""

import os
from collections.abc import Iterator

import pytest

from tests.support.chromium import Browser, find_chromium
from tests.support.sign_up_shop import Gateway, Shop, Site, served

_MISSING = "chromium is not installed: these tests need Debian's package chromium"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """The browser; skips or fails the test when there is none."""
    program = find_chromium()
    if program is None and os.environ.get("RESTOCK_REQUIRE_CHROMIUM") == "1":
        pytest.fail(_MISSING, pytrace=False)
    if program is None:
        pytest.skip(_MISSING)
    with Browser(program, tmp_path_factory.mktemp("chromium")) as found:
        yield found


@pytest.fixture
def site(browser: Browser) -> Iterator[Site]:
    """A shop and a gateway of their own for each test, so that storage is, too."""
    gateway = Gateway()
    with served(gateway) as gateway_origin:
        shop = Shop(gateway_origin)
        with served(shop.app) as origin:
            tab = browser.open_tab()
            try:
                yield Site(tab, shop, gateway, origin)
            finally:
                tab.close()
