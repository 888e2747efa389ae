"""An agent whose platform a test plays, on a clock that jumps to the next thing that happens."""

import asyncio
from types import SimpleNamespace

import pytest
from virtual_time import loop, pytest_asyncio_loop_factories

from cambus.gb28181.agent import Agent
from cambus.gb28181.agent_settings import AgentSettings
from cambus.sip.errors import TransactionTimeout
from cambus.sip.message import Response
from cambus.sip.uri import SipUri

__all__ = ["loop", "pytest_asyncio_loop_factories"]

CODE, SERVER = "34020000002000000002", "34010000002000000001"


class Platform:
    """Stands where the agent's sockets are: answers requests as a test wants, and remembers when they came."""

    def __init__(self):
        self.port = 5060
        self.asked = []
        self.answers = []
        self.answer = lambda request: Response(status=200)
        self.asked_at = []
        self.heard = asyncio.Event()

    def is_connected(self, peer):
        return True

    def disconnect(self, peer):
        pass

    async def request(self, request, peer, *, timeout_s=None):
        self.asked.append((request, peer))
        self.asked_at.append(asyncio.get_running_loop().time())
        self.heard.set()
        await asyncio.sleep(0.01)
        response = self.answer(request)
        if response is None:
            await asyncio.sleep(timeout_s)
            raise TransactionTimeout("nothing")
        return response

    def of(self, method):
        """When requests of a method came, and what they were."""
        return [
            SimpleNamespace(at=at, request=request, peer=peer)
            for at, (request, peer) in zip(self.asked_at, self.asked, strict=True)
            if request.method == method
        ]

    async def until(self, method, count):
        while len(self.of(method)) < count:
            self.heard.clear()
            await self.heard.wait()
        return self.of(method)[count - 1]


@pytest.fixture
def platform():
    return Platform()


@pytest.fixture
async def agent(platform):
    """An agent that has not been started."""
    states = []
    settings = AgentSettings(
        code=CODE,
        server_code=SERVER,
        domain=SERVER[:10],
        server=("192.0.2.1", 5060),
        password="secret",
        expires_s=3600,
        keepalive_s=60.0,
    )
    made = Agent(settings, SimpleNamespace(), endpoint=platform, on_state=lambda on, why: states.append(on))
    made.states = states
    yield made
    platform.answer = lambda request: Response(status=200)
    await made.close()


def response(status, **headers):
    made = Response(status=status)
    for name, value in headers.items():
        made.headers.add(name.replace("_", "-"), value)
    return made


def called(request):
    """The code a request is for."""
    return SipUri.parse(request.uri).user
