# SPDX-License-Identifier: Apache-2.0
"""`restock demo`: a flash sale of about 20 seconds, with nothing installed but this program."""

from typing import Annotated

from cyclopts import Parameter

__all__ = ["demo"]


def demo(
    *,
    seconds: float = 20,
    people: int = 4000,
    seed: int = 20_261_120,
    plain: Annotated[bool, Parameter(negative=(), show_default=False)] = False,
    json: Annotated[bool, Parameter(negative=(), show_default=False)] = False,
) -> int:
    """Watch a flash sale of about 20 seconds; nothing else is needed.

    Products sell out, people sign up, stock comes back, waves of notifications go out, and mails
    and webhooks arrive. The real programs run against a broker and receivers inside this process;
    no Kafka, Docker or account is needed. It ends with a summary made from the topics and from
    what has arrived, and fails if that shows anything that the rules forbid.

    Parameters
    ----------
    seconds
        How long the sale takes, 5 to 600.
    people
        How many people want something, 20 to 20000.
    seed
        The same seed, the same sale.
    plain
        Print lines instead of a live table, as is done anyway where the output is no terminal.
    json
        Print nothing but one JSON object at the end.
    """
    from restock.demo import run_demo  # noqa: PLC0415 - slow to import

    return run_demo(seconds=seconds, people=people, seed=seed, plain=plain or None, json=json)
