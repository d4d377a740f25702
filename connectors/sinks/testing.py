# SPDX-License-Identifier: Apache-2.0
"""The contract of sinks as tests, for those of restock and for anybody's own.

A sink is held to the contract by a class in a file of tests, run by pytest::

    class TestMySink(SinkContract):
        def receiver(self) -> AbstractAsyncContextManager[Receiver]:
            return my_receiver()

        def sink(self, receiver: Receiver) -> Sink:
            return MySink(url=receiver.url, timeout=0.3)

`Receiver` is whatever stands in for the other side in the same process. Give the sink short
timeouts: a test waits for them. What a receiver cannot do is left out of `behaviours`, and so are
the tests that need it.
"""

# ruff: noqa: S101 - these are tests

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Any, ClassVar, Final, TypeVar

from typing_extensions import override

from connectors.sinks.contract import Answer, Message, Resolution, Sink
from connectors.sinks.testing_kit import Behaviour, Receiver, sample_message

__all__ = ["Behaviour", "Receiver", "SinkContract", "sample_message"]

_T = TypeVar("_T")
_NEEDED: Final = "needed_behaviour"
_Test = TypeVar("_Test", bound=Callable[..., None])


def _needs(behaviour: Behaviour) -> Callable[[_Test], _Test]:
    """Mark a test that needs a receiver that can do this."""

    def mark(test: _Test) -> _Test:
        test.__dict__[_NEEDED] = behaviour
        return test

    return mark


