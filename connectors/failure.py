# SPDX-License-Identifier: Apache-2.0
"""Where a running flow leaves the error that ends it.

An exception raised inside Bytewax surfaces as the panic of a Rust thread, with pages of stack.
The connectors record the error here instead, and the source then ends the run without a snapshot,
so that the program can print one line. The next run continues from the last durable epoch.
"""

from collections.abc import Callable

__all__ = ["Failure"]


class Failure:
    """Holds the first error recorded during a run.

    Args:
        on_record: Called once with that error, at the moment it is recorded. A sink that cannot
            flush at the end of an epoch has to raise as well, and Bytewax then prints its panic:
            this is the place to silence or to leave the process.
    """

    def __init__(self, on_record: Callable[[Exception], None] | None = None) -> None:
        """Start without an error."""
        self._on_record = on_record
        self._error: Exception | None = None

    @property
    def error(self) -> Exception | None:
        """The error that ends the run; None while all is well."""
        return self._error

    def record(self, error: Exception) -> None:
        """Keep an error, unless there is one already: what follows is only its consequence."""
        if self._error is None:
            self._error = error
            if self._on_record is not None:
                self._on_record(error)
