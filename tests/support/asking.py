# SPDX-License-Identifier: Apache-2.0
"""Asks the health port of a program."""

import socket
import urllib.error
import urllib.request

from tests.support.shop import PATIENCE

__all__ = ["ask", "free_port"]


def free_port() -> int:
    """Nobody listens there now."""
    with socket.create_server(("127.0.0.1", 0)) as unused:
        return int(unused.getsockname()[1])


def ask(port: int, path: str) -> tuple[int, str]:
    """Code and text; 0 while nobody listens."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=PATIENCE) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
    except OSError:
        return 0, ""
