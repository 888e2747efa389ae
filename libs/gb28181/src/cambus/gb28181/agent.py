"""The other side: something that registers to a platform, and is asked, commanded and watched by it.

A camera does this, and a platform that is part of a larger one (§12, GB-240 to GB-250). What it is made of is its
backend's: the agent knows how things are said, not what there is to say.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import random
import secrets
import socket
from collections.abc import Awaitable, Callable
from typing import Final, Protocol, Self

from cambus.gb28181.agent_settings import AgentSettings
from cambus.gb28181.errors import ProtocolError, Unreachable
from cambus.gb28181.manscdp.envelope import CONTENT_TYPE, CONTENT_TYPES, Envelope, Root
from cambus.gb28181.manscdp.presence import Keepalive
from cambus.gb28181.outcomes import failure_of
from cambus.gb28181.pending import Parts, Pending
from cambus.gb28181.signing import Signature, phrase
from cambus.gb28181.versions import HEADER as VERSION_HEADER
from cambus.sip.dialog import DialogKey, key_of_request
from cambus.sip.digest import Challenge, answer
from cambus.sip.endpoint import Incoming, SipEndpoint, Wire
from cambus.sip.errors import ProtocolError as SipProtocolError
from cambus.sip.errors import SipError, TransactionTimeout, TransportError
from cambus.sip.events import AckReceived, Cancelled, RequestReceived, TransactionFailed
from cambus.sip.fields import NameAddress
from cambus.sip.message import Request, Response
from cambus.sip.peer import Peer
from cambus.sip.timers import Timers
from cambus.sip.transactions import ServerTransaction
from cambus.sip.uri import SipUri

logger = logging.getLogger(__name__)

MISSED: Final = 3
FIRST_CSEQ: Final = 1
_REQUEST_TIMEOUT_S: Final = 32.0
_REDIRECTS: Final = 3


class AgentBackend(Protocol):
    """What an agent is made of. Nothing here may block."""

    def message(self, agent: Agent, envelope: Envelope, request: Request) -> int:
        """A body from the platform; the status to answer with. What it leads to is sent with `agent.tell`."""

    def invite(self, agent: Agent, event: RequestReceived) -> None:
        """Somebody wants to watch; to be answered with `agent.endpoint.respond`."""

    def subscribe(self, agent: Agent, event: RequestReceived) -> None:
        """Somebody wants to be told; to be answered."""


Handler = Callable[[Incoming], None]


class Agent:
    """One registration at one platform.

    Args:
        settings: who it is, and where it registers.
        backend: what it is made of.
        timers: of SIP transactions.
        wire: sees all messages, and may change them.
        endpoint: sockets shared with others, whose owner calls `incoming` with what concerns this agent, and
            signs what it sends; by default it has its own.
        on_state: called with whether it is registered and why not, whenever that changes or fails again.
        on_refused: called with why a request was refused: `foreign`, or what is wrong with its signature.

    Attributes:
        registered: set while it is registered.
        endpoint: its sockets.
        refused: requests that came from anywhere else than the platform.
        signature: how the platform and it prove requests to each other; None where they do not.
    """

    def __init__(
        self,
        settings: AgentSettings,
        backend: AgentBackend,
        *,
        timers: Timers | None = None,
        wire: Wire | None = None,
        endpoint: SipEndpoint | None = None,
        on_state: Callable[[bool, str], None] | None = None,
        on_refused: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.settings = settings
        signing = settings.signing
        self.signature = Signature(signing, settings.password) if signing is not None else None
        self._on_refused = on_refused
        self.registered = asyncio.Event()
        self.refused = 0
        self._on_state = on_state
        self._shared = endpoint is not None
        self.endpoint = endpoint or SipEndpoint(
            self.incoming,
            host=settings.host,
            port=settings.port,
            advertised=(lambda _: self.address) if settings.advertised or settings.advertised_host else None,
            on_lost=self._lost,
            timers=timers,
            wire=wire,
            sign=self._sign,
        )
        self._backend = backend
        self._peer: Peer | None = None
        self._server = settings.server
        self._server_code = settings.server_code
        self._sources: frozenset[str] = frozenset()
        self._pending = Pending()
        self._call_id = secrets.token_hex(16)
        self._sequence = 0
        self._sn = 0
        self._missed = 0
        self._refusals = 0
        self._dialogs: dict[DialogKey, Handler] = {}
        self._task: asyncio.Task[None] | None = None
        self._telling: set[asyncio.Task[None]] = set()
        self._again = asyncio.Event()

    # --- life -------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def start(self) -> None:
        """Listen, and register until closed."""
        if not self._shared:
            await self.endpoint.start()
        self._task = asyncio.create_task(self._run(), name=f"gb28181 agent {self.settings.code}")

    async def close(self, *, unregister: bool = True) -> None:
        """Unregister and stop."""
        tasks = [*self._telling] + ([self._task] if self._task is not None else [])
        for task in tasks:
            task.cancel()
        try:
            await asyncio.gather(*tasks, return_exceptions=True)
            if unregister and self.registered.is_set():
                await self._sign_off()
        finally:
            self.registered.clear()
            if not self._shared:
                await self.endpoint.close()

    async def _sign_off(self) -> None:
        try:
            async with asyncio.timeout(2.0):
                await self._register(0)
        except (SipError, Unreachable, TimeoutError):
            logger.debug("not unregistered", extra={"code": self.settings.code})

    @property
    def address(self) -> str:
        """Host and port as the platform reaches it."""
        settings = self.settings
        host = settings.advertised_host or settings.host
        return settings.advertised or SipUri("", host, self.endpoint.port).address

    @property
    def peer(self) -> Peer | None:
        """Where the platform is; None without a connection."""
        return self._peer

    # --- registration -----------------------------------------------------------------------------------

    async def _run(self) -> None:
        while True:
            before = self._refusals
            try:
                granted_s = await self._register(self.settings.expires_s)
            except (SipError, Unreachable, ProtocolError) as error:
                self._is_off(str(error))
                self._go_back()
                pause_s = self.settings.pause_s(self._refusals if self._refusals > before else 0)
                await asyncio.sleep(pause_s * random.uniform(1.0, 1.5))  # noqa: S311 - no secret
                continue
            self._missed = self._refusals = 0
            if not self.registered.is_set():
                self.registered.set()
                self._tell_state(registered=True)
            try:
                await self._stay(granted_s)
            except (SipError, Unreachable) as error:
                self._is_off(str(error))  # and register anew at once (§12)
                self._go_back()

    def _is_off(self, reason: str) -> None:
        self.registered.clear()
        logger.info("not registered", extra={"code": self.settings.code, "reason": reason})
        self._tell_state(registered=False, reason=reason)

    def _tell_state(self, *, registered: bool, reason: str = "") -> None:
        if self._on_state is not None:
            self._on_state(registered, reason)

    def _go_back(self) -> None:
        """To where we were configured to register, wherever we were sent on to (§3.2)."""
        self._server, self._server_code = self.settings.server, self.settings.server_code
        self._leave()

    async def _stay(self, granted_s: float) -> None:
        """Say that we are there, until it is time to register again."""
        loop = asyncio.get_running_loop()
        until = loop.time() + granted_s * 0.8
        while loop.time() < until and not self._again.is_set():
            wait_s = min(self.settings.keepalive_s, max(until - loop.time(), 0.0))
            try:
                async with asyncio.timeout(wait_s):
                    await self._again.wait()
            except TimeoutError:
                await self._keep_alive()
        self._again.clear()

    async def _keep_alive(self) -> None:
        try:
            alive = Keepalive(ok=True)
            await self.send(
                alive.serialize(self.next_sn(), self.settings.code, charset=self.settings.charset)
            )
        except Unreachable:
            self._missed += 1
            if self._missed >= MISSED:
                raise
        except SipError:
            raise
        else:
            self._missed = 0

    def register_again(self) -> None:
        """Register now: the platform says it does not know us, or our connection is gone."""
        self._again.set()

    async def _register(self, expires_s: int) -> float:
        """REGISTER, with credentials where they are asked for, at whatever platform it is sent on to."""
        if self.signature is not None and (problem := self.signature.problem) is not None:
            raise Unreachable(problem)
        for _ in range(_REDIRECTS):
            response = await self._attempt(expires_s, None)
            if response.status in {401, 407}:
                name = "WWW-Authenticate" if response.status == 401 else "Proxy-Authenticate"
                challenge = next((c for v in response.headers.all(name) if (c := Challenge.parse(v))), None)
                if challenge is None or not challenge.algorithm.available:
                    raise Unreachable("the platform asks for what we cannot answer")
                response = await self._attempt(expires_s, challenge)
                self._refusals += response.status in {401, 403, 407}
            if response.status == 302:
                contact = SipUri.parse(NameAddress.parse(response.headers.get("Contact") or "").uri)
                self._server = (contact.host, contact.port or 5060)
                self._server_code = contact.user or self._server_code
                self._leave()
                continue
            failure = failure_of(response)
            if failure is not None:
                raise Unreachable(failure.text)
            text = response.headers.get("Expires") or ""
            return float(text) if text.isdigit() and len(text) < 9 else float(expires_s)
        raise Unreachable("the platform sends us on and on")

    async def _attempt(self, expires_s: int, challenge: Challenge | None) -> Response:
        settings = self.settings
        peer = await self._reach()
        self._sequence += 1
        host = settings.domain if settings.domain_uris else SipUri("", *self._server).address
        uri = f"sip:{self._server_code}@{host}"
        request = Request(method="REGISTER", uri=uri)
        own = f"sip:{settings.code}@{settings.domain if settings.domain_uris else self.address}"
        request.headers.add("From", f"<{own}>;tag={secrets.token_hex(6)}")
        request.headers.add("To", f"<{own}>")
        request.headers.add("Call-ID", self._call_id)
        request.headers.add("CSeq", f"{self._sequence} REGISTER")
        request.headers.add("Contact", f"<sip:{settings.code}@{self.address}>")
        request.headers.add("Expires", str(expires_s))
        request.headers.add("User-Agent", settings.user_agent)
        if settings.version is not None:
            request.headers.add(VERSION_HEADER, settings.version.value)
        if challenge is not None:
            credentials = answer(
                challenge,
                settings.username or settings.code,
                settings.password,
                "REGISTER",
                uri,
                with_qop=settings.with_qop,
            )
            request.headers.add("Authorization", str(credentials))
        try:
            return await self.endpoint.request(request, peer, timeout_s=_REQUEST_TIMEOUT_S)
        except (TransactionTimeout, TransportError) as error:
            raise Unreachable(str(error)) from None

    async def _reach(self) -> Peer:
        if self._peer is not None and self.endpoint.is_connected(self._peer):
            return self._peer
        host = await self._resolve()
        if self.settings.tcp:
            self._peer = await self.endpoint.connect(host, self._server[1])
        else:
            self._peer = Peer("udp", host, self._server[1])
        return self._peer

    async def _resolve(self) -> str:
        """An address of the platform; requests are taken from any it has. Raises Unreachable."""
        host, port = self._server
        try:
            self._sources = frozenset({str(ipaddress.ip_address(host))})
            return host
        except ValueError:
            pass
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_DGRAM)
        except OSError as error:
            raise Unreachable(f"{host} has no address: {error.strerror}") from None
        addresses = [str(each[4][0]) for each in found]
        self._sources = frozenset(addresses)
        return addresses[0]

    def _leave(self) -> None:
        """Speak to nobody until the platform is looked for again."""
        peer, self._peer = self._peer, None
        if peer is not None and self.settings.tcp:
            self.endpoint.disconnect(peer)

    def _lost(self, peer: Peer) -> None:
        if peer == self._peer:
            self._peer = None
            self.register_again()

    # --- saying things ----------------------------------------------------------------------------------

    def next_sn(self) -> int:
        """A number of ours."""
        self._sn += 1
        return self._sn

    def tell(self, body: bytes) -> None:
        """Send a body, without waiting for its 200."""
        self.later(self.send(body))

    def later(self, work: Awaitable[None]) -> None:
        """Do something of this agent's own accord; it ends with the agent."""

        async def run() -> None:
            try:
                await work
            except (Unreachable, SipError) as error:
                logger.debug("not told", extra={"code": self.settings.code, "reason": str(error)})

        task = asyncio.create_task(run())
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    async def send(self, body: bytes) -> None:
        """Send a body and wait for its 200. Raises Unreachable."""
        request = self.compose("MESSAGE")
        request.headers.add("Content-Type", CONTENT_TYPE)
        request.body = body
        await self.ask(request)

    async def exchange(self, command: str, sn: int, body: bytes, timeout_s: float) -> Envelope | None:
        """Send a body of ours and wait for the platform's answer to it; None if none comes. Raises Unreachable."""
        parts = Parts()
        with self._pending.waiting(command, sn, parts.put):
            await self.send(body)
            return await parts.next(asyncio.get_running_loop().time() + timeout_s)

    async def ask(self, request: Request) -> Response:
        """Send a request and wait for a success. Raises Unreachable."""
        peer = await self._reach()
        try:
            response = await self.endpoint.request(request, peer, timeout_s=_REQUEST_TIMEOUT_S)
        except (TransactionTimeout, TransportError) as error:
            raise Unreachable(str(error)) from None
        if response.status == 403:
            self.register_again()
        failure = failure_of(response)
        if failure is not None:
            raise Unreachable(failure.text)
        return response

    def _sign(self, request: Request, _peer: Peer) -> None:
        if self.signature is not None:
            self.signature.sign(request)

    def compose(self, method: str, *, source: str | None = None, target: str | None = None) -> Request:
        """A request to the platform outside a dialog.

        Args:
            method: such as `MESSAGE`.
            source: who speaks, if not the agent itself.
            target: who is spoken to, if not the platform itself.
        """
        settings, called = self.settings, target or self._server_code
        host = settings.domain if settings.domain_uris else SipUri("", *self._server).address
        own_host = settings.domain if settings.domain_uris else self.address
        request = Request(method=method, uri=f"sip:{called}@{host}")
        request.headers.add("From", f"<sip:{source or settings.code}@{own_host}>;tag={secrets.token_hex(6)}")
        request.headers.add("To", f"<sip:{called}@{host}>")
        request.headers.add("Call-ID", secrets.token_hex(16))
        request.headers.add("CSeq", f"{FIRST_CSEQ} {method}")
        if method in {"INVITE", "SUBSCRIBE"}:
            request.headers.add("Contact", f"<sip:{settings.code}@{self.address}>")
        request.headers.add("User-Agent", settings.user_agent)
        return request

    # --- being asked ------------------------------------------------------------------------------------

    def in_dialog(self, key: DialogKey, handler: Handler | None) -> None:
        """Have the requests of a dialog handled, and its ACK; None ends that."""
        if handler is None:
            self._dialogs.pop(key, None)
        else:
            self._dialogs[key] = handler

    def incoming(self, event: Incoming) -> None:
        """Something came for this agent."""
        if not isinstance(event, RequestReceived):
            key = _key(event)
            handler = self._dialogs.get(key) if key is not None else None
            foreign = isinstance(event, AckReceived) and event.peer.host not in self._sources
            if handler is not None and not foreign:
                handler(event)
            return
        try:
            self._request(event)
        except (ProtocolError, SipProtocolError) as error:
            logger.debug("malformed request", extra={"peer": str(event.peer), "reason": str(error)})
            if not event.transaction.answered:
                self.endpoint.respond(event.transaction, 400)

    def _request(self, event: RequestReceived) -> None:
        request, method = event.request, event.request.method
        if event.peer.host not in self._sources:
            self.refused += 1
            self._on_refused("foreign")
            self.endpoint.respond(event.transaction, 403)  # only the platform we registered at (GB-249)
            return
        objection = self.signature.objection(request) if self.signature is not None else None
        if objection is not None:
            logger.info("not proven", extra={"code": self.settings.code, "reason": objection})
            self._on_refused(objection)
            self.endpoint.respond(event.transaction, 403, reason=phrase(objection))
            return
        handler = self._dialogs.get(key_of_request(request))
        if handler is not None:
            handler(event)
        elif method == "MESSAGE":
            self._message(event)
        elif method == "INVITE":
            self._backend.invite(self, event)
        elif method == "SUBSCRIBE":
            self._backend.subscribe(self, event)
        elif method == "OPTIONS":
            self.endpoint.respond(event.transaction, 200)
        else:
            self.endpoint.respond(event.transaction, 481)

    def _message(self, event: RequestReceived) -> None:
        request = event.request
        if request.content_type not in CONTENT_TYPES:
            self.endpoint.respond(event.transaction, 415)
            return
        envelope = Envelope.parse(request.body)
        status = 200
        if envelope.root is Root.RESPONSE:
            self._pending.answer(envelope)
        else:
            status = self._backend.message(self, envelope, request)
        if status:
            self.endpoint.respond(event.transaction, status)


def _key(event: AckReceived | Cancelled | TransactionFailed) -> DialogKey | None:
    """The dialog that an INVITE of the platform sets up, or would have."""
    if isinstance(event, AckReceived):
        return key_of_request(event.request)
    transaction = event.transaction
    if not isinstance(transaction, ServerTransaction):
        return None
    request = transaction.request
    return (request.call_id, request.to_tag or transaction.to_tag, request.from_tag)
