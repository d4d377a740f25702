# SPDX-License-Identifier: Apache-2.0
"""Klaviyo's door for stock: `PATCH /api/catalog-variants/ID` ("Update Catalog Variant")."""

from http import HTTPStatus

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from connectors.inbound.contract import Message
from gateway.bodies import read_body
from gateway.entrance import Entrance
from gateway.problems import JSON_API, invalid
from gateway.routes import BareRoute
from gateway.webhooks import StockDesk

__all__ = ["router"]


def router(desk: StockDesk, name: str, entrance: Entrance, limit: int) -> APIRouter:
    """Make the routes of the door.

    Args:
        desk: takes the messages.
        name: of the source that reads them.
        entrance: lets servers in.
        limit: largest body, in bytes.
    """
    routes = APIRouter(route_class=BareRoute, tags=["stock"])

    async def update(request: Request) -> Response:
        headers = entrance.server(request)
        variant_id = str(request.path_params["variant_id"]).rstrip("/")
        body = await read_body(request, limit)
        message = Message(body, desk.clock(), dict(request.headers), variant_id)
        mapped = await desk.take(name, message)
        if mapped is not None and mapped.refusals:
            raise invalid(mapped.refusals[0].detail, "/data")
        return Response(
            orjson.dumps(
                {
                    "data": {
                        "type": "catalog-variant",
                        "id": variant_id,
                        "attributes": {"external_id": variant_id.rpartition(":::")[2]},
                        "links": {"self": str(request.url.replace(query=None))},
                    }
                }
            ),
            HTTPStatus.OK,
            headers=headers,
            media_type=JSON_API,
        )

    routes.add_api_route(
        "/api/catalog-variants/{variant_id:path}",
        update,
        methods=["PATCH"],
        summary="Update a catalogue variant: its stock",
        response_class=Response,
        openapi_extra={
            "security": [{"Klaviyo-API-Key": []}],
            "requestBody": {
                "required": True,
                "content": {JSON_API: {"schema": {"type": "object", "required": ["data"]}}},
            },
        },
        responses={400: {}, 401: {}, 413: {}, 429: {}, 503: {}},
    )
    return routes
