# SPDX-License-Identifier: Apache-2.0
"""Keeps Python's cycle collector out of the way of an event loop that makes much garbage.

By itself it runs after some hundred objects more, and now and then over everything there is: a
fifth of the CPU of sending webhooks. Cycles are rare here, so to look at what is young once a
second is enough; what the start has made is looked at never.
"""

import asyncio
import gc
from typing import Final

__all__ = ["collect_now_and_then", "freeze"]

_PAUSE_SECONDS: Final = 1.0
_ALL_OF_IT: Final = 60


def freeze() -> None:
    """Leave out what there is by now, and collect nothing by itself any more."""
    gc.collect()
    gc.freeze()
    gc.disable()


async def collect_now_and_then() -> None:
    """Collect what is young once a second, and everything once a minute; does not end."""
    while True:
        for _ in range(_ALL_OF_IT):
            await asyncio.sleep(_PAUSE_SECONDS)
            gc.collect(1)
        gc.collect()
