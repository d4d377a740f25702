# SPDX-License-Identifier: Apache-2.0
"""What can be wrong with what a journey is given.

::

    RestockError
    +-- PlanError       a setting of the [journey] table makes no sense
    +-- StateError      bytes are not the state of a journey
"""

from schemas.errors import RestockError

__all__ = ["PlanError", "StateError"]


class PlanError(RestockError):
    """A setting of the plan is unknown, of the wrong type or out of range.

    Attributes:
        path: the key's path, for example ``journey.step[0].delay``.
    """

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path}: {problem}")
        self.path = path


class StateError(RestockError):
    """The bytes of a journey's state cannot be understood by this version."""
