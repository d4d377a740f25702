# SPDX-License-Identifier: Apache-2.0
"""Errors in a step reach the program before Bytewax makes a panic of them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["OnError", "reporting"]

OnError = Callable[[Exception], None]
"""Told of an error, whatever its class; it may end the process."""


@contextmanager
def reporting(on_error: OnError) -> Iterator[None]:
    """Tell of an error that leaves the block, and let it pass on.

    Args:
        on_error: who is told.
    """
    try:
        yield
    except Exception as error:
        on_error(error)
        raise
