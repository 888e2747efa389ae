"""A GB/T 28181 device that is moved by hand: it registers, and says and answers exactly what a test tells it."""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from contextlib import AsyncExitStack, asynccontextmanager

from sip_peer import TcpDevice, UdpDevice, answer_text, request_text

from cambus.gb28181.accounts import Account
from cambus.gb28181.manscdp.envelope import CONTENT_TYPE, Envelope, Root, compose
from cambus.gb28181.platform import Gb28181Platform, Told
from cambus.gb28181.platform_settings import PlatformSettings
from cambus.gb28181.registrar import RegistrarSettings
from cambus.gb28181.times import Times
from cambus.simulators.watch import Watch
from cambus.sip.digest import Challenge, answer
from cambus.sip.message import Request

SERVER = "34020000002000000001"
DOMAIN = "3402000000"
DEVICE = "34020000001320000001"
OTHER = "34020000001180000002"
CHANNEL = "34020000001310000001"
PASSWORD = "a password of tests"
_branches = itertools.count(1)


class Accounts:
    """Accounts with one password, and what a test wants of each."""

    def __init__(self, **options):
        self.options = options

    def account(self, code):
        return Account(code, PASSWORD, **self.options)


class Platform:
    """A platform that listens, and what it told."""

    def __init__(
        self,
        *,
        accounts=None,
        times=None,
        host="127.0.0.1",
        registrar=None,
        bindings=(),
        timers=None,
        **settings,
    ):
        self.events = []
        self._watch = Watch()
        self._bindings = bindings
        registrar = {"realm": DOMAIN, "server_code": SERVER} | (registrar or {})
        self.gb = Gb28181Platform(
            PlatformSettings(
                RegistrarSettings(**registrar), DOMAIN, host=host, times=times or Times(), **settings
            ),
            accounts or Accounts(),
            self._happened,
            timers=timers,
        )

    def _happened(self, event):
        self.events.append(event)
        self._watch.changed()

    async def __aenter__(self):
        await self.gb.start(self._bindings)
        return self

    async def __aexit__(self, *_):
        await self.gb.close()

    def of(self, kind):
        return [each for each in self.events if isinstance(each, kind)]

    def told(self, command):
        return [each.envelope for each in self.of(Told) if each.envelope.command == command]

    async def until(self, predicate, timeout_s=30.0):
        await self._watch.until(predicate, timeout_s, look_s=0.01)


class HandDevice:
    """One device; use `hand_device`."""

    def __init__(self, wire, port, code):
        self.code = code
        self._wire = wire
        self._port = port
        self._requests = deque()
        self._responses = deque()
        self._calls = itertools.count(1)

    @property
    def address(self):
        return self._wire.address

    def write(self, data):
        if isinstance(self._wire, UdpDevice):
            self._wire.say(data, self._port)
        else:
            self._wire.say(data)

    def say(self, method, *, code=None, body=b"", headers=(), to_self=False, **changes):
        """Send a request; its call id."""
        code, call = code or self.code, changes.pop("call_id", None) or f"{self.code}-{next(self._calls)}"
        target = code if to_self else SERVER
        via = changes.pop("via", None) or [
            f"SIP/2.0/UDP {self.address[0]}:{self.address[1]};branch=z9hG4bK{next(_branches)}"
        ]
        if body and not any(each.lower().startswith("content-type") for each in headers):
            headers = [*headers, f"Content-Type: {CONTENT_TYPE}"]
        self.write(
            request_text(
                method,
                via=via,
                from_=f"<sip:{code}@{DOMAIN}>;tag=t",
                to=f"<sip:{target}@{DOMAIN}>",
                call_id=call,
                headers=headers,
                body=body,
                **changes,
            )
        )
        return call

    async def _next(self, wanted, others):
        while not wanted:
            read = await self._wire.hears()
            (self._requests if isinstance(read, Request) else self._responses).append(read)
        return wanted.popleft()

    async def response(self):
        return await self._next(self._responses, self._requests)

    async def request(self):
        return await self._next(self._requests, self._responses)

    async def ask(self, method, **changes):
        """Send a request and return its final response."""
        self.say(method, **changes)
        while (response := await self.response()).status < 200:
            pass
        return response

    async def tell(self, body, **changes):
        """Send a body by MESSAGE; the status it is answered with."""
        return (await self.ask("MESSAGE", body=body, **changes)).status

    async def keepalive(self, **changes):
        return await self.tell(compose(Root.NOTIFY, "Keepalive", 1, self.code), **changes)

    def answer(self, request, status=200, **changes):
        self.write(answer_text(request, status, **changes))

    async def asked(self, status=200, **changes):
        """Take the next MESSAGE of the platform, acknowledge it, and open its body."""
        request = await self.request()
        self.answer(request, status, **changes)
        return Envelope.parse(request.body)

    async def register(self, *, expires=3600, headers=(), password=PASSWORD, contact=None):
        """Register; the last response."""
        more = [
            f"Contact: {contact or f'<sip:{self.code}@{self.address[0]}:{self.address[1]}>'}",
            f"Expires: {expires}",
            *headers,
        ]
        first = await self.ask("REGISTER", headers=more, to_self=True)
        challenge = Challenge.parse(first.headers.get("WWW-Authenticate") or "")
        if first.status != 401 or challenge is None:
            return first
        given = answer(challenge, self.code, password, "REGISTER", f"sip:{SERVER}@{DOMAIN}")
        return await self.ask("REGISTER", headers=[*more, f"Authorization: {given}"], to_self=True)


@asynccontextmanager
async def hand_device(
    platform, code=DEVICE, *, tcp=False, tls=None, register=True, host="127.0.0.1", **options
):
    """A device by hand, registered by default."""
    async with AsyncExitStack() as stack:
        port = platform.gb.port
        wire = await stack.enter_async_context(
            await TcpDevice.open(port, host, ssl=tls) if tcp or tls else UdpDevice(host=host)
        )
        device = HandDevice(wire, port, code)
        if register:
            assert (await device.register(**options)).status == 200
        yield device


def response_body(envelope, content=(), *, sn=None, command=None, code=None):
    """The body that answers a question."""
    return compose(
        Root.RESPONSE,
        command or envelope.command,
        envelope.sn if sn is None else sn,
        code or envelope.code,
        content,
    )


async def soon(task):
    """Let everything that is ready run."""
    for _ in range(5):
        await asyncio.sleep(0)
    return task
