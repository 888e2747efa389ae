"""The listener for devices that dial us: active registration, "DAS" (DVRIP §11).

One port takes main connections (their first message is a login) and data connections (a claim). Anything
else, and anybody who says nothing, is closed. What is accepted becomes a `RegisteredDevice`.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, cast

from cambus.dvrip.admission import Admission, AdmissionLimits, FlapDetector, SessionIds
from cambus.dvrip.codes import ReturnCode
from cambus.dvrip.connection import Connection
from cambus.dvrip.errors import ConnectionLost, ProtocolError
from cambus.dvrip.messages.registration import (
    CLAIM_IDS,
    LOGIN_REPLIES,
    RegistrationLogin,
    claim_key,
    registration_reply,
)
from cambus.dvrip.payload import decode_body, encode_body
from cambus.dvrip.profile import Profile
from cambus.dvrip.reassembly import Reassembler
from cambus.dvrip.registered import ExpectedClaim, RegisteredDevice
from cambus.dvrip.session import ClientSession
from cambus.dvrip.timeouts import Timeouts
from cambus.dvrip.values import format_session_id
from cambus.dvrip.wire import PRE_AUTH_LIMITS, REPLY_VERSION, SESSION_LIMITS, Packet, PacketReader, serialize

DEFAULT_PORT: Final = 9400
#: An identity is a number or a short word.
MAX_DEVICE_ID: Final = 128
#: All a guest may send before its first message is whole, parts and headers included.
MAX_GREETING_BYTES: Final = 128 * 1024

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RegistrationSettings:
    """How the listener behaves.

    Attributes:
        host: address to listen on.
        port: port to listen on; 0 for any free one.
        first_message_within_s: time for a login or a claim.
        claim_within_s: time between a Request and its claim.
        check_address: a claim has to come from the address of the main connection; off behind NAT.
        alive_interval_s: what devices are told.
        limits: caps on connections that have not proved anything.
        timeouts: those of the sessions.
    """

    host: str = "0.0.0.0"  # noqa: S104 - devices come from anywhere
    port: int = DEFAULT_PORT
    first_message_within_s: float = 10.0
    claim_within_s: float = 10.0
    check_address: bool = True
    alive_interval_s: int = 20
    limits: AdmissionLimits = field(default_factory=AdmissionLimits)
    timeouts: Timeouts = field(default_factory=Timeouts)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do with a login.

    Attributes:
        code: return code; 100 accepts.
        is_pending: accepted, but to be commanded only after approval.
        profile: deviations of the device.
        timeouts: of its session; those of the listener if None.
        check_address: its claims have to come from where it registered from; as the listener is set if None.
    """

    code: int
    is_pending: bool = False
    profile: Profile | None = None
    timeouts: Timeouts | None = None
    check_address: bool | None = None


Judge = Callable[[RegistrationLogin, str], Verdict]
DeviceHandler = Callable[[RegisteredDevice], None]


