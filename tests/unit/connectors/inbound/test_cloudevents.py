# SPDX-License-Identifier: Apache-2.0
"""CloudEvents around the messages of another source."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.inbound.cloudevents import CloudEventsSource
from connectors.inbound.contract import Learned, Mapped, Message, Refusal
from connectors.inbound.mapping import MappingSettings, MappingSource

ARRIVAL = 1_763_640_009_000
TIME = "2025-11-20T12:00:00Z"
MOMENT = 1_763_640_000_000
DATA = {"sku": 271878346596884015, "stock": 3}
BODY = json.dumps(DATA).encode()
EVENT = {
    "specversion": "1.0",
    "id": "e-1",
    "source": "/erp",
    "type": "stock.changed",
    "time": TIME,
    "data": DATA,
}
ATTRIBUTES = {"specversion": "1.0", "id": "e-1", "source": "/erp", "type": "x", "time": TIME}


def source() -> CloudEventsSource:
    """Events around messages that say no time themselves."""
    settings = MappingSettings(variant_id="/sku", quantity="/stock", variant_prefix="")
    return CloudEventsSource(MappingSource(settings))


def message(body: bytes | object, **headers: str) -> Message:
    """A message with headers, in whose names _ stands for -."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Message(content, ARRIVAL, {name.replace("_", "-"): headers[name] for name in headers})


def value(found: Mapped) -> dict[str, Any]:
    """The only record."""
    assert () == found.refusals
    (record,) = found.records
    decoded: dict[str, Any] = json.loads(record.value)
    return decoded


def reasons(found: Mapped) -> list[str]:
    """Why nothing came of it."""
    return [refusal.reason for refusal in found.refusals]


@pytest.mark.parametrize("prefix", ["ce-", "ce_"])
def test_binary_mode(prefix: str) -> None:
    """The body is the platform's, the event's time stands in for the arrival."""
    headers = {prefix + name: text for name, text in ATTRIBUTES.items()}
    one = Message(BODY, ARRIVAL, headers)
    found = value(source().map(one))
    assert ("271878346596884015", 3, MOMENT) == (
        found["variant_id"],
        found["quantity"],
        found["occurred_at"],
    )
    assert "/erp e-1" == source().event_id(one)


def test_values_of_http_headers_are_percent_encoded() -> None:
    """Those of Kafka are not."""
    headers = {f"ce-{name}": text for name, text in ATTRIBUTES.items()} | {"ce-id": "a%20b"}
    assert "/erp a b" == source().event_id(Message(BODY, ARRIVAL, headers))


@pytest.mark.parametrize(
    "headers",
    [{"content_type": "application/cloudevents+json; charset=UTF-8"}, {}],
    ids=["by header", "by its looks"],
)
def test_structured_mode(headers: dict[str, str]) -> None:
    """No digit of a number is lost; in a file the shape tells."""
    found = value(source().map(message(EVENT, **headers)))
    assert ("271878346596884015", MOMENT) == (found["variant_id"], found["occurred_at"])
    assert "/erp e-1" == source().event_id(message(EVENT, **headers))


def test_data_in_base64() -> None:
    """Bytes of any kind."""
    event = {name: EVENT[name] for name in EVENT if name != "data"}
    event["data_base64"] = base64.b64encode(BODY).decode()
    assert 3 == value(source().map(message(event)))["quantity"]


def test_a_batch() -> None:
    """Each event by itself."""
    batch = message(
        [EVENT, {**EVENT, "data": {"sku": "B"}}], content_type="application/cloudevents-batch+json"
    )
    found = source().map(batch)
    assert 1 == len(found.records)
    assert ["missing_field"] == reasons(found)
    assert None is source().event_id(batch)
    kind = "application/cloudevents-batch+json"
    assert "empty" == source().map(message([], content_type=kind)).ignored


def test_an_event_that_is_none_does_not_hold_up_the_others_of_its_batch() -> None:
    """It is refused by itself, as an item is."""
    kind = "application/cloudevents-batch+json"
    batch = message([EVENT, {**EVENT, "specversion": "0.3"}, EVENT], content_type=kind)
    found = source().map(batch)
    assert (2, ["bad_cloudevent"]) == (len(found.records), reasons(found))


