# SPDX-License-Identifier: Apache-2.0
"""What can be wrong with what the decisions are given.

::

    RestockError
    +-- PolicyError      a setting of the [policy] table makes no sense
    +-- StateError       a redo record or a dump is not one of ours
"""

from schemas.errors import RestockError

__all__ = ["PolicyError", "StateError"]


class PolicyError(RestockError):
    """A policy setting is unknown, of the wrong type or out of range.

    Attributes:
        path: the key's path, for example ``policy.override[0].wait``.
    """

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path}: {problem}")
        self.path = path


class StateError(RestockError):
    """A redo record or a dumped state cannot be understood by this version."""
