# SPDX-License-Identifier: Apache-2.0
"""What can go wrong with the demo itself.

::

    RestockError
    +-- DemoError        the demo cannot go on; the message says why
        +-- ProgramDied  a program of the demo has ended too early
"""

from schemas.errors import RestockError

__all__ = ["DemoError", "ProgramDied"]


class DemoError(RestockError):
    """The demo cannot go on."""


class ProgramDied(DemoError):  # noqa: N818 - says what happened
    """A program ended before it was told to, or did not end when it was.

    Attributes:
        last_lines: The last lines that it wrote.
    """

    def __init__(self, message: str, last_lines: list[str]) -> None:
        super().__init__(message)
        self.last_lines = last_lines
