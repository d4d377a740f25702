# SPDX-License-Identifier: Apache-2.0
"""Puts watchdog, probe and health server around a run."""

import faulthandler
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING

import structlog

from restock.errors import StalledError
from restock.settings import Settings
from restock.vitals import Vitals
from restock.watchdog import FaultTimer, Watchdog, busy_with

if TYPE_CHECKING:
    # The program that decides has no use for what delivers.
    from delivery.office import Office

__all__ = ["observed"]


@contextmanager
def observed(
    settings: Settings,
    vitals: Vitals,
    leave: Callable[[Exception], None],
    office: "Office | None" = None,
) -> Iterator[None]:
    """Watch over the calling thread, and serve its health, while the context lasts.

    Args:
        settings: whether, where, and how patiently.
        vitals: of the program.
        leave: ends the process with an error.
        office: what delivers, where something does.

    Raises:
        StartupError: the health port cannot be had.
    """
    with ExitStack() as stack:
        watchdog = None
        if settings.state.watchdog_timeout:
            watchdog = Watchdog(
                vitals,
                settings.state.watchdog_timeout,
                partial(_bark, leave, dump=settings.logging.level == "debug"),
                timer=FaultTimer(),
                doing=partial(busy_with, threading.get_ident()),
            )
        if settings.health.port:
            _serve(stack, settings, vitals, watchdog, office)
        if watchdog is not None:
            stack.enter_context(watchdog)
        yield


def _serve(
    stack: ExitStack,
    settings: Settings,
    vitals: Vitals,
    watchdog: Watchdog | None,
    office: "Office | None",
) -> None:
    # What only a served port needs is not imported otherwise.
    from restock.health import Health  # noqa: PLC0415
    from restock.health_server import HealthServer  # noqa: PLC0415
    from restock.kafka_probe import KafkaProbe, asks_for_ends  # noqa: PLC0415
    from restock.metrics import registry  # noqa: PLC0415

    probe = KafkaProbe(vitals, asks_for_ends(settings.kafka))
    troubles = dict if office is None else office.troubles
    health = Health(vitals, settings, probe, watchdog, troubles)
    metrics = registry(vitals, probe, lambda: not health.reasons(), office)
    where = settings.health
    server = stack.enter_context(HealthServer(where.address, where.port, health, metrics))
    stack.enter_context(probe)
    log = structlog.get_logger()
    log.info("health", address=where.address, port=server.port)


def _bark(leave: Callable[[Exception], None], error: StalledError, *, dump: bool) -> None:
    if dump:
        faulthandler.dump_traceback(sys.stderr.fileno())
    leave(error)
