"""The platform: devices register here, and are watched and commanded from here (GB/T 28181-2022 §4, §9).

::

    platform = Gb28181Platform(settings, accounts, on_event)
    async with platform:
        device = platform.device("34020000001320000001")
        info = await device.info()
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final, Self

from cambus.gb28181.accounts import Accounts
from cambus.gb28181.admission import Admission
from cambus.gb28181.binding import Binding
from cambus.gb28181.charset import shown_charset
from cambus.gb28181.errors import ProtocolError
from cambus.gb28181.line import PlatformLine
from cambus.gb28181.manscdp.alarms import AlarmAnswer, is_alarm
from cambus.gb28181.manscdp.envelope import CONTENT_TYPES, Envelope, Root
from cambus.gb28181.manscdp.presence import Keepalive
from cambus.gb28181.platform_settings import PlatformSettings
from cambus.gb28181.proofs import PlatformProofs
from cambus.gb28181.registrar import (
    Bound,
    Denied,
    DuplicateCode,
    Knocked,
    Offline,
    OfflineReason,
    Online,
    Registrar,
    Source,
)
from cambus.gb28181.remote_device import RemoteDevice
from cambus.gb28181.signing import phrase
from cambus.gb28181.sources import Sources
from cambus.gb28181.versions import Version
from cambus.gb28181.xml import parse
from cambus.sip.dialog import DialogKey, key_of_request
from cambus.sip.endpoint import Incoming, SipEndpoint
from cambus.sip.errors import ProtocolError as SipProtocolError
from cambus.sip.events import AckReceived, Cancelled, RequestReceived, TransactionFailed
from cambus.sip.message import Request, Response
from cambus.sip.nonces import NonceBook
from cambus.sip.peer import Peer
from cambus.sip.proof import proven
from cambus.sip.timers import Timers
from cambus.sip.transactions import ServerTransaction
from cambus.sip.uri import SipUri

logger = logging.getLogger(__name__)

LARGE_BODY_BYTES: Final = 256 * 1024
"""Larger bodies are read in a thread: ten thousand items take longer than a keepalive may wait."""
_TICK_S: Final = 1.0
_ANYBODY: Final = Peer("udp", "192.0.2.1", 5060)
"""Who stands for those we do not know yet (RFC 5737)."""
_MAX_LARGE: Final = 4


@dataclass(frozen=True, slots=True)
class Told:
    """A device has told something, on its own or because it was subscribed to.

    Attributes:
        device: its code.
        envelope: what it told.
        subscribed: whether by NOTIFY.
        taken: to be called with whether it is kept, where the device waits for that; None where it does not.
    """

    device: str
    envelope: Envelope
    subscribed: bool
    taken: Callable[[bool], None] | None = field(default=None, compare=False, repr=False)


PlatformEvent = Online | Offline | Bound | Knocked | Denied | DuplicateCode | Told

Handler = Callable[[RequestReceived], None]


class Gb28181Platform:
    """One platform.

    Args:
        settings: who we are, and how we behave.
        accounts: who may register.
        on_event: called with everything that happens, in order; must not block.
        timers: of SIP transactions.

    Attributes:
        endpoint: the sockets; for counts.
        registrar: who is registered; for counts.
        proofs: signs and judges the requests of devices that want it.
        counts: what was dropped or refused here, by reason.
    """

    def __init__(
        self,
        settings: PlatformSettings,
        accounts: Accounts,
        on_event: Callable[[PlatformEvent], None],
        *,
        timers: Timers | None = None,
    ) -> None:
        self.settings = settings
        self.counts: Counter[str] = Counter()
        self._on_event = on_event
        nonces = NonceBook(settings.nonce_key or secrets.token_bytes(32))
        self.registrar = Registrar(settings.registrar, accounts, nonces)
        self._sources = Sources()
        self.admission = Admission(settings.admission, self._sources.__contains__, self._now, self.counts)
        self._dialogs: dict[DialogKey, tuple[str, Handler]] = {}
        self.proofs = PlatformProofs(
            accounts, self.registrar.binding, self._dialogs, self._sources.only_one_at, self.registrar.counts
        )
        self.endpoint = SipEndpoint(
            self._incoming,
            host=settings.host,
            port=settings.port,
            advertised=(lambda _: settings.advertised) if settings.advertised else None,
            on_lost=self._connection_lost,
            timers=timers,
            limits=self.admission.limits,
            tls=settings.tls,
            prove=self._prove,
            sign=self.proofs.sign,
        )
        self._devices: dict[str, RemoteDevice] = {}
        self._charsets: dict[str, str] = {}
        self._faulty: set[str] = set()
        self._working: asyncio.Handle | None = None
        self._invited: Handler | None = None
        self._ticker: asyncio.Task[None] | None = None
        self._large: set[asyncio.Task[None]] = set()

    # --- life -------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def start(self, bindings: Iterable[Binding] = ()) -> None:
        """Listen. Raises TransportError of `cambus.sip`.

        Args:
            bindings: what was kept from before.
        """
        await self.endpoint.start()
        self.registrar.restore(bindings, self._now(), time.time())
        self._tell()
        self._ticker = asyncio.create_task(self._tick(), name="gb28181 registrar")

    async def close(self) -> None:
        """Stop listening; devices are left as they are."""
        if self._working is not None:
            self._working.cancel()
        tasks = [*self._large] + ([self._ticker] if self._ticker is not None else [])
        for task in tasks:
            task.cancel()
        try:
            await asyncio.gather(*tasks, return_exceptions=True)
            for device in self._devices.values():
                device.gone()
        finally:
            await self.endpoint.close()

    # --- what others use --------------------------------------------------------------------------------

    @property
    def port(self) -> int:
        """The port we listen on."""
        return self.endpoint.port

    @property
    def address(self) -> str:
        """Host and port as devices reach us."""
        return self.settings.advertised or self.endpoint.address_towards(_ANYBODY)

    def contact(self, peer: Peer | None) -> str:
        """Our Contact towards a peer."""
        address = self.address if peer is None else self.endpoint.address_towards(peer)
        return f"<sip:{self.settings.code}@{address}>"

    def device(self, code: str) -> RemoteDevice:
        """A device, whether it is there or not."""
        device = self._devices.get(code)
        if device is None:
            device = self._devices[code] = RemoteDevice(code, PlatformLine(self, code), self.settings.times)
        return device

    def forget(self, code: str) -> None:
        """The device is not ours any more."""
        self.registrar.remove(code)
        self._tell()
        self._devices.pop(code, None)
        self._charsets.pop(code, None)
        self._faulty.discard(code)

    def in_dialog(self, key: DialogKey, handler: Handler | None, *, device: str = "") -> None:
        """Have the requests of a dialog handled that come from where its device is (GB-270); None ends that."""
        if handler is None:
            self._dialogs.pop(key, None)
        else:
            self._dialogs[key] = (device, handler)

    def notified(self, event: RequestReceived, code: str) -> None:
        """A body of a device for sure, as in the dialog of a subscription. Raises ProtocolError: it is unreadable."""
        body = event.request.body
        if event.request.content_type not in CONTENT_TYPES or not body:
            self._answer(event.transaction, 415 if body else 200)
        elif len(body) > LARGE_BODY_BYTES:
            self._read_later(event, code)
        else:
            self._body(event, code, Envelope.parse(body, self._read_in(code, body)))

    def on_invite(self, handler: Handler | None) -> None:
        """Have the INVITEs of devices handled, which fetch the sound of a broadcast; others are refused."""
        self._invited = handler

    def compose(self, method: str, code: str, peer: Peer | None, *, sequence: int) -> Request:
        """A request outside a dialog, to a device or a channel (§2.1).

        Args:
            method: such as `MESSAGE`.
            code: of the device or channel.
            peer: where it goes, for its host in the URI; our domain where that is None.
            sequence: its CSeq number.
        """
        host = self.settings.domain if peer is None else SipUri("", peer.host, peer.port).address
        request = Request(method=method, uri=f"sip:{code}@{host}")
        us = f"sip:{self.settings.code}@{self.settings.domain}"
        request.headers.add("From", f"<{us}>;tag={secrets.token_hex(6)}")
        request.headers.add("To", f"<sip:{code}@{host}>")
        request.headers.add("Call-ID", secrets.token_hex(16))
        request.headers.add("CSeq", f"{sequence} {method}")
        if method in {"INVITE", "SUBSCRIBE"}:
            request.headers.add("Contact", self.contact(peer))
        request.headers.add("User-Agent", self.settings.user_agent)
        return request

    def charset_of(self, code: str) -> str:
        """What to write to a device in."""
        binding = self.registrar.binding(code)
        usual = (binding.version if binding is not None else Version.GB2016).charset
        wanted = binding.charset if binding is not None else None
        return wanted or self.settings.charset or usual

    def _read_in(self, code: str, body: bytes) -> str | None:
        """What a body is read in; None lets its bytes tell. What a device has once shown counts (GB-065)."""
        binding = self.registrar.binding(code)
        fixed = (binding.charset if binding is not None else None) or self.settings.charset
        if fixed is None and (shown := shown_charset(body)) is not None:
            known = self._charsets.setdefault(code, shown)
            return known if known == "GB18030" else None
        return fixed

    def _prove(self, request: Request, response: Response, peer: Peer) -> Request | None:
        """A request again, for a device that wants to know who asks (GB-026)."""
        code = self._sources.only_one_at(peer)
        login = self.registrar.login(code) if code is not None else None
        return proven(request, response, *login) if login is not None else None

    # --- requests of devices ----------------------------------------------------------------------------

    def _incoming(self, event: Incoming) -> None:
        if isinstance(event, RequestReceived):
            self.admission.backlog.put(event)
            if self._working is None:
                self._working = asyncio.get_running_loop().call_soon(self._work)
        elif isinstance(event, AckReceived | Cancelled | TransactionFailed):
            return  # sessions devices set up with us look at their own transactions

    def _work(self) -> None:
        """Deal with what waits, for a moment; then sockets get their turn, for something urgent may be there."""
        backlog, until = self.admission.backlog, self._now() + self.settings.admission.slice_s
        while (event := backlog.take()) is not None:
            if not event.transaction.answered:  # it may be cancelled meanwhile, or have waited too long
                self._deal_with(event)
            if self._now() >= until:
                break
        self._working = asyncio.get_running_loop().call_soon(self._work) if backlog else None

    def _deal_with(self, event: RequestReceived) -> None:
        try:
            self._request(event)
            self._tell()
        except (ProtocolError, SipProtocolError) as error:
            self.counts["malformed"] += 1
            logger.debug("malformed request", extra={"peer": str(event.peer), "reason": str(error)})
            self._answer_if_open(event.transaction, 400)
        except Exception:
            logger.exception("a request could not be dealt with")
            self._answer_if_open(event.transaction, 500)

    def _answer_if_open(self, transaction: ServerTransaction, status: int) -> None:
        if not transaction.answered:
            self._answer(transaction, status)

    def _request(self, event: RequestReceived) -> None:
        request = event.request
        method = request.method
        if method == "REGISTER":
            answer = self.registrar.register(request, event.peer, self._now(), time.time())
            self._answer(event.transaction, answer.status, answer.headers)
            return
        device, handler = self._dialogs.get(key_of_request(request), ("", None))
        if handler is not None and self._is_from(device, event.peer):
            if self._is_proven(event, device or self._sources.only_one_at(event.peer)):
                handler(event)
        elif method in {"MESSAGE", "NOTIFY"}:
            self._message(event)
        elif method == "INVITE":
            self._invite(event)
        else:
            self._answer(event.transaction, {"OPTIONS": 200, "SUBSCRIBE": 403}.get(method, 481))

    def _message(self, event: RequestReceived) -> None:
        """A body from a device; only what comes from where it is bound counts (GB-270, GB-271)."""
        request = event.request
        known = self._sender(SipUri.parse(request.from_.uri).user, event.peer)
        bound = self.proofs.bound_at(known, event.peer)
        if bound and not self._is_proven(event, known):
            return  # not even life
        source = self.registrar.source(known, event.peer, self._now(), time.time())
        if source is Source.BOUND or (
            self._has_moved(event, known, source) and (bound or self._is_proven(event, known))
        ):
            self.notified(event, known)

    def _is_proven(self, event: RequestReceived, code: str | None) -> bool:
        """Whether a request of a device is signed as agreed; if not, it has been refused (GB-277)."""
        objection = self.proofs.objection(event.request, code)
        if objection is not None:
            self._answer(event.transaction, 403, reason=phrase(objection))
        return objection is None

    def _has_moved(self, event: RequestReceived, code: str, source: Source) -> bool:
        """Whether a message from elsewhere has proved to be the device's; if not, it has got what it deserves."""
        if self.registrar.challenges(code):
            answer = self.registrar.challenge(event.request, code, event.peer, self._now(), time.time())
            if answer is None:
                return True
            self._answer(event.transaction, answer.status, answer.headers)
        elif source is Source.IGNORE:
            self.counts["ignored"] += 1
        else:
            self._answer(event.transaction, 481 if event.request.method == "NOTIFY" else 403)
        return False

    def _sender(self, code: str, peer: Peer) -> str:
        """The device behind a From: itself, or the only one at that source for a channel that speaks for itself."""
        if self.registrar.binding(code) is not None:
            return code
        return self._sources.only_one_at(peer) or code

    def _body(self, event: RequestReceived, code: str, envelope: Envelope) -> None:
        """Acknowledge a body, then deal with it; an alarm that has to be kept the other way round."""
        subscribed = event.request.method == "NOTIFY"
        if is_alarm(envelope):
            self._alarm(event, code, envelope, subscribed=subscribed)
            return
        self._answer(event.transaction, 200)
        device = self.device(code)
        if envelope.root is Root.RESPONSE and envelope.command.lower() != "alarm":
            if not device.answered(envelope):
                self.counts["stray-answer"] += 1
                self._on_event(Told(code, envelope, subscribed=False))  # a part that came late
            return
        if envelope.command.lower() == "keepalive":
            self.registrar.kept_alive(code, self._now())
            well = Keepalive.parse(envelope).well
            if not well or code in self._faulty:
                self._on_event(Told(code, envelope, subscribed))
            (self._faulty.discard if well else self._faulty.add)(code)
            return
        self._on_event(Told(code, envelope, subscribed))

    def _alarm(self, event: RequestReceived, code: str, envelope: Envelope, *, subscribed: bool) -> None:
        """Tell an alarm; a device that has sent it as a MESSAGE hears of that in one as well (GB-203)."""

        def taken(kept: bool) -> None:
            if event.transaction.answered:  # too late: the device has given up
                return
            self._answer(event.transaction, 200 if kept else 503, () if kept else [("Retry-After", "5")])
            if kept and not subscribed:
                self._acknowledge_alarm(self.device(code), envelope)

        if self.settings.keeps_alarms:
            self._on_event(Told(code, envelope, subscribed, taken))
        else:
            taken(True)
            self._on_event(Told(code, envelope, subscribed))

    def _acknowledge_alarm(self, device: RemoteDevice, envelope: Envelope) -> None:
        body = AlarmAnswer(ok=True).serialize(
            envelope.sn or 0, envelope.code, charset=self.charset_of(device.code)
        )
        task = asyncio.create_task(device.notify(body), name="gb28181 alarm answer")
        self._keep(task)

    def _read_later(self, event: RequestReceived, code: str) -> None:
        if len(self._large) >= _MAX_LARGE:
            self._answer(event.transaction, 503, [("Retry-After", "5")])
            return
        self._keep(asyncio.create_task(self._read_in_thread(event, code), name="gb28181 large body"))

    async def _read_in_thread(self, event: RequestReceived, code: str) -> None:
        try:
            charset = self._read_in(code, event.request.body)
            element = await asyncio.to_thread(parse, event.request.body, charset)
            self._body(event, code, Envelope.of(element))
        except ProtocolError as error:
            self.counts["malformed"] += 1
            logger.debug("malformed body", extra={"device": code, "reason": str(error)})
            self._answer_if_open(event.transaction, 400)

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._large.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._large.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.debug("a message was not delivered", extra={"reason": str(error)})

    def _invite(self, event: RequestReceived) -> None:
        if self._invited is not None:
            user = SipUri.parse(event.request.from_.uri).user
            if self._is_proven(event, self._sender(user, event.peer)):
                self._invited(event)
        else:
            self._answer(event.transaction, 403)

    def _answer(
        self,
        transaction: ServerTransaction,
        status: int,
        headers: Iterable[tuple[str, str]] = (),
        reason: str = "",
    ) -> None:
        headers = [*headers, ("User-Agent", self.settings.user_agent)]
        self.endpoint.respond(transaction, status, headers=headers, reason=reason)

    # --- who is there -----------------------------------------------------------------------------------

    def _is_from(self, device: str, peer: Peer) -> bool:
        """Whether a request comes from the address of the device whose dialog it names; any port and transport."""
        binding = self.registrar.binding(device) if device else None
        return not device or (binding is not None and binding.peer.host == peer.host)

    def _connection_lost(self, peer: Peer) -> None:
        self.registrar.connection_lost(peer, self._now())
        self._sources.gone(peer)

    def _tell(self) -> None:
        for event in self.registrar.events_received():
            if isinstance(event, Offline):
                device = self._devices.get(event.code)
                if device is not None:
                    device.gone()
                if event.reason is OfflineReason.MISSED:
                    self._hang_up(event.code)
                else:
                    self._sources.drop(event.code)
            elif isinstance(event, Online):
                self._charsets.pop(event.binding.code, None)  # its firmware may be another
                self._sources.put(event.binding.code, event.binding.peer)
            self._on_event(event)

    def _hang_up(self, code: str) -> None:
        """Close the connection of a device that is silent: it is open on our side only (GB-053)."""
        binding = self.registrar.binding(code)
        if binding is not None and binding.peer.transport != "udp":
            self.endpoint.disconnect(binding.peer)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(_TICK_S)
            self.registrar.tick(self._now(), time.time())
            self._tell()

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()
