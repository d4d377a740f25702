# SPDX-License-Identifier: Apache-2.0
"""The suite itself: a good sink passes it, and each flaw is found by the test that is meant to."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from typing import Never

import pytest
from typing_extensions import override

from connectors.sinks.contract import Answer, Message, Resolution, Sink
from connectors.sinks.testing import Behaviour, Receiver, SinkContract


class Box:
    """A receiver in memory."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.connections = 0
        self._always = Behaviour.ACCEPT
        self._next: list[Behaviour] = []

    def behave(self, behaviour: Behaviour, *, times: int | None = None) -> None:
        """Treat what comes so."""
        if times is None:
            self._always = behaviour
        else:
            self._next = [behaviour] * times

    async def put(self, identifier: str) -> Resolution:
        """Take a message, or not."""
        self.ids.append(identifier)
        behaviour = self._next.pop(0) if self._next else self._always
        if behaviour is Behaviour.STALL:
            await asyncio.Event().wait()
        if behaviour in {Behaviour.CUT, Behaviour.GARBAGE}:
            raise ConnectionError("customer-0@example.com")
        answers = {Behaviour.ACCEPT: Resolution.SENT, Behaviour.REFUSE: Resolution.FINAL}
        return answers.get(behaviour, Resolution.RETRY)


class Good:
    """A sink to a box, as the contract wants it; the others have one flaw each."""

    concurrency = 4
    batch_size = 2
    timeout = 0.05

    def __init__(self, box: Box) -> None:
        self.box = box

    async def open(self) -> None:
        """Connect."""
        self.box.connections = 1

    async def send(self, messages: Sequence[Message]) -> list[Answer]:
        """Put each message into the box."""
        return [await self.send_one(message) for message in messages]

    async def send_one(self, message: Message) -> Answer:
        """Put one message into the box."""
        try:
            resolution = await asyncio.wait_for(self.box.put(message.id), self.timeout)
        except OSError as error:
            return self.failed(error)
        sent = resolution is Resolution.SENT
        return Answer(resolution, "" if sent else resolution.value)

    def failed(self, error: OSError) -> Answer:
        """Answer for what went wrong."""
        return Answer(Resolution.RETRY, "failed", type(error).__name__)

    async def close(self) -> None:
        """Disconnect."""
        self.box.connections = 0


class ConnectsEarly(Good):
    """Connects when it is made."""

    @override
    def __init__(self, box: Box) -> None:
        super().__init__(box)
        box.connections = 1


class Lingers(Good):
    """Stays connected."""

    @override
    async def close(self) -> None:
        pass


class Raises(Good):
    """Raises what it should answer."""

    @override
    def failed(self, error: OSError) -> Never:
        raise RuntimeError


class Talks(Good):
    """Shows what the receiver said of a person."""

    @override
    def failed(self, error: OSError) -> Answer:
        return Answer(Resolution.RETRY, "failed", str(error))


class Rambles(Good):
    """Gives reasons for people to machines."""

    @override
    def failed(self, error: OSError) -> Answer:
        return Answer(Resolution.RETRY, "It failed.")


class Waits(Good):
    """Has no bound."""

    timeout = 60.0


class Forgets(Good):
    """Answers for one message of a batch only."""

    @override
    async def send(self, messages: Sequence[Message]) -> list[Answer]:
        return [await self.send_one(messages[0])]


class Renames(Good):
    """Gives each attempt an id of its own."""

    @override
    async def send_one(self, message: Message) -> Answer:
        return await super().send_one(replace(message, id=f"{message.id}-{message.attempt}"))


class Hopes(Good):
    """Takes every answer for a success."""

    @override
    async def send_one(self, message: Message) -> Answer:
        await super().send_one(message)
        return Answer(Resolution.SENT)


class Queues(Good):
    """Lets one call wait for another."""

    @override
    def __init__(self, box: Box) -> None:
        super().__init__(box)
        self.turn = asyncio.Lock()

    @override
    async def send(self, messages: Sequence[Message]) -> list[Answer]:
        async with self.turn:
            return await super().send(messages)


class Breaks(Good):
    """Is of no use any more after a cancelled call."""

    @override
    async def send(self, messages: Sequence[Message]) -> list[Answer]:
        try:
            return await super().send(messages)
        except asyncio.CancelledError:
            self.box.behave(Behaviour.REFUSE)
            raise


class TestGood(SinkContract):
    """The sink without a flaw."""

    patience = 0.5

    kind: type[Good] = Good

    @override
    def receiver(self) -> AbstractAsyncContextManager[Box]:
        return _box()

    @override
    def sink(self, receiver: Receiver) -> Sink:
        assert isinstance(receiver, Box)
        return self.kind(receiver)


@asynccontextmanager
async def _box() -> AsyncIterator[Box]:
    yield Box()


@pytest.mark.parametrize(
    ("kind", "finder"),
    [
        (ConnectsEarly, TestGood.test_nothing_is_connected_before_open),
        (Lingers, TestGood.test_nothing_is_left_open),
        (Raises, TestGood.test_a_lost_answer_is_tried_again),
        (Raises, TestGood.test_garbage_is_an_answer),
        (Talks, TestGood.test_garbage_is_an_answer),
        (Rambles, TestGood.test_garbage_is_an_answer),
        (Waits, TestGood.test_silence_has_an_end),
        (Forgets, TestGood.test_what_is_accepted_is_sent),
        (Renames, TestGood.test_every_attempt_carries_the_same_id),
        (Hopes, TestGood.test_what_fails_is_tried_again),
        (Hopes, TestGood.test_what_is_refused_is_given_up),
        (Hopes, TestGood.test_a_lost_answer_is_tried_again),
        (Queues, TestGood.test_a_slow_call_holds_up_no_other),
        (Breaks, TestGood.test_a_cancelled_call_leaves_it_fit),
    ],
)
def test_a_flaw_is_found(kind: type[Good], finder: Callable[[TestGood], None]) -> None:
    """Each by the test that names it."""
    suite = TestGood()
    suite.kind = kind
    with pytest.raises((AssertionError, RuntimeError)):
        finder(suite)


def test_what_a_receiver_cannot_do_is_not_asked_of_it() -> None:
    """Those tests are not there at all, so that nothing has to be skipped."""

    class Limited(TestGood):
        behaviours = frozenset({Behaviour.ACCEPT})

    assert Limited.test_silence_has_an_end is None
    assert Limited.test_a_slow_call_holds_up_no_other is None
    assert Limited.test_what_is_accepted_is_sent is not None
