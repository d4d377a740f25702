# SPDX-License-Identifier: Apache-2.0
"""Whose helper process may run: the slots of a process share its machine."""

from __future__ import annotations

import threading
from weakref import WeakKeyDictionary, WeakSet

__all__ = ["Turns"]


class Turns:
    """Lets a few compactions run at a time, in the order in which they were asked for.

    Whoever asks and is refused stands in a queue and keeps its place by asking again; the order is
    what keeps a busy slot from having every turn. Any thread may call it.

    Args:
        at_once: how many may run at the same time.
    """

    def __init__(self, at_once: int = 1) -> None:
        self._at_once = at_once
        self._lock = threading.Lock()
        # Whoever is dropped without a word takes up no turn.
        self._running: WeakSet[object] = WeakSet()
        self._waiting: WeakKeyDictionary[object, None] = WeakKeyDictionary()

    def ask(self, who: object) -> bool:
        """Tell whether it is somebody's turn, and if so, give it to them.

        Args:
            who: who asks; one that weak references can name.
        """
        with self._lock:
            self._waiting[who] = None
            if len(self._running) >= self._at_once or next(iter(self._waiting), None) is not who:
                return False
            del self._waiting[who]
            self._running.add(who)
            return True

    def give_back(self, who: object) -> None:
        """End somebody's turn, or their waiting for one. Can be called again.

        Args:
            who: as given to `ask`.
        """
        with self._lock:
            self._running.discard(who)
            self._waiting.pop(who, None)
