# SPDX-License-Identifier: Apache-2.0
"""The door for platforms: their webhooks become stock records.

`POST /ingest/NAME`, where NAME is that of a table `[ingest.NAME]`; what follows it in the path is
handed to the source. A platform that gets anything but 200 calls again, for days, and in the end
never more: so a message of which no record can be made is a dead letter, and answered with 200 and
the reason. 401: its signature is wrong, or missing. 503: Kafka has not acknowledged it.
"""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Final, Protocol

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from connectors.inbound.contract import Learned, Mapped, Message, Source
from connectors.inbound.letters import refused_letter
from gateway.bodies import read_body
from gateway.entrance import Entrance
from gateway.problems import Problem
from gateway.routes import BareRoute

__all__ = ["Intake", "StockDesk", "Writes", "router"]

_REMEMBERED: Final = 100_000
"""Names of messages that were taken, for each source; platforms repeat within minutes."""


class Writes(Protocol):
    """Writes records, see `connectors.kafka.acknowledged.AcknowledgingProducer`."""

    async def send(
        self, topic: str, key: bytes, value: bytes, headers: tuple[tuple[str, bytes], ...] = ()
    ) -> None:
        """Return when the brokers have it.

        Raises:
            NotAcknowledged: they have not.
        """
        ...


@dataclass(slots=True)
class Intake:
    """A source, and what has come from it.

    Attributes:
        source: reads the messages.
        signed: whether messages carry a signature that the source checks; others need a private
            key of ours.
        outcomes: messages by what became of them: taken, repeated, ignored, refused, not_authentic.
        refusals: by reason.
        records: written.
        last_at: when the last message was taken, in epoch milliseconds; 0: none was.
    """

    source: Source
    signed: bool
    outcomes: Counter[str] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    records: int = 0
    last_at: int = 0
    _taken: OrderedDict[str, None] = field(default_factory=OrderedDict)

    def knows(self, event_id: str | None) -> bool:
        """Say whether a message was taken before."""
        return event_id is not None and event_id in self._taken

    def remember(self, event_id: str | None) -> None:
        """Know a message from now on."""
        if event_id is not None:
            self._taken[event_id] = None
            if len(self._taken) > _REMEMBERED:
                self._taken.popitem(last=False)


class StockDesk:
    """Turns messages into records and writes them.

    Args:
        intakes: by the name of their table.
        writes: to Kafka.
        topic: of stock.
        clock: the time, in epoch milliseconds.
        keep: keeps what a source has learned, and returns when it is safe.
    """

    def __init__(
        self,
        intakes: Mapping[str, Intake],
        writes: Writes,
        topic: str,
        clock: Callable[[], int],
        keep: Callable[[str, Sequence[Learned]], Awaitable[None]],
    ) -> None:
        self.intakes = dict(intakes)
        self.clock = clock
        self._writes = writes
        self._topic = topic
        self._keep = keep

    async def take(self, name: str, message: Message) -> Mapped | None:
        """Take a message of a platform.

        Args:
            name: of the source; there is one.
            message: authentic.

        Returns:
            What was made of it; None: it was taken before.

        Raises:
            NotAcknowledged: not all is written; the message is to come again.
        """
        intake = self.intakes[name]
        event_id = intake.source.event_id(message)
        if intake.knows(event_id):
            intake.outcomes["repeated"] += 1
            return None
        mapped = intake.source.map(message)
        await self._keep_and_write(name, message, mapped)
        intake.remember(event_id)
        intake.last_at = self.clock()
        intake.records += len(mapped.records)
        intake.refusals.update(refusal.reason for refusal in mapped.refusals)
        intake.outcomes[_outcome(mapped)] += 1
        return mapped

    async def take_again(self, name: str, message: Message) -> None:
        """Take a message that is a dead letter already: it makes records now, or waits again.

        Raises:
            NotAcknowledged: not all is written.
        """
        intake = self.intakes[name]
        mapped = intake.source.map(message)
        await self._keep_and_write(name, message, replace(mapped, refusals=()))
        intake.records += len(mapped.records)

    async def _keep_and_write(self, name: str, message: Message, mapped: Mapped) -> None:
        """Write records between what there is now and what is no more.

        A start that knows too many items goes wrong with none; one that knows too few cannot take
        back what it does not know of.
        """
        for_good = [each for each in mapped.learned if each.variant_id is not None]
        gone = [each for each in mapped.learned if each.variant_id is None]
        if for_good:
            await self._keep(name, for_good)
        await self._write(name, message, mapped)
        if gone:
            await self._keep(name, gone)

    async def _write(self, name: str, message: Message, mapped: Mapped) -> None:
        sends = [
            self._writes.send(self._topic, record.variant_id.encode(), record.value)
            for record in mapped.records
        ]
        if mapped.refusals:
            letter = refused_letter(self._topic, name, message, mapped.refusals)
            sends.append(self._writes.send(*letter))
        # All of them are waited for, so that a failure leaves nothing running behind it.
        results = await asyncio.gather(*sends, return_exceptions=True)
        for error in results:
            if isinstance(error, BaseException):
                self.intakes[name].outcomes["not_acknowledged"] += 1
                raise error


def router(desk: StockDesk, entrance: Entrance, limit: int) -> APIRouter:
    """Make the routes of the door.

    Args:
        desk: takes the messages.
        entrance: lets those in whose messages carry no signature.
        limit: largest body, in bytes.
    """
    routes = APIRouter(route_class=BareRoute, tags=["stock"])

    async def ingest(request: Request) -> Response:
        name, _, place = str(request.path_params["name"]).partition("/")
        intake = desk.intakes.get(name)
        if intake is None:
            raise Problem(HTTPStatus.NOT_FOUND, "not_found", "Not found.", "No such source")
        headers = {} if intake.signed else entrance.server(request)
        body = await read_body(request, limit)
        message = Message(body, desk.clock(), dict(request.headers), place.rstrip("/"))
        if not intake.source.is_authentic(message):
            intake.outcomes["not_authentic"] += 1
            # Guessing is as slow as any other calling from there.
            entrance.anyone(request)
            raise Problem(
                HTTPStatus.UNAUTHORIZED,
                "not_authenticated",
                "The signature is wrong.",
                "The signature of the message is wrong or missing",
            )
        mapped = await desk.take(name, message)
        return Response(_told(mapped), headers=headers, media_type="application/json")

    routes.add_api_route(
        "/ingest/{name:path}",
        ingest,
        methods=["POST"],
        summary="Take a platform's webhook",
        description=__doc__,
        openapi_extra={
            "requestBody": {"required": True, "content": {"application/json": {"schema": {}}}}
        },
        responses={401: {}, 404: {}, 413: {}, 429: {}, 503: {}},
    )
    return routes


def _outcome(mapped: Mapped) -> str:
    if mapped.refusals:
        return "refused"
    return "taken" if mapped.records or mapped.learned else "ignored"


def _told(mapped: Mapped | None) -> bytes:
    if mapped is None:
        return orjson.dumps({"repeated": True, "records": 0})
    told: dict[str, object] = {"records": len(mapped.records)}
    if mapped.refusals:
        told["refused"] = [
            {"reason": refusal.reason, "detail": refusal.detail} for refusal in mapped.refusals
        ]
    if mapped.ignored is not None:
        told["ignored"] = mapped.ignored
    return orjson.dumps(told)
