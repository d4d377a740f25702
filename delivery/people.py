# SPDX-License-Identifier: Apache-2.0
"""Nobody is sent two messages at the same time.

What is known of a person (whom they bought from, what they were sent) must be settled before the
next message to them is judged. So from the judgement until the outcome is durable a person is
busy, and what else there is for them waits.
"""

from collections.abc import Callable

__all__ = ["People"]


class People:
    """Who is busy; used by the event loop alone."""

    def __init__(self) -> None:
        """Nobody is."""
        self._busy: dict[str, list[Callable[[], None]]] = {}

    def take(self, profile_key: str, otherwise: Callable[[], None]) -> bool:
        """Make a person busy; if they are already, `otherwise` is called when they are free."""
        waiting = self._busy.get(profile_key)
        if waiting is not None:
            waiting.append(otherwise)
            return False
        self._busy[profile_key] = []
        return True

    def release(self, profile_key: str) -> None:
        """The person is free again."""
        for call in self._busy.pop(profile_key):
            call()
