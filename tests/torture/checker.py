# SPDX-License-Identifier: Apache-2.0
"""Judges from the topics alone whether the promise was kept.

The checker is naive and knows nothing of the program but docs/semantics.md. What the topics leave
open, because two of them are read beside each other and an epoch may have been decided more than
once, it allows; `tests.torture.rules_people` and `tests.torture.rules_order` say what remains.
"""

from typing import Literal

from tests.torture.contents import Contents
from tests.torture.history import History
from tests.torture.rules_offsets import dead_letter_problems, offset_problems
from tests.torture.rules_order import order_problems, wave_problems
from tests.torture.rules_people import PeopleRules
from tests.torture.told import read_notes
from tests.torture.verdict import Problem, Verdict

__all__ = ["check"]


def check(
    contents: Contents,
    *,
    policy: Literal["all", "waves"],
    per_unit: int | None,
    complete: bool = True,
) -> Verdict:
    """Check everything in the topics of a run.

    Args:
        contents: each topic in the order of partition and offset.
        policy: "all": everybody at once; "waves": `per_unit` people for a unit in stock.
        per_unit: see `policy`; None for "all".
        complete: whether all that was sent has been read, the closing rounds among it, and
            nothing more is due. Otherwise nobody counts as lost.

    Raises:
        UnknownRecordError: the topics hold something that no scenario makes.
    """
    history = History(contents)
    problems: list[Problem] = []
    notes = read_notes(contents.notifications, history, problems)
    subscriptions = required = allowed = 0
    for name, variant in history.variants.items():
        rules = PeopleRules(variant, notes[name], policy, complete=complete)
        problems += rules.problems()
        problems += wave_problems(variant, notes[name], per_unit)
        problems += order_problems(variant, notes[name], rules.is_simple)
        subscriptions += len(variant.entries)
        required += rules.required
        allowed += rules.allowed
    problems += dead_letter_problems(contents, history.broken, complete=complete)
    problems += offset_problems(contents)
    return Verdict(subscriptions, required, allowed, len(contents.notifications), problems)
