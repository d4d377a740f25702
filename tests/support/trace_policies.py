# SPDX-License-Identifier: Apache-2.0
"""Random ``[policy]`` tables for traces: valid, with durations on a coarse grid of time."""

import random

__all__ = ["draw_policy"]

_GLOBS = ("*", "DROP-?", "DROP-*", "*:::*", "a*b", "a?b", "Gr?ße*", "?", "drop-1", "DROP-1", "")


def draw_policy(chance: random.Random, tick: int) -> dict[str, object]:
    """A valid ``[policy]`` table whose durations lie on the grid of time."""
    table = _draw_settings(chance, tick, chance.choice((0.1, 0.5, 0.9)))
    overrides = []
    for _ in range(chance.choice((0, 0, 1, 2))):
        override = _draw_settings(chance, tick, chance.choice((0.1, 0.5)))
        if override.get("per_unit", table.get("per_unit", "none")) != "none":
            override.setdefault("wait", _draw_wait(chance, tick))
        override["variants"] = chance.sample(_GLOBS, chance.choice((0, 1, 1, 2)))
        overrides.append(override)
    if overrides or chance.random() < 0.05:
        table["override"] = overrides
    return table


def _draw_settings(chance: random.Random, tick: int, share: float) -> dict[str, object]:
    def span(*ticks: int) -> object:
        return _write_duration(chance, chance.choice(ticks) * tick)

    choices: dict[str, object] = {
        "min_quantity": chance.choice((1, 1, 2, 3)),
        "dwell": span(0, 1, 1, 2, 7),
        "late_grace": span(0, 1, 2, 10),
        "safety_stock": chance.choice((0, 1, 1, 2)),
        "expires_after": chance.choice(("none", span(0, 3, 10, 20), span(20, 60), span(200))),
        "remember": span(0, 1, 3, 3, 10),
        "remember_sign_offs": span(0, 1, 3, 3, 10),
        "per_unit": chance.choice(("none", 1, 1, 1, 2, 1000)),
    }
    settings = {name: value for name, value in choices.items() if chance.random() < share}
    if settings.get("per_unit", "none") != "none" or chance.random() < 0.3:
        settings["wait"] = _draw_wait(chance, tick)
    return settings


def _draw_wait(chance: random.Random, tick: int) -> object:
    return chance.choice(("1ms", _write_duration(chance, chance.choice((1, 1, 2, 3, 7)) * tick)))


def _write_duration(chance: random.Random, span: int) -> object:
    forms: list[object] = [f"{span}ms"]
    if span % 1000 == 0:
        forms += [span // 1000, f"{span // 1000}s", f"{span // 1000:05}s"]
    if span % 60_000 == 0:
        forms += [f"{span // 60_000}m"]
    return chance.choice(forms)
