import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from cambus.media_relay.key import StreamKey
from cambus.media_relay.keyframe_requests import INTERVAL_S, Asked, KeyframeRequests
from cambus.schemas.commands import live
from cambus.schemas.errors import DeadlineExceeded, Unsupported

KEY = StreamKey("gate", 2, "sub")


class Client:
    """Notes when it was called, and answers as it is told to."""

    def __init__(self) -> None:
        self.calls: list[tuple[float, object, str]] = []
        self.error: Exception | None = None
        self.called = asyncio.Event()

    async def call(self, spec, request, *, device, timeout_s):
        assert spec is live.KEYFRAME
        self.calls.append((asyncio.get_running_loop().time(), request, device))
        self.called.set()
        if self.error is not None:
            raise self.error


@asynccontextmanager
async def running(client: Client, needed=lambda: True) -> AsyncIterator[KeyframeRequests]:
    requests = KeyframeRequests(client, KEY, needed)  # type: ignore[arg-type]  # a client for tests
    task = asyncio.create_task(requests.run())
    yield requests
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_it_is_asked_at_once_for_this_stream():
    client = Client()
    async with running(client) as requests:
        await settled()
        assert not client.calls
        requests.want()
        await settled()
    ((_, request, device),) = client.calls
    assert (request.channel, request.stream, device) == (2, "sub", "gate")
    assert requests.counts[Asked.OK] == 1


async def test_many_who_want_it_are_one_request_and_the_next_has_to_wait():
    client = Client()
    async with running(client) as requests:
        for _ in range(5):
            requests.want()
        await settled()
        assert len(client.calls) == 1
        requests.want()
        await settled()
        assert len(client.calls) == 1
        client.called.clear()
        await client.called.wait()
    assert client.calls[1][0] - client.calls[0][0] == pytest.approx(INTERVAL_S)


async def test_one_that_came_by_itself_is_not_asked_for():
    client = Client()
    blind = [True]
    async with running(client, lambda: blind[0]) as requests:
        blind[0] = False
        requests.want()
        await settled()
        assert not client.calls
        blind[0] = True
        requests.want()
        await settled()
        assert len(client.calls) == 1


async def test_a_failure_is_tried_again_and_a_device_that_cannot_is_left_alone():
    client = Client()
    client.error = DeadlineExceeded("too slow")
    async with running(client) as requests:
        requests.want()
        await settled()
        client.error = Unsupported("no such thing")
        requests.want()
        client.called.clear()
        await client.called.wait()
        await settled()
        requests.want()
        await asyncio.sleep(100 * INTERVAL_S)
    assert len(client.calls) == 2
    assert requests.counts == {Asked.OK: 0, Asked.FAILED: 1, Asked.UNSUPPORTED: 1}
