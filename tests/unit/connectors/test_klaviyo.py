# SPDX-License-Identifier: Apache-2.0
"""Each answer of Klaviyo means what it should, and its limits are kept."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from aiohttp import web
from pydantic import ValidationError

from connectors.errors import SinkError
from connectors.sinks.contract import Answer, Resolution
from connectors.sinks.klaviyo import KlaviyoSink
from tests.support.fake_klaviyo import (
    FakeKlaviyo,
    Limits,
    error_at,
    message,
    run_simulated,
    send,
    settings_of,
)

SENT = Answer(Resolution.SENT)


def always(status: int, content: bytes = b"") -> list[Any]:
    """The same answer to every request."""
    return [lambda _: (status, content)] * 1_000


def test_what_is_no_record_is_given_up() -> None:
    """A value that cannot be read is an answer, and not an exception."""
    broken, whole = send(FakeKlaviyo(), [message(1, b"{"), message(2)])
    assert (Resolution.FINAL, "invalid_record") == (broken.resolution, broken.reason)
    assert SENT == whole


def test_a_message_that_is_there_twice_is_sent_once() -> None:
    """Klaviyo refuses a request in which a unique id is repeated."""
    klaviyo = FakeKlaviyo()
    assert [SENT, SENT, SENT] == send(klaviyo, [message(1), message(2), message(1)])
    assert [2] == klaviyo.sizes


def test_one_bad_event_costs_no_other_its_way() -> None:
    """Those that Klaviyo names are given up with its code; the rest goes at once."""
    klaviyo = FakeKlaviyo()
    klaviyo.answers = [(400, error_at(3, "invalid", "/attributes/profile/data/attributes/email"))]
    answers = send(klaviyo, [message(number) for number in range(10)])
    assert answers.pop(3) == Answer(
        Resolution.FINAL,
        "klaviyo_invalid",
        "Klaviyo refuses the event: invalid /attributes/profile/data/attributes/email",
    )
    assert [SENT] * 9 == answers
    assert [9] == klaviyo.sizes


@pytest.mark.parametrize(
    "content",
    [error_at(0, "duplicate", ""), error_at(0, "invalid", "/x/data/0/attributes/unique_id")],
)
def test_what_klaviyo_has_already_is_sent(content: bytes) -> None:
    """An attempt whose answer was lost has delivered it."""
    klaviyo = FakeKlaviyo()
    klaviyo.answers = [(400, content)]
    assert [SENT, SENT] == send(klaviyo, [message(1), message(2)])
    assert [1] == klaviyo.sizes


@pytest.mark.parametrize("status", [400, 413])
def test_a_culprit_who_is_not_named_is_found(status: int) -> None:
    """Requests are halved until it stands alone, and all the others get through."""
    bad = f"{613:032x}"

    def answer(items: list[dict[str, Any]]) -> tuple[int, bytes] | None:
        ids = [item["attributes"]["events"]["data"][0]["attributes"]["unique_id"] for item in items]
        return (status, b"<html>") if bad in ids else None

    klaviyo = FakeKlaviyo()
    klaviyo.answers = [answer] * 100
    answers = send(klaviyo, [message(number) for number in range(1_000)])
    reason = {400: "http_400", 413: "too_large"}[status]
    assert (Resolution.FINAL, reason) == (answers[613].resolution, answers[613].reason)
    assert 999 == answers.count(SENT) == len(klaviyo.events)
    assert len(klaviyo.bodies) <= 21


def test_the_search_for_culprits_ends() -> None:
    """Where everything is refused without a name, the most is tried again later."""
    klaviyo = FakeKlaviyo()
    klaviyo.answers = always(400)
    answers = send(klaviyo, [message(number) for number in range(1_000)])
    assert len(klaviyo.bodies) == 31
    assert {"undecided", "http_400"} == {answer.reason for answer in answers}
    assert answers.count(answers[-1]) > 950
    assert Resolution.RETRY is answers[-1].resolution


@pytest.mark.parametrize(
    ("status", "resolution", "reason"),
    [
        (200, Resolution.RETRY, "unexpected_answer"),
        (301, Resolution.RETRY, "redirected"),
        (401, Resolution.RETRY, "authentication"),
        (403, Resolution.RETRY, "authentication"),
        (404, Resolution.FINAL, "http_404"),
        (408, Resolution.RETRY, "http_408"),
        (429, Resolution.RETRY, "http_429"),
        (500, Resolution.RETRY, "http_500"),
        (503, Resolution.RETRY, "http_503"),
    ],
)
def test_an_answer_to_all_is_the_answer_of_each(
    status: int, resolution: Resolution, reason: str
) -> None:
    """One request is made, whatever it says is said of every message, and no message is lost."""
    klaviyo = FakeKlaviyo()
    klaviyo.answers = always(status, b"\xff{garbage")
    answers = send(klaviyo, [message(1), message(2)])
    assert [(resolution, reason)] * 2 == [(each.resolution, each.reason) for each in answers]
    assert [status == 429] * 2 == [each.throttled for each in answers]
    assert 1 == len(klaviyo.bodies)


@pytest.mark.parametrize(
    ("error", "reason"), [(TimeoutError(), "timeout"), (ConnectionResetError(), "disconnected")]
)
def test_a_lost_request_is_tried_again_with_the_same_ids(error: OSError, reason: str) -> None:
    """Whether Klaviyo has it is unknown; its unique ids make a repeat harmless."""
    klaviyo = FakeKlaviyo()
    klaviyo.answers = [error]
    [answer] = send(klaviyo, [message(1)])
    assert (Resolution.RETRY, reason) == (answer.resolution, answer.reason)
    assert [SENT] == send(klaviyo, [message(1)])
    first, second = klaviyo.bodies
    assert first == second


def test_nothing_secret_is_answered() -> None:
    """An answer holds neither the address that Klaviyo repeats, nor the key."""
    klaviyo = FakeKlaviyo()
    klaviyo.answers = [(400, error_at(0, "ann@shop.example", "/ann@shop.example"))]
    [answer] = send(klaviyo, [message(1)])
    assert (Resolution.FINAL, "http_400") == (answer.resolution, answer.reason)
    assert "ann" not in answer.detail
    assert "pk_secret" not in repr(settings_of())


def test_a_batch_that_gets_no_turn_is_put_back() -> None:
    """A wait for the limits has a bound; the attempt does not count."""
    klaviyo = FakeKlaviyo(Limits(phase=-10))

    async def main() -> list[Answer]:
        sink = KlaviyoSink(settings_of(steady=1, patience="15s"), lambda: 0.0, klaviyo)
        await sink.open()
        assert [SENT] == await sink.send([message(1)])
        klaviyo.answers = always(429)
        await sink.send([message(2)])
        answers = await sink.send([message(3)])
        await sink.close()
        return answers

    [answer] = run_simulated(main())
    assert ("rate_limited", True) == (answer.reason, answer.throttled)
    assert 30 < (answer.wait or 0) <= 61


def test_a_thousand_full_requests_keep_to_the_limits() -> None:
    """A million notifications go at no less than 95 % of 150 requests a minute, without a 429.

    A batch is a full request, whatever its size: that of a thousand messages is tested above.
    """
    klaviyo = FakeKlaviyo(Limits(phase=41.7), latency=lambda number: 0.1 + number % 7 / 5)

    async def main() -> float:
        sink = KlaviyoSink(settings_of(), lambda: 0.0, klaviyo)
        await sink.open()
        numbers = iter(range(1_000))

        async def worker() -> None:
            for number in numbers:
                assert [SENT] * 2 == await sink.send([message(2 * number), message(2 * number + 1)])

        await asyncio.gather(*(worker() for _ in range(sink.concurrency)))
        await sink.close()
        return asyncio.get_running_loop().time()

    seconds = run_simulated(main())
    assert [] == klaviyo.throttled
    assert 2_000 == len(klaviyo.events)
    assert 1_000 / seconds * 60 >= 0.95 * 150


def test_a_cancelled_call_leaves_the_sink_fit() -> None:
    """Whoever is cancelled while waiting or under way holds up nobody."""
    klaviyo = FakeKlaviyo(latency=lambda _: 5.0)

    async def main() -> list[Answer]:
        sink = KlaviyoSink(settings_of(), lambda: 0.0, klaviyo)
        await sink.open()
        calls = [asyncio.create_task(sink.send([message(number)])) for number in range(10)]
        await asyncio.sleep(1)
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        return await sink.send([message(11)])

    assert [SENT] == run_simulated(main())


def test_a_sink_that_is_not_open_says_so() -> None:
    """Sending before `open` is an error of the caller."""
    sink = KlaviyoSink(settings_of(), lambda: 0.0, FakeKlaviyo())
    with pytest.raises(SinkError, match="call open"):
        asyncio.run(sink.send([message(1)]))


@pytest.mark.parametrize(
    "fields",
    [
        {"private_key": ""},
        {"base_url": "http://a.klaviyo.com"},
        {"base_url": "a.klaviyo.com"},
        {"revision": "yesterday"},
        {"metric": "m" * 128},
        {"steady": 0},
        {"colour": "red"},
    ],
)
def test_settings_that_cannot_work_are_refused(fields: dict[str, Any]) -> None:
    """Before anything is sent, and without showing what was given."""
    with pytest.raises(ValidationError):
        settings_of(**fields)


def over_http(
    handler: Callable[[web.Request], Coroutine[Any, Any, web.StreamResponse]],
) -> list[Answer]:
    """Sends one message to a server on the loopback."""

    async def main() -> list[Answer]:
        app = web.Application()
        app.router.add_post("/{path:.*}", handler)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        settings = settings_of(
            base_url=f"http://{host}:{port}/", allow_http=True, allow_networks=["127.0.0.0/8"]
        )
        sink = KlaviyoSink(settings, lambda: 0.0)
        await sink.open()
        try:
            return await sink.send([message(1)])
        finally:
            await sink.close()
            await runner.cleanup()

    return asyncio.run(main())


def test_a_request_is_as_klaviyo_wants_it() -> None:
    """The path, the key, the revision and the media type are those of its specification."""
    seen: dict[str, str] = {}

    async def handler(request: web.Request) -> web.Response:
        seen.update(request.headers, path=request.path)
        klaviyo = FakeKlaviyo()
        return web.Response(status=klaviyo.accept(klaviyo.items_of(await request.read())))

    assert [SENT] == over_http(handler)
    assert "/api/event-bulk-create-jobs" == seen["path"]
    assert "Klaviyo-API-Key pk_secret" == seen["Authorization"]
    assert "2026-07-15" == seen["revision"]
    assert "application/vnd.api+json" == seen["Content-Type"]


def test_a_long_refusal_is_read_whole() -> None:
    """An error for each of a thousand events fits in what is read of an answer."""
    content = error_at(0, "invalid", "/attributes/profile")
    padded = content.replace(b"ann@shop.example", b"x" * 500_000)

    async def handler(_: web.Request) -> web.Response:
        return web.Response(status=400, body=padded)

    [answer] = over_http(handler)
    assert "klaviyo_invalid" == answer.reason
