# SPDX-License-Identifier: Apache-2.0
"""`restock demo`: a flash sale of about 20 seconds, with nothing installed but this program."""

__all__ = ["demo"]


def demo() -> int:
    """Watch a flash sale: products sell out, people sign up, stock comes back, waves go out.

    The real flow runs against a broker inside this process; no Kafka, Docker or account is
    needed. It takes about 20 seconds, ends with a summary made from the notifications alone, and
    fails if the summary shows anything that the rules forbid.
    """
    from restock.demo import run_demo  # noqa: PLC0415 - slow to import

    return run_demo()
