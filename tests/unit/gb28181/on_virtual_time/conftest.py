"""A device behind a line of a test, on a clock that jumps to the next thing that happens."""

import asyncio

import pytest
from virtual_time import loop, pytest_asyncio_loop_factories

from cambus.gb28181.manscdp.envelope import Envelope, Root, compose
from cambus.gb28181.remote_device import RemoteDevice
from cambus.gb28181.times import Times
from cambus.gb28181.versions import Version
from cambus.sip.errors import TransactionTimeout
from cambus.sip.message import Request, Response
from cambus.sip.peer import Peer

__all__ = ["loop", "pytest_asyncio_loop_factories"]

DEVICE, CHANNEL = "34020000001180000002", "34020000001310000001"


class Line:
    """Takes what the platform says to a device; a test decides what comes of it."""

    def __init__(self):
        self.peer = Peer("udp", "192.0.2.7", 5060)
        self.version = Version.GB2016
        self.charset = "GB2312"
        self.status = 200
        self.sent = []
        self.under_way = self.most_under_way = 0
        self.beaten = []
        self.heard = asyncio.Event()
        self.delay_s = 0.01
        self.on_send = lambda envelope: None

    def compose(self, method, code, *, sequence):
        return Request(method=method, uri=f"sip:{code}@3402000000")

    async def send(self, request, peer, timeout_s):
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            envelope = Envelope.parse(request.body)
            self.sent.append(envelope)
            self.heard.set()
            self.on_send(envelope)
            if self.status == 0:
                await asyncio.sleep(timeout_s)
                raise TransactionTimeout("nothing")
            await asyncio.sleep(self.delay_s)
            return Response(status=self.status)
        finally:
            self.under_way -= 1

    def beats(self, interval_s, count):
        self.beaten.append((interval_s, count))


class Rig:
    """A device, the line to it, and what it says."""

    def __init__(self):
        self.line = Line()
        self.device = RemoteDevice(DEVICE, self.line, Times())

    @property
    def now(self):
        return asyncio.get_running_loop().time

    def answers(self, envelope, content=(), *, sn=None, command=None, after_s=0.02):
        """The device answers a question, a while after it was asked."""
        body = compose(
            Root.RESPONSE,
            command or envelope.command,
            envelope.sn if sn is None else sn,
            envelope.code,
            content,
        )
        loop_ = asyncio.get_running_loop()
        loop_.call_later(after_s, lambda: self.device.answered(Envelope.parse(body)))

    async def asked(self, count=1):
        """Wait until so many questions have been sent; the last one."""
        while len(self.line.sent) < count:
            self.line.heard.clear()
            await self.line.heard.wait()
        return self.line.sent[count - 1]


@pytest.fixture
def rig():
    return Rig()