class SinkContract:
    """What every sink promises (`connectors.sinks.contract.Sink`), a test for each promise.

    Attributes:
        behaviours: what the receiver can be told to do.
        channel: of the messages that are sent.
        patience: seconds after which a call counts as one that does not end; more than the sink's
            own timeouts together.
    """

    behaviours: ClassVar[frozenset[Behaviour]] = frozenset(Behaviour)
    channel: ClassVar[str] = "EMAIL"
    patience: ClassVar[float] = 10.0

    @override
    def __init_subclass__(cls) -> None:
        """Leave out the tests that need what the receiver cannot do."""
        super().__init_subclass__()
        for name in dir(cls):
            needed = getattr(getattr(cls, name), _NEEDED, None)
            if needed is not None and needed not in cls.behaviours:
                setattr(cls, name, None)

    def receiver(self) -> AbstractAsyncContextManager[Receiver]:
        """Return a new receiver, which accepts until it is told otherwise."""
        raise NotImplementedError

    def sink(self, receiver: Receiver) -> Sink:
        """Return a new sink that sends to the receiver, not opened yet."""
        raise NotImplementedError

    def test_it_says_how_much_it_takes(self) -> None:
        """Concurrency and size of batches are known before it is opened, and at least 1."""

        async def claim() -> None:
            async with self.receiver() as receiver:
                sink = self.sink(receiver)
                assert sink.concurrency >= 1
                assert sink.batch_size >= 1

        self._run(claim())

    def test_nothing_is_connected_before_open(self) -> None:
        """Making a sink reaches nobody; closing one that was never opened does no harm."""

        async def claim() -> None:
            async with self.receiver() as receiver:
                sink = self.sink(receiver)
                assert (receiver.connections, list(receiver.ids)) == (0, [])
                await sink.close()

        self._run(claim())

    def test_what_is_accepted_is_sent(self) -> None:
        """Each message of a batch reaches the receiver, and is answered by "sent" and no more."""

        async def claim() -> None:
            async with self.receiver() as receiver:
                sink = self.sink(receiver)
                await sink.open()
                messages = self._messages(min(sink.batch_size, 3))
                assert [Answer(Resolution.SENT)] * len(messages) == list(await sink.send(messages))
                assert [message.id for message in messages] == list(receiver.ids)
                await sink.close()

        self._run(claim())

    def test_nothing_is_left_open(self) -> None:
        """After `close` no connection is open; closing twice does no harm."""

        async def claim() -> None:
            async with self.receiver() as receiver:
                sink = self.sink(receiver)
                await sink.open()
                await sink.send(self._messages(1))
                await sink.close()
                await sink.close()
                await self._until_disconnected(receiver)

        self._run(claim())

    def test_it_can_be_opened_again(self) -> None:
        """A sink that was closed sends again after `open`."""

        async def claim() -> None:
            async with self.receiver() as receiver:
                sink = self.sink(receiver)
                for number in range(2):
                    await sink.open()
                    [answer] = await sink.send([self._message(number)])
                    assert Resolution.SENT is answer.resolution
                    await sink.close()

        self._run(claim())

    @_needs(Behaviour.FAIL)
    def test_what_fails_is_tried_again(self) -> None:
        """A receiver that cannot just now is a reason to retry; a later attempt is sent."""
        self._expect(Behaviour.FAIL, {Resolution.RETRY})

    @_needs(Behaviour.REFUSE)
    def test_what_is_refused_is_given_up(self) -> None:
        """A receiver that never will is no reason to retry, nor is it a success."""
        self._expect(Behaviour.REFUSE, {Resolution.FINAL, Resolution.DISABLE})

    @_needs(Behaviour.STALL)
    def test_silence_has_an_end(self) -> None:
        """A receiver that says nothing is an answer as well, within the sink's own time."""
        self._expect(Behaviour.STALL, {Resolution.RETRY})

    @_needs(Behaviour.CUT)
    def test_a_lost_answer_is_tried_again(self) -> None:
        """A connection that is closed in mid-answer leaves open what became of the message."""
        self._expect(Behaviour.CUT, {Resolution.RETRY})

    @_needs(Behaviour.GARBAGE)
    def test_garbage_is_an_answer(self) -> None:
        """What nobody can make sense of raises nothing; which answer it is, the sink may say."""
        self._expect(Behaviour.GARBAGE, set(Resolution))

    @_needs(Behaviour.FAIL)
    def test_every_attempt_carries_the_same_id(self) -> None:
        """A message that is sent again is the same one to the receiver."""

        async def claim() -> None:
            async with self.receiver() as receiver:
                sink = self.sink(receiver)
                await sink.open()
                receiver.behave(Behaviour.FAIL, times=1)
                await sink.send([self._message(7)])
                [answer] = await sink.send([self._message(7, attempt=2)])
                assert Resolution.SENT is answer.resolution
                assert {self._message(7).id} == set(receiver.ids)
                await sink.close()

        self._run(claim())

    def test_calls_may_run_at_once(self) -> None:
        """As many calls as `concurrency` says, each with an answer for each of its messages."""

        async def claim() -> None:
            async with self.receiver() as receiver:
                sink = self.sink(receiver)
                await sink.open()
                calls = min(sink.concurrency, 50)
                answers = await asyncio.gather(
                    *(sink.send([self._message(number)]) for number in range(calls))
                )
                assert [[Answer(Resolution.SENT)]] * calls == [list(answer) for answer in answers]
                ids = Counter(self._message(number).id for number in range(calls))
                assert ids == Counter(receiver.ids)
                await sink.close()

        self._run(claim())

    @_needs(Behaviour.STALL)
    def test_a_slow_call_holds_up_no_other(self) -> None:
        """While one call waits for a silent receiver, another is answered."""

        async def claim() -> None:
            async with self.receiver() as receiver:
                sink = self.sink(receiver)
                await sink.open()
                assert sink.concurrency > 1, "with one call at a time leave STALL out"
                receiver.behave(Behaviour.STALL, times=1)
                slow = asyncio.create_task(_send(sink, self._message(0)))
                await self._until_received(receiver, 1)
                [answer] = await sink.send([self._message(1)])
                assert Resolution.SENT is answer.resolution
                assert not slow.done(), "the other call waited for the slow one"
                [answer] = await slow
                assert Resolution.RETRY is answer.resolution
                await sink.close()

        self._run(claim())

    @_needs(Behaviour.STALL)
    def test_a_cancelled_call_leaves_it_fit(self) -> None:
        """After a call was cancelled while it waited, the next is sent as if it had never been."""

        async def claim() -> None:
            async with self.receiver() as receiver:
                sink = self.sink(receiver)
                await sink.open()
                for number in range(2):
                    receiver.behave(Behaviour.STALL, times=1)
                    call = asyncio.create_task(_send(sink, self._message(2 * number)))
                    await self._until_received(receiver, 2 * number + 1)
                    call.cancel()
                    await asyncio.wait([call])
                    [answer] = await sink.send([self._message(2 * number + 1)])
                    assert Resolution.SENT is answer.resolution
                await sink.close()
                await self._until_disconnected(receiver)

        self._run(claim())

    def _expect(self, behaviour: Behaviour, expected: set[Resolution]) -> None:
        async def claim() -> None:
            async with self.receiver() as receiver:
                sink = self.sink(receiver)
                await sink.open()
                receiver.behave(behaviour)
                [answer] = await sink.send([self._message(0)])
                self._check(answer, expected)
                receiver.behave(Behaviour.ACCEPT)
                [answer] = await sink.send([self._message(1)])
                assert Resolution.SENT is answer.resolution, "it is not fit for use any more"
                await sink.close()
                await self._until_disconnected(receiver)

        self._run(claim())

    def _check(self, answer: Answer, expected: set[Resolution]) -> None:
        assert answer.resolution in expected
        sent = answer.resolution is Resolution.SENT
        assert sent == (not answer.reason), "every answer but sent has a reason"
        letters = answer.reason.replace("_", "")
        assert sent or (letters.isalnum() and letters.islower()), "a reason is in snake case"
        assert len(answer.detail) <= 200  # noqa: PLR2004 - as the contract says
        assert len(answer.detail.splitlines()) <= 1, "a detail is one line"
        for address in ("customer-0@example.com", "customer-0", "2015550000"):
            assert address not in answer.detail + answer.reason, "it shows a person's address"
        if answer.resolution is not Resolution.RETRY:
            assert (answer.wait, answer.throttled) == (None, False)

    def _message(self, number: int, attempt: int = 1) -> Message:
        return replace(sample_message(number, attempt), channel=self.channel)

    def _messages(self, count: int) -> list[Message]:
        return [self._message(number) for number in range(count)]

    def _run(self, claim: Coroutine[Any, Any, _T]) -> _T:
        async def bounded() -> _T:
            try:
                return await asyncio.wait_for(claim, self.patience)
            except TimeoutError:
                message = f"it did not end within {self.patience:g} seconds"
                raise AssertionError(message) from None

        return asyncio.run(bounded())

    async def _until_received(self, receiver: Receiver, count: int) -> None:
        await _until(lambda: len(receiver.ids) >= count)

    async def _until_disconnected(self, receiver: Receiver) -> None:
        await _until(lambda: not receiver.connections)


async def _send(sink: Sink, message: Message) -> Sequence[Answer]:
    return await sink.send([message])


async def _until(holds: Callable[[], bool]) -> None:
    # A receiver may live in another thread, and tells nobody when it changes.
    while not holds():  # noqa: ASYNC110
        await asyncio.sleep(0.002)