class RegistrationListener:
    """Listens, authenticates, and keeps the one main connection of each device.

    Args:
        settings: see there.
        judge: decides about a login, given it and the address it came from; must not block. Compare passwords
            with `RegistrationLogin.check_password`.
        on_device: called with each device that is online now; must not block. A device that replaces an older
            connection is told first, the older one's `wait_closed` ends.
        on_flapping: called with a device id that is taken over again and again.
        make_device: makes the device of a login, with the arguments of `RegisteredDevice`.

    Attributes:
        devices: those online, by device id.
        counters: ``logins``, ``logins_refused``, ``replaced``, ``claims``, ``claims_refused``, ``garbage``,
            ``silent``, ``callback_errors``; those of `Admission` beside them.
    """

    def __init__(
        self,
        settings: RegistrationSettings,
        judge: Judge,
        on_device: DeviceHandler,
        on_flapping: Callable[[str], None] | None = None,
        *,
        make_device: Callable[..., RegisteredDevice] = RegisteredDevice,
    ) -> None:
        self.settings = settings
        self.devices: dict[str, RegisteredDevice] = {}
        self.counters: Counter[str] = Counter()
        self.admission = Admission(settings.limits)
        self._judge = judge
        self._on_device = on_device
        self._on_flapping = on_flapping
        self._make_device = make_device
        self._session_ids = SessionIds()
        self._flaps = FlapDetector()
        self._expected: list[ExpectedClaim] = []
        self._by_session: dict[int, RegisteredDevice] = {}
        self._guests: set[_Guest] = set()
        self._server: asyncio.Server | None = None
        self._is_listening = False

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: the address is taken.
        """
        loop = asyncio.get_running_loop()
        self._is_listening = True
        self._server = await loop.create_server(
            lambda: _Guest(self), self.settings.host, self.settings.port, backlog=1024
        )

    @property
    def port(self) -> int:
        """The port it listens on."""
        if self._server is None or not self._server.sockets:
            raise ConnectionLost("the listener is not running")
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    def stop_listening(self) -> None:
        """Take no more connections; devices that are online stay."""
        self._is_listening = False
        if self._server is not None:
            self._server.close()
        for guest in list(self._guests):
            guest.drop()

    async def close(self) -> None:
        """Stop listening and close everything."""
        self.stop_listening()
        await asyncio.gather(*(device.close() for device in list(self.devices.values())))
        if self._server is not None:
            await self._server.wait_closed()

    # for guests

    def enter(self, guest: "_Guest") -> bool:
        """Whether a new connection may speak."""
        if not self._is_listening:  # it was accepted just before
            return False
        if not self.admission.admit(guest.address, guest.loop.time()):
            return False
        self._guests.add(guest)
        return True

    def leave(self, guest: "_Guest") -> None:
        """A connection is gone, or is no guest any more."""
        if guest in self._guests:
            self._guests.remove(guest)
            self.admission.left(guest.address)

    def first_message(self, guest: "_Guest", packet: Packet, more: list[Packet]) -> None:
        """Take a guest by its first message."""
        message_id = packet.header.message_id
        try:
            if message_id in LOGIN_REPLIES:
                self._log_in(guest, packet, more)
                return
            if message_id in CLAIM_IDS:
                self._claim(guest, packet, more)
                return
        except ProtocolError:
            pass
        self.counters["garbage"] += 1
        guest.drop()

    def _log_in(self, guest: "_Guest", packet: Packet, more: list[Packet]) -> None:
        login = RegistrationLogin.parse(decode_body(packet.payload))
        now = guest.loop.time()
        verdict = self._judge_login(login, guest.address)
        reply = LOGIN_REPLIES[packet.header.message_id]
        if verdict.code != ReturnCode.OK:
            self.counters["logins_refused"] += 1
            self.admission.failed(guest.address, now)
            guest.answer(packet, reply, registration_reply(verdict.code, 0, 0))
            guest.drop()
            return
        self.counters["logins"] += 1
        self.admission.succeeded(guest.address)
        self._replace(login.device_id, now)
        session_id = self._session_ids.allocate(now)
        body = registration_reply(ReturnCode.OK, session_id, self.settings.alive_interval_s)
        guest.answer(packet, reply, body, session_id)
        timeouts = verdict.timeouts or self.settings.timeouts
        check_address = (
            self.settings.check_address if verdict.check_address is None else verdict.check_address
        )
        device = self._make_device(
            login,
            guest.address,
            expect=self._expected.append,
            forget=self._forget_claim,
            claim_within_s=self.settings.claim_within_s,
            check_address=check_address,
            is_pending=verdict.is_pending,
            profile=verdict.profile,
            timeouts=timeouts,
        )
        session = ClientSession(verdict.profile, timeouts, reader=guest.reader)
        session.adopt(session_id, now)
        control = Connection(session)
        device.begin(control)
        self.devices[login.device_id] = self._by_session[session_id] = device
        control.closed.add_done_callback(lambda _: self._forget(device, session_id))
        guest.become(control, more)
        self._announce(device)

    def _judge_login(self, login: RegistrationLogin, address: str) -> Verdict:
        if not 0 < len(login.device_id) <= MAX_DEVICE_ID:
            return Verdict(ReturnCode.BAD_INPUT)
        try:
            return self._judge(login, address)
        except Exception:  # noqa: BLE001 - whatever is wrong with the judge, the listener lives
            self.counters["callback_errors"] += 1
            _log.exception("judging the login of a device failed")
            return Verdict(ReturnCode.UNKNOWN_ERROR)

    def _announce(self, device: RegisteredDevice) -> None:
        try:
            self._on_device(device)
        except Exception:  # noqa: BLE001 - a consumer's fault must not end the device's connection
            self.counters["callback_errors"] += 1
            _log.exception("the consumer of registered devices raised")

    def _replace(self, device_id: str, now: float) -> None:
        old = self.devices.pop(device_id, None)
        if old is None:
            return
        self.counters["replaced"] += 1
        old.end("the device made a newer connection")
        if self._flaps.replaced(device_id, now) and self._on_flapping is not None:
            try:
                self._on_flapping(device_id)
            except Exception:  # noqa: BLE001 - a consumer's fault must not cost the device its login
                self.counters["callback_errors"] += 1
                _log.exception("the consumer of flapping devices raised")

    def _forget(self, device: RegisteredDevice, session_id: int) -> None:
        self._by_session.pop(session_id, None)
        self._session_ids.release(session_id, asyncio.get_running_loop().time())
        if self.devices.get(device.device_id) is device:
            del self.devices[device.device_id]

    def _claim(self, guest: "_Guest", packet: Packet, more: list[Packet]) -> None:
        header = packet.header
        expected = self._match(
            header.session_id, claim_key(header.message_id, decode_body(packet.payload)), guest
        )
        if expected is None:
            self.counters["claims_refused"] += 1
            refusal = {"Name": "", "Ret": ReturnCode.ILLEGAL_REQUEST}
            guest.answer(packet, header.message_id + 1, refusal, header.session_id)
            guest.drop()
            return
        self.counters["claims"] += 1
        self._expected.remove(expected)
        guest.answer(packet, header.message_id + 1, {"Name": "", "Ret": ReturnCode.OK}, header.session_id)
        device = self._by_session[expected.session_id]
        session = ClientSession(
            device.profile,
            device.timeouts,
            reader=guest.reader,
            hand_out=expected.kind.stray_replies | {expected.kind.claim},
        )
        session.attach(expected.session_id)
        data = Connection(session, on_media=expected.on_media, on_push=expected.on_push)
        expected.claimed.set_result(data)
        guest.become(data, more)

    def _match(self, session_id: int, key: tuple[int, int, str], guest: "_Guest") -> ExpectedClaim | None:
        now = guest.loop.time()
        for expected in self._expected:
            matches = (
                expected.session_id == session_id and expected.key == key and not expected.claimed.done()
            )
            if matches and now <= expected.deadline and expected.address in ("", guest.address):
                return expected
        return None

    def _forget_claim(self, expected: ExpectedClaim) -> None:
        if expected in self._expected:
            self._expected.remove(expected)


class _Guest(asyncio.Protocol):
    """A connection that has not said who it is."""

    def __init__(self, listener: RegistrationListener) -> None:
        self.loop = asyncio.get_running_loop()
        self.address = ""
        self.reader = PacketReader(PRE_AUTH_LIMITS)
        self._parts = Reassembler()
        self._listener = listener
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        self.address = str(peer[0]) if peer else ""
        if not self._listener.enter(self):
            self._transport.abort()
            return
        self._timer = self.loop.call_later(self._listener.settings.first_message_within_s, self._silent)

    def data_received(self, data: bytes) -> None:
        packets = self.reader.receive_data(data)
        try:
            for number, packet in enumerate(packets, 1):
                whole = self._parts.receive(packet, self.loop.time())
                if whole is not None:
                    self._listener.first_message(self, whole, packets[number:])
                    return
        except ProtocolError:
            self._garbage()
            return
        if self.reader.failure is not None or self.reader.bytes_received > MAX_GREETING_BYTES:
            self._garbage()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self._leave()

    def answer(self, packet: Packet, message_id: int, body: dict[str, object], session_id: int = 0) -> None:
        """Send the reply to the first message."""
        if self._transport is not None:
            payload = encode_body({**body, "SessionID": format_session_id(session_id)})
            sequence = packet.header.sequence
            self._transport.write(
                serialize(
                    message_id, payload, session_id=session_id, sequence=sequence, version=REPLY_VERSION
                )
            )

    def become(self, connection: Connection, packets: list[Packet]) -> None:
        """Hand the socket over."""
        transport, self._transport = self._transport, None
        self._leave()
        if transport is not None:
            self.reader.limits = SESSION_LIMITS
            connection.take_over(transport, packets)

    def drop(self) -> None:
        """Close, after what was answered has left."""
        if self._transport is not None:
            self._transport.close()

    def _garbage(self) -> None:
        self._listener.counters["garbage"] += 1
        self.drop()

    def _silent(self) -> None:
        self._listener.counters["silent"] += 1
        if self._transport is not None:
            self._transport.abort()

    def _leave(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._listener.leave(self)
