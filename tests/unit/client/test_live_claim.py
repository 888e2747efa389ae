"""A claim: started, renewed, started again after a loss, given up at the end."""

import asyncio

import pytest

from cambus.client.live_claim import LiveClaim
from cambus.schemas.commands import live
from cambus.schemas.errors import DeadlineExceeded, NotFound, Offline
from cambus.schemas.model import Done

STREAM = ("gate-1", 0, "main")


class Connector:
    """Answers the calls of a client from a script; the last answer of a command is repeated."""

    def __init__(self):
        self.calls = asyncio.Queue()
        self.script = {"live.start": [None], "live.touch": [None], "live.stop": [None]}

    async def call(self, spec, request, *, device=None, timeout_s=None):
        assert device == "gate-1"
        answers = self.script[spec.name]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        await self.calls.put((spec.name, request))
        if answer is not None:
            raise answer
        if spec is live.STOP:
            return Done()
        return live.LiveStartReply(subject="cambus.v1.media.gate-1.0.main", ttl_s=5.0)

    async def expect(self, *names):
        async with asyncio.timeout(10):
            got = [(await self.calls.get())[0] for _ in names]
        assert got == list(names)


@pytest.fixture
async def connector():
    return Connector()


@pytest.fixture
async def outcomes():
    return asyncio.Queue()


@pytest.fixture
async def claim(connector, outcomes):
    claim = LiveClaim(connector, *STREAM, "relay-1", ttl_s=5.0, on_outcome=outcomes.put_nowait)
    task = asyncio.create_task(claim.hold())
    yield claim
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def wake(claim, connector, *names):
    """End the pause the claim is in and see what it does."""
    await asyncio.sleep(0)
    claim.wake()
    await connector.expect(*names)


async def test_a_claim_is_started_and_then_renewed(claim, connector, outcomes):
    name, request = await connector.calls.get()
    assert name == "live.start"
    assert (request.channel, request.stream, request.claimant, request.ttl_s) == (0, "main", "relay-1", 5.0)
    assert await outcomes.get() is None
    assert claim.held
    for _ in range(3):
        await wake(claim, connector, "live.touch")


async def test_a_lost_claim_is_started_again(claim, connector, outcomes):
    await connector.expect("live.start")
    connector.script["live.touch"] = [NotFound("no such claim"), None]
    await outcomes.get()
    await wake(claim, connector, "live.touch", "live.start")
    assert await outcomes.get() is None
    await wake(claim, connector, "live.touch")


async def test_a_touch_without_an_answer_is_forgiven_while_the_claim_lives(claim, connector, outcomes):
    await connector.expect("live.start")
    connector.script["live.touch"] = [DeadlineExceeded("no answer"), None]
    await outcomes.get()
    await wake(claim, connector, "live.touch")
    await wake(claim, connector, "live.touch")
    assert claim.held
    assert outcomes.empty()


async def test_every_failed_start_is_told_and_tried_again(connector, outcomes):
    offline = Offline("gone")
    connector.script["live.start"] = [offline, offline, None]
    claim = LiveClaim(connector, *STREAM, "relay-1", ttl_s=5.0, on_outcome=outcomes.put_nowait)
    task = asyncio.create_task(claim.hold())
    for _ in range(2):
        assert await outcomes.get() is offline
        assert not claim.held
        claim.wake()
    assert await outcomes.get() is None
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_giving_a_claim_up_never_fails(connector, outcomes):
    connector.script["live.stop"] = [Offline("gone")]
    claim = LiveClaim(connector, *STREAM, "relay-1", ttl_s=5.0, on_outcome=outcomes.put_nowait)
    await claim.release()
    await connector.expect("live.stop")
    assert not claim.held