@pytest.mark.parametrize("time", ["2099-01-01T00:00:00Z", "2025-11-20T12:10:10Z"])
def test_an_event_that_has_not_occurred_is_refused(time: str) -> None:
    """More than ten minutes ahead: its records would be no valid ones."""
    one = message({**EVENT, "time": time}, content_type="application/cloudevents+json")
    assert ["in_the_future"] == reasons(source().map(one))


@pytest.mark.parametrize("headers", [{}, {"content_type": "application/json"}])
def test_what_is_no_event_passes_through(headers: dict[str, str]) -> None:
    """With the time of its arrival."""
    assert ARRIVAL == value(source().map(message(BODY, **headers)))["occurred_at"]
    looks = {**DATA, "specversion": 1}
    assert 3 == value(source().map(message(looks, **headers)))["quantity"]
    assert None is source().event_id(message(BODY, **headers))


@pytest.mark.parametrize(
    "event",
    [
        {**EVENT, "specversion": "0.3"},
        {**EVENT, "id": ""},
        {"specversion": "1.0"},
        {**EVENT, "data_base64": "e30="},
        {**{name: EVENT[name] for name in EVENT if name != "data"}, "data_base64": "!"},
        [],
        b"{",
        b"\xff",
    ],
)
def test_events_that_are_none_are_refused(event: object) -> None:
    """Where a header says that they are some."""
    one = message(event, content_type="application/cloudevents+json")
    assert ["bad_cloudevent"] == reasons(source().map(one))
    assert None is source().event_id(one)


def test_other_refusals() -> None:
    """Times that are none, attributes that are missing, formats that nobody reads."""
    assert ["bad_timestamp"] == reasons(source().map(message({**EVENT, "time": "now"})))
    assert ["bad_cloudevent"] == reasons(source().map(message(BODY, ce_specversion="1.0")))
    kind = "application/cloudevents+avro"
    assert ["bad_cloudevent"] == reasons(source().map(message(BODY, content_type=kind)))
    kind = "application/cloudevents-batch+json"
    assert ["bad_cloudevent"] == reasons(source().map(message({}, content_type=kind)))


class Inner:
    """A source that takes note."""

    def __init__(self) -> None:
        self.seen: list[object] = []

    def is_authentic(self, one: Message) -> bool:
        """Take note."""
        self.seen.append(one)
        return False

    def event_id(self, _one: Message) -> str | None:
        """Have none."""
        return None

    def map(self, one: Message) -> Mapped:
        """Take note."""
        self.seen.append(one)
        return Mapped(refusals=(Refusal("seen", ""),))

    def learn(self, learned: Learned) -> None:
        """Take note."""
        self.seen.append(learned)


def test_a_signature_is_of_the_message_as_it_came() -> None:
    """The other source judges that, and learns."""
    inner = Inner()
    wrapper = CloudEventsSource(inner)
    one, learned = message(EVENT), Learned("1", "v")
    assert not wrapper.is_authentic(one)
    wrapper.learn(learned)
    assert [one, learned] == inner.seen


def test_the_inner_message_knows_what_it_is() -> None:
    """By the event's content type and kind."""
    inner = Inner()
    CloudEventsSource(inner).map(message({**EVENT, "datacontenttype": "text/x"}))
    (seen,) = inner.seen
    assert isinstance(seen, Message)
    assert {"content-type": "text/x", "ce-type": "stock.changed"} == dict(seen.headers)


@settings(deadline=None)
@given(
    st.binary(max_size=100),
    st.dictionaries(
        st.sampled_from(["ce-specversion", "ce_id", "ce_specversion", "content-type"]),
        st.sampled_from(["1.0", "x", "application/cloudevents+json"]),
    ),
)
def test_no_bytes_make_it_raise(body: bytes, headers: dict[str, str]) -> None:
    """Every message comes to an answer."""
    for one in (body, b'{"specversion":"1.0",' + body):
        found = source().map(Message(one, ARRIVAL, headers))
        assert found.refusals or found.records or found.ignored
