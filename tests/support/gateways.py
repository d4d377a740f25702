# SPDX-License-Identifier: Apache-2.0
"""`restock gateway` as a process, and calls to it."""

import base64
import hashlib
import hmac
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any

import httpx2

from tests.support import shop as shops
from tests.support.shop import PATIENCE, Shop

__all__ = [
    "COMPANY_ID",
    "PRIVATE_KEY",
    "SHOPIFY_SECRET",
    "UNSUBSCRIBE_SECRET",
    "Gateway",
    "sign_up",
]

PRIVATE_KEY = "pk_of-the-tests"
COMPANY_ID = "Abc123"
SHOPIFY_SECRET = "shpss_of-the-tests"  # noqa: S105 - made up
UNSUBSCRIBE_SECRET = "a secret of more than thirty-two characters"  # noqa: S105 - made up

_SETTINGS = """
[gateway]
port = 0
directory = "{directory}"
private_keys = ["{key}"]
company_ids = ["{company_id}"]
unsubscribe_secrets = ["{secret}"]
ack_timeout = "2s"
{more}
[ingest.shopify]
secrets = ["{shopify}"]
[ingest.mapping]
variant_id = "/sku"
quantity = "/stock"
"""


_PORT = re.compile(r'"port": ([0-9]+), .*"event": "gateway"')


class Gateway:
    """A gateway for the topics of a shop, not yet started.

    Args:
        shop: is given the configuration of the gateway.
        more: further lines of the [gateway] table.
    """

    def __init__(self, shop: Shop, more: str = "") -> None:
        self.shop = shop
        self.log = shop.directory / "gateway.log"
        self.client = httpx2.Client(timeout=PATIENCE)
        with shop.config.open("a") as config:
            config.write(
                _SETTINGS.format(
                    directory=shop.directory / "gateway",
                    key=PRIVATE_KEY,
                    company_id=COMPANY_ID,
                    secret=UNSUBSCRIBE_SECRET,
                    shopify=SHOPIFY_SECRET,
                    more=more,
                )
            )

    def start(self) -> "subprocess.Popen[str]":
        """Start it, and wait until it is ready; the shop ends it at last."""
        process = self.launch()
        self.client.base_url = httpx2.URL(f"http://127.0.0.1:{self._port(process)}")
        self.wait_for("/readyz", 200)
        return process

    def launch(self) -> "subprocess.Popen[str]":
        """Start it, and wait for nothing."""
        command = [sys.executable, "-m", "restock", "gateway", "--config", str(self.shop.config)]
        with self.log.open("w") as log:
            process = subprocess.Popen(
                command, cwd=self.shop.directory, env=shops._environment(), stderr=log, text=True
            )
        self.shop._processes.append(process)
        return process

    def stop(self, process: "subprocess.Popen[str]") -> None:
        """End it as an operator would; it ends well."""
        process.send_signal(signal.SIGTERM)
        assert 0 == process.wait(PATIENCE), self.log.read_text()
        assert "Traceback" not in self.log.read_text()

    def _port(self, process: "subprocess.Popen[str]") -> int:
        """Where it listens: a free port, which it names."""
        deadline = time.monotonic() + PATIENCE
        while (match := _PORT.search(self.log.read_text())) is None:
            assert process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.02)
        return int(match[1])

    def wait_for(self, path: str, status: int, headers: Mapping[str, str] | None = None) -> Any:  # noqa: ANN401 - an answer
        """Ask until the answer has a status; return it."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                answer = self.client.get(path, headers=headers)
            except httpx2.TransportError:
                answer = None
            if answer is not None and answer.status_code == status:
                return answer
            assert time.monotonic() < deadline, f"{path}: {answer and answer.text}"
            self.shop._check_alive()
            time.sleep(0.05)

    def server(self, method: str, path: str, **options: Any) -> Any:  # noqa: ANN401 - an answer
        """Call as a server does, with the private key."""
        headers = {"Authorization": f"Klaviyo-API-Key {PRIVATE_KEY}", "revision": "2026-07-15"}
        return self.client.request(method, path, headers=headers, **options)

    def wait_for_log(self, words: str) -> None:
        """Wait until the log has some words."""
        deadline = time.monotonic() + PATIENCE
        while words not in self.log.read_text():
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.02)

    def wait_for_sign_up(self, path: str, body: object) -> None:
        """Sign somebody up again and again, until Kafka is there."""
        deadline = time.monotonic() + PATIENCE
        while self.server("POST", path, json=body).status_code != httpx2.codes.ACCEPTED:
            assert time.monotonic() < deadline

    def shopify(self, topic: str, body: bytes, event_id: str) -> Any:  # noqa: ANN401 - an answer
        """Call as Shopify does, with its signature."""
        digest = hmac.new(SHOPIFY_SECRET.encode(), body, hashlib.sha256).digest()
        headers = {
            "Content-Type": "application/json",
            "X-Shopify-Topic": topic,
            "X-Shopify-Event-Id": event_id,
            "X-Shopify-Hmac-Sha256": base64.b64encode(digest).decode(),
        }
        return self.client.post("/ingest/shopify", content=body, headers=headers)


def sign_up(email: str, variant_id: str) -> dict[str, Any]:
    """The body of Klaviyo's calls."""
    return {
        "data": {
            "type": "back-in-stock-subscription",
            "attributes": {
                "channels": ["EMAIL"],
                "profile": {"data": {"type": "profile", "attributes": {"email": email}}},
            },
            "relationships": {"variant": {"data": {"type": "catalog-variant", "id": variant_id}}},
        }
    }
