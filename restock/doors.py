# SPDX-License-Identifier: Apache-2.0
"""What stands behind the doors of the gateway, and the doors themselves, wired on one page."""

import asyncio
import contextlib
import time
import uuid
from collections.abc import AsyncIterator, Coroutine, Mapping
from dataclasses import dataclass
from datetime import timedelta
from importlib.metadata import version
from typing import TYPE_CHECKING

import structlog
from starlette.applications import Starlette

from connectors.errors import ConnectorError
from connectors.kafka.acknowledged import AcknowledgingProducer
from connectors.kafka.table import Table
from gateway import (
    catalog_variants,
    centra,
    health,
    klaviyo,
    legacy,
    pages_static,
    unsubscribing,
    waiting_routes,
    webhooks,
)
from gateway.app import create_app
from gateway.catalogue import Catalogue, CatalogueError
from gateway.entrance import Entrance
from gateway.held import held_messages, take_held
from gateway.items import Items
from gateway.probe import KafkaProbe
from gateway.signups import SignUpDesk
from gateway.traffic import Traffic
from gateway.waiting import WaitingList
from gateway.webhooks import Intake, StockDesk
from restock.clock import now
from restock.gateway_metrics import Counted, exposition
from restock.intakes import CATALOG_VARIANTS
from restock.settings import Settings

if TYPE_CHECKING:
    from fastapi import APIRouter

__all__ = ["Behind", "build_app", "open_behind"]

_CATALOGUE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Behind:
    """What the doors lead to.

    Attributes:
        producer: writes to Kafka.
        probe: knows whether Kafka is there.
        sign_ups: takes people in.
        stock: takes stock in.
        waiting: knows who waits; None: nobody may ask.
    """

    producer: AcknowledgingProducer
    probe: KafkaProbe
    sign_ups: SignUpDesk
    stock: StockDesk
    waiting: WaitingList | None

    def checks(self) -> Mapping[str, str | None]:
        """For each check why no sign-up can be taken, or None."""
        return {"kafka": self.probe.trouble, "writing": self.producer.trouble}

    def is_ready(self) -> bool:
        """Whether sign-ups can be taken."""
        return not any(self.checks().values())


@contextlib.asynccontextmanager
async def open_behind(
    settings: Settings, intakes: dict[str, Intake], *, learning: bool
) -> AsyncIterator[Behind]:
    """Open what stands behind the doors; close it when nobody comes in any more.

    Args:
        settings: all of them.
        intakes: sources of stock by name.
        learning: whether one of them is to be told what was learned before.

    Raises:
        RestockError: it cannot be opened.
    """
    gateway, topics = settings.gateway, settings.topics
    async with contextlib.AsyncExitStack() as stack:
        catalogue = None if gateway.catalogue is None else Catalogue(gateway.catalogue)
        producer = AcknowledgingProducer(settings.kafka, gateway.ack_timeout, gateway.most_waiting)
        stack.push_async_callback(producer.close)
        sources = {name: intake.source for name, intake in intakes.items()}
        soon = asyncio.get_running_loop().call_soon_threadsafe
        items = Items(sources, producer, topics.items, soon)
        if learning:
            table = stack.enter_context(Table(settings.kafka, topics.items, items.take))
            await asyncio.to_thread(table.wait)
        waiting = _waiting_list(settings)
        if waiting is not None:
            waiting.start()
            stack.push_async_callback(asyncio.to_thread, waiting.stop)
        probe = KafkaProbe(settings.kafka)
        await _beside(stack, probe.run())
        if catalogue is not None:
            await _beside(stack, _keep_reading(catalogue))
        stock = StockDesk(intakes, producer, topics.inventory, now, items.keep)
        if learning:
            await _beside(stack, _take_held(settings, stock))
        sign_ups = SignUpDesk(
            producer, topics.subscriptions, now, consent=gateway.consent, catalogue=catalogue
        )
        yield Behind(producer, probe, sign_ups, stock, waiting)


def build_app(settings: Settings, behind: Behind) -> Starlette:
    """Make the application with all its doors."""
    gateway, sign_ups, stock = settings.gateway, behind.sign_ups, behind.stock
    entrance, traffic = Entrance(gateway, time.monotonic), Traffic()
    counted = Counted(
        traffic,
        sign_ups,
        stock.intakes,
        behind.producer,
        behind.is_ready,
        lambda: None if behind.waiting is None else behind.waiting.behind,
    )
    doors: list[APIRouter] = [
        klaviyo.router(sign_ups, entrance, gateway),
        legacy.router(sign_ups, entrance, gateway, gateway.websites),
        centra.router(sign_ups, entrance, gateway),
        unsubscribing.router(sign_ups, entrance, gateway),
        catalog_variants.router(stock, CATALOG_VARIANTS, entrance, gateway.ingest_body_limit),
        webhooks.router(stock, entrance, gateway.ingest_body_limit),
        pages_static.router(),
        health.router(behind.checks, exposition(counted)),
    ]
    if behind.waiting is not None:
        doors.append(waiting_routes.router(sign_ups, entrance, behind.waiting))
    return create_app(
        doors,
        version=version("restock"),
        origins=gateway.origins,
        traffic=traffic,
        new_id=lambda: str(uuid.uuid4()),
    )


def _waiting_list(settings: Settings) -> WaitingList | None:
    if not settings.gateway.look_up:
        return None
    policy = settings.policy_book().account
    return WaitingList(
        settings.gateway,
        settings.kafka,
        settings.topics.subscriptions,
        settings.topics.notifications,
        None if policy.expires_after is None else timedelta(milliseconds=policy.expires_after),
        remember=timedelta(milliseconds=policy.remember),
        remember_sign_offs=timedelta(milliseconds=policy.remember_sign_offs),
    )


async def _take_held(settings: Settings, stock: StockDesk) -> None:
    """Nobody waits for it: it may be a long topic."""
    topic = settings.topics.inventory
    try:
        held = await asyncio.to_thread(held_messages, settings.kafka, topic, stock.intakes)
    except ConnectorError as error:
        structlog.get_logger().warning("dead letters are not read", reason=str(error))
    else:
        await take_held(stock, held)


async def _keep_reading(catalogue: Catalogue) -> None:
    log = structlog.get_logger()
    while True:
        await asyncio.sleep(_CATALOGUE_SECONDS)
        try:
            if await asyncio.to_thread(catalogue.refresh):
                log.info("catalogue", variants=len(catalogue))
        except CatalogueError as error:
            log.warning("the catalogue of before stays in force", reason=str(error))


async def _beside(stack: contextlib.AsyncExitStack, work: Coroutine[None, None, None]) -> None:
    """Run something until the stack is left."""
    task = asyncio.create_task(work)

    async def end() -> None:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    stack.push_async_callback(end)
