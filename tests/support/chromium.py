# SPDX-License-Identifier: Apache-2.0
"""A headless Chromium, driven over its DevTools protocol."""

import asyncio
import json
import shutil
import subprocess
import time
from collections.abc import Coroutine
from itertools import count
from pathlib import Path
from typing import Any, Self, TypeVar
from urllib.request import urlopen

import aiohttp

__all__ = ["Browser", "Tab", "find_chromium"]

PATIENCE_SECONDS = 20.0
_Result = TypeVar("_Result")


def find_chromium() -> str | None:
    """The program, if there is one."""
    return shutil.which("chromium")


class Browser:
    """A browser that forgets everything at its end.

    Args:
        program: of Chromium.
        directory: for its profile.
    """

    def __init__(self, program: str, directory: Path) -> None:
        self._log = (directory / "chromium.log").open("wb")
        self._process = subprocess.Popen(
            [
                program, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run",
                "--disable-dev-shm-usage", "--disable-background-networking",
                "--remote-debugging-port=0", f"--user-data-dir={directory}", "about:blank",
            ],
            stdout=self._log,
            stderr=self._log,
        )  # fmt: skip
        self._loop = asyncio.new_event_loop()
        self._session: aiohttp.ClientSession | None = None
        self._port = self._wait_for_port(directory / "DevToolsActivePort")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._session is not None:
            self.run(self._session.close())
        self._loop.close()
        self._process.terminate()
        self._process.wait(PATIENCE_SECONDS)
        self._log.close()

    def run(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        """Run something in the browser's event loop."""
        return self._loop.run_until_complete(asyncio.wait_for(work, PATIENCE_SECONDS))

    def open_tab(self) -> "Tab":
        """Open an empty page, whose storage is shared with no other."""
        return self.run(self._open_tab())

    async def _open_tab(self) -> "Tab":
        if self._session is None:
            self._session = aiohttp.ClientSession()
        url = f"http://127.0.0.1:{self._port}"
        async with self._session.put(f"{url}/json/new?about:blank") as answer:
            target = await answer.json(content_type=None)
        socket = await self._session.ws_connect(target["webSocketDebuggerUrl"], max_msg_size=0)
        tab = Tab(self, socket)
        for domain in ("Page", "Runtime", "Network", "Log"):
            await tab.ask(f"{domain}.enable")
        return tab

    def _wait_for_port(self, file: Path) -> int:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            assert self._process.poll() is None, "Chromium did not start"
            lines = file.read_text().split() if file.exists() else []
            if lines:
                port = int(lines[0])
                with urlopen(f"http://127.0.0.1:{port}/json/version", timeout=PATIENCE_SECONDS):
                    return port
            time.sleep(0.02)
        raise AssertionError("Chromium does not answer")


class Tab:
    """A page of the browser.

    Attributes:
        complaints: what the page has logged as an error, or thrown, or a policy refused.
    """

    def __init__(self, browser: Browser, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._browser = browser
        self._socket = socket
        self._numbers = count(1)
        self.complaints: list[str] = []

    async def ask(self, method: str, **parameters: object) -> dict[str, Any]:
        """Call a method of the protocol."""
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        while True:
            message = await self._socket.receive_json()
            self._hear(message)
            if message.get("id") == number:
                assert "error" not in message, f"{method}: {message['error']}"
                result: dict[str, Any] = message["result"]
                return result

    def do(self, method: str, **parameters: object) -> dict[str, Any]:
        """Call a method of the protocol, and wait for its answer."""
        return self._browser.run(self.ask(method, **parameters))

    def go(self, url: str) -> None:
        """Open a page and wait until it is loaded."""
        self.do("Page.navigate", url=url)
        self.wait(f"location.href === {json.dumps(url)} && document.readyState === 'complete'")

    def look(self, expression: str) -> Any:  # noqa: ANN401 - whatever the page says
        """Evaluate JavaScript in the page."""
        answer = self.do(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait(self, condition: str) -> None:
        """Wait until a condition in JavaScript holds."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self.look(f"Boolean({condition})"):
            assert time.monotonic() < deadline, f"never: {condition}"
            time.sleep(0.01)

    def press(self, key: str, code: int = 0, *, text: str = "", shift: bool = False) -> None:
        """Press a key."""
        common: dict[str, object] = {
            "key": key,
            "windowsVirtualKeyCode": code,
            "modifiers": 8 if shift else 0,
        }
        self.do("Input.dispatchKeyEvent", type="keyDown", text=text, **common)
        self.do("Input.dispatchKeyEvent", type="keyUp", **common)

    def write(self, text: str) -> None:
        """Type a text into whatever has the focus."""
        self.do("Input.insertText", text=text)

    def close(self) -> None:
        """Close the page."""
        self.do("Page.close")
        self._browser.run(self._closed())

    async def _closed(self) -> None:
        await self._socket.close()

    def _hear(self, message: dict[str, Any]) -> None:
        method, parameters = message.get("method"), message.get("params", {})
        if method == "Runtime.exceptionThrown":
            self.complaints.append(str(parameters["exceptionDetails"]))
        elif method == "Log.entryAdded" and parameters["entry"]["level"] == "error":
            self.complaints.append(parameters["entry"]["text"])
