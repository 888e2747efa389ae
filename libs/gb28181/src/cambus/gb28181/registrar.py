"""Registration and presence of devices, without sockets (GB/T 28181-2022 §9.1, §9.6; GB-030 to GB-059).

Only a REGISTER that proves itself sets a binding down, moves it or takes it away; nothing else a device says does.
A first REGISTER costs nothing that is stored: the nonce it gets carries its own proof.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import Enum
from typing import Final

from cambus.gb28181.accounts import Account, Accounts, Enrolment
from cambus.gb28181.binding import Binding
from cambus.gb28181.codes import is_code
from cambus.gb28181.failures import FailureBook, Refusals
from cambus.gb28181.liveness import Heartbeat
from cambus.gb28181.values import write_time_ms
from cambus.gb28181.versions import HEADER as VERSION_HEADER
from cambus.gb28181.versions import Version
from cambus.sip.digest import Challenge, Credentials, secret_hash
from cambus.sip.errors import ProtocolError
from cambus.sip.fields import NameAddress, readable
from cambus.sip.message import Request
from cambus.sip.nonces import NonceBook, NonceState
from cambus.sip.peer import Peer
from cambus.sip.uri import SipUri

MIN_EXPIRES_S: Final = 60
MAX_EXPIRES_S: Final = 604_800
DEFAULT_EXPIRES_S: Final = 3600
REFUSALS: Final = 3
MOVES: Final = 3
MOVES_WINDOW_S: Final = 300.0


class OfflineReason(Enum):
    """Why a device is not there any more."""

    MISSED = "missed"
    EXPIRED = "expired"
    UNREGISTERED = "unregistered"
    CONNECTION_CLOSED = "connection-closed"
    SUPERSEDED = "superseded"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Online:
    """A device is there (again), or from somewhere else."""

    binding: Binding
    first: bool
    """Whether nothing was known of it before: False for a return, and for one that only moved."""
    moved: bool = False


@dataclass(frozen=True, slots=True)
class Bound:
    """What is to be kept of a device: a binding that is new, longer, moved (or None) gone."""

    code: str
    binding: Binding | None


@dataclass(frozen=True, slots=True)
class Offline:
    """A device is gone."""

    code: str
    reason: OfflineReason


@dataclass(frozen=True, slots=True)
class Knocked:
    """A device nobody configured has shown the common password, and waits for people to decide."""

    code: str
    peer: Peer
    user_agent: str


@dataclass(frozen=True, slots=True)
class DuplicateCode:
    """Two devices seem to use one code."""

    code: str
    peers: tuple[Peer, ...]


@dataclass(frozen=True, slots=True)
class Denied:
    """Something that calls itself a device was refused: `wrong-password`, `unknown` or `disabled`."""

    code: str
    peer: Peer
    reason: str
    user_agent: str


RegistrarEvent = Online | Bound | Offline | Knocked | DuplicateCode | Denied


@dataclass(frozen=True, slots=True)
class Answer:
    """What to answer."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()


class Source(Enum):
    """What a message that is no REGISTER is worth, by where it came from (§3.3)."""

    BOUND = "bound"
    REFUSE = "refuse"
    """403: most devices register anew then."""
    IGNORE = "ignore"
    """No answer: the others register anew after three of those."""


@dataclass(slots=True)
class _Device:
    """A device that is bound."""

    binding: Binding
    heartbeat: Heartbeat
    online: bool = True
    lost_at: float | None = None
    """When its connection went; it may come back within the grace."""
    moves: list[tuple[float, Peer]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class RegistrarSettings:
    """How a registrar behaves.

    Attributes:
        realm: of the challenges; usually the domain.
        enrolment: what becomes of devices nobody configured.
        common_password: theirs; empty admits none.
        server_code: ours.
        strict_server_code: refuse requests to another code than ours.
        connection_grace_s: how long a device may be without its TCP connection.
        redirect: where to send devices that have proved themselves, as a SIP URI; None takes them (GB-056).
    """

    realm: str
    server_code: str
    enrolment: Enrolment = Enrolment.DENY
    common_password: str = field(default="", repr=False)
    strict_server_code: bool = False
    connection_grace_s: float = 5.0
    redirect: str | None = None


class Registrar:
    """Knows who is registered, and who is there.

    Args:
        settings: how it behaves.
        accounts: who may register.
        nonces: makes and judges nonces.

    Attributes:
        counts: what was refused, by reason.
    """

    def __init__(self, settings: RegistrarSettings, accounts: Accounts, nonces: NonceBook) -> None:
        self.settings = settings
        self.counts: Counter[str] = Counter()
        self._accounts = accounts
        self._nonces = nonces
        self._failures = FailureBook()
        self._devices: dict[str, _Device] = {}
        self._refused = Refusals()
        self._events: list[RegistrarEvent] = []
        self._nobody = secrets.token_hex(16)

    # --- what is known ----------------------------------------------------------------------------------

    def binding(self, code: str) -> Binding | None:
        """Where a device is, as far as is known."""
        device = self._devices.get(code)
        return device.binding if device is not None else None

    def online(self, code: str) -> bool:
        """Whether a device is there."""
        device = self._devices.get(code)
        return device is not None and device.online

    def events_received(self) -> list[RegistrarEvent]:
        """What has happened since the last call."""
        events, self._events = self._events, []
        return events

    def restore(self, bindings: Iterable[Binding], now: float, wall: float) -> None:
        """Take over what was kept of devices on UDP: they answer as before, without registering (GB-055)."""
        for binding in bindings:
            if binding.expires_at > wall and binding.peer.transport == "udp":
                self._devices[binding.code] = _Device(binding, Heartbeat(now))
                self._events.append(Online(binding, first=False))

    def login(self, code: str) -> tuple[str, str] | None:
        """Name and password of a device, for one that wants them of us; None where there are none."""
        account = self._accounts.account(code)
        return (
            (account.username or code, account.password) if account is not None and account.password else None
        )

    # --- REGISTER ---------------------------------------------------------------------------------------

    def register(self, request: Request, peer: Peer, now: float, wall: float) -> Answer:
        """Judge a REGISTER.

        Args:
            request: the request.
            peer: where it came from.
            now: seconds of a clock that only rises.
            wall: seconds since 1970.
        """
        answer = self._register(request, peer, now, wall)
        version = request.headers.get(VERSION_HEADER)
        if version is None:
            return answer
        return replace(answer, headers=(*answer.headers, (VERSION_HEADER, Version.GB2022.value)))

    def _register(self, request: Request, peer: Peer, now: float, wall: float) -> Answer:
        code, agrees = _codes(request)
        barred = self._barred(request, code, peer, now, agrees=agrees)
        if barred is not None:
            return self._refuse(barred)
        account = self._account(code)
        if account.open_ and account.enabled:
            return self._accept(account, request, peer, now, wall)
        refused = self._prove(account, request, peer, now, wall)
        if refused is not None:
            return refused
        if not account.known and self.settings.enrolment is Enrolment.PENDING:
            self._events.append(Knocked(code, peer, _user_agent(request)))
            return self._refuse("pending")
        return self._accept(account, request, peer, now, wall)

    def _barred(self, request: Request, code: str, peer: Peer, now: float, *, agrees: bool) -> str | None:
        """Why a REGISTER is refused whatever it can prove; None if it is not."""
        if not is_code(code) or not agrees:
            return "malformed"
        if self.settings.strict_server_code and SipUri.parse(request.uri).user != self.settings.server_code:
            return "other-server"
        return "blocked" if self._failures.blocked(code, peer.host, now) else None

    def _prove(
        self, account: Account, request: Request, peer: Peer, now: float, wall: float
    ) -> Answer | None:
        """What to answer somebody who has not proved to be a device; None if it has."""
        code, header = account.code, request.headers.get("Authorization")
        given = Credentials.parse(header) if header is not None else None
        if given is None:
            return self._challenge(account, wall)
        state = self._nonces.check(given.nonce, code, wall)
        if state is NonceState.FOREIGN:
            self.counts["foreign-nonce"] += 1
            return self._challenge(account, wall)
        right = self._matches(account, given, request.method)
        if not right or not account.enabled:
            self._failures.failed(code, peer.host, now)
            reason = "unknown" if not account.known else "wrong-password" if account.enabled else "disabled"
            self._events.append(Denied(code, peer, reason, _user_agent(request)))
            return self._refuse(reason)
        if state is NonceState.STALE or not self._nonces.use(given.nonce, _count(given), wall):
            self.counts["stale-nonce"] += 1
            return self._challenge(account, wall, stale=True)
        self._failures.succeeded(code, peer.host)
        return None

    def _account(self, code: str) -> Account:
        """The account; for a device nobody knows one that takes as long to fail (GB-037)."""
        account = self._accounts.account(code)
        if account is not None:
            return account
        enrolled = self.settings.enrolment is not Enrolment.DENY and bool(self.settings.common_password)
        password = self.settings.common_password if enrolled else self._nobody
        return Account(code, password, known=False, enabled=enrolled)

    def _matches(self, account: Account, given: Credentials, method: str) -> bool:
        if given.algorithm is None or given.algorithm not in account.algorithms:
            return False
        secret = account.password or self._nobody
        ha1 = secret_hash(given.algorithm, given.username, given.realm, secret)
        named = given.username == (account.username or account.code) and given.realm == self.settings.realm
        return given.matches(ha1, method) and named

    def _challenge(self, account: Account, wall: float, *, stale: bool = False) -> Answer:
        nonce = self._nonces.issue(account.code, wall)
        qop = () if account.no_qop else ("auth",)
        challenges = (
            Challenge(self.settings.realm, nonce, algorithm, qop, stale)
            for algorithm in account.algorithms
            if algorithm.available
        )
        return Answer(401, tuple(("WWW-Authenticate", str(each)) for each in challenges))

    def _refuse(self, reason: str) -> Answer:
        self.counts[reason] += 1
        return Answer(403)

    # --- bindings ---------------------------------------------------------------------------------------

    def _accept(self, account: Account, request: Request, peer: Peer, now: float, wall: float) -> Answer:
        code = account.code
        headers: list[tuple[str, str]] = []
        if account.date_header:
            headers.append(("Date", write_time_ms(datetime.fromtimestamp(wall, UTC))))
        contact = request.headers.get("Contact") or ""
        if self.settings.redirect is not None:
            expires = str(_expires(request) or DEFAULT_EXPIRES_S)
            return Answer(302, (*headers, ("Contact", f"<{self.settings.redirect}>"), ("Expires", expires)))
        wanted = _expires(request)
        if wanted == 0:
            self._leave(code, OfflineReason.UNREGISTERED)
            return Answer(200, (*headers, ("Expires", "0")))
        granted = max(MIN_EXPIRES_S, min(DEFAULT_EXPIRES_S if wanted is None else wanted, MAX_EXPIRES_S))
        self._bind(account, request, peer, now, wall, granted)
        headers.append(("Expires", str(granted)))
        if contact:
            headers.append(("Contact", contact))
        return Answer(200, tuple(headers))

    def _bind(
        self, account: Account, request: Request, peer: Peer, now: float, wall: float, granted: int
    ) -> None:
        code = account.code
        device = self._devices.get(code)
        binding = Binding(
            code,
            peer,
            readable(request.headers.get("Contact") or ""),
            wall + granted,
            device.binding.registered_at if device is not None and device.online else wall,
            request.call_id,
            _user_agent(request),
            account.version or Version.announced(request.headers.get(VERSION_HEADER)),
            account.charset,
        )
        self._refused.forget(code)
        self._events.append(Bound(code, binding))
        if device is None:
            self._devices[code] = _Device(binding, Heartbeat(now))
            self._events.append(Online(binding, first=True))
            return
        moved = not device.binding.is_source(peer)
        if moved and device.online:
            self._moved(device, now)
        returned = not device.online
        device.binding, device.online, device.lost_at = binding, True, None
        device.heartbeat.heard(now)
        if returned or moved:
            self._events.append(Online(binding, first=False, moved=moved and not returned))

    def _moved(self, device: _Device, now: float) -> None:
        """Between two addresses to and fro: two devices with one code (GB-059)."""
        device.moves = [each for each in device.moves if now - each[0] < MOVES_WINDOW_S]
        device.moves.append((now, device.binding.peer))
        if len(device.moves) > MOVES:
            peers = tuple(dict.fromkeys(peer for _, peer in device.moves))
            self._events.append(DuplicateCode(device.binding.code, peers))
            device.moves = []

    def remove(self, code: str) -> None:
        """The device may not be here any more: its record is gone, or it is another replica's."""
        self._leave(code, OfflineReason.REMOVED)

    def _leave(self, code: str, reason: OfflineReason) -> None:
        device = self._devices.pop(code, None)
        if device is not None:
            self._events.append(Bound(code, None))
            if device.online:
                self._events.append(Offline(code, reason))

    # --- everything else it says ------------------------------------------------------------------------

    def source(self, code: str, peer: Peer, now: float, wall: float) -> Source:
        """What a request is worth that claims to be from a device; one that is bound counts as life."""
        device = self._devices.get(code)
        if device is not None and device.binding.is_source(peer) and device.binding.expires_at > wall:
            device.heartbeat.heard(now)
            return Source.BOUND
        self.counts["unbound"] += 1
        return Source.REFUSE if self._refused.add(code, peer) <= REFUSALS else Source.IGNORE

    def challenges(self, code: str) -> bool:
        """Whether messages of a device from elsewhere are challenged instead of refused."""
        account = self._accounts.account(code)
        return account is not None and account.challenge_strangers and code in self._devices

    def challenge(self, request: Request, code: str, peer: Peer, now: float, wall: float) -> Answer | None:
        """Judge a request of a device from elsewhere, where `challenges`; None if it has moved there (GB-057)."""
        device = self._devices[code]
        if device.binding.expires_at <= wall or self._failures.blocked(code, peer.host, now):
            return self._refuse("blocked")
        refused = self._prove(self._account(code), request, peer, now, wall)
        if refused is not None:
            return refused
        self._move(device, peer, now)
        return None

    def _move(self, device: _Device, peer: Peer, now: float) -> None:
        returned = not device.online
        if not returned:
            self._moved(device, now)
        device.binding, device.online, device.lost_at = replace(device.binding, peer=peer), True, None
        device.heartbeat.heard(now)
        self._refused.forget(device.binding.code)
        self._events.append(Bound(device.binding.code, device.binding))
        self._events.append(Online(device.binding, first=False, moved=not returned))

    def kept_alive(self, code: str, now: float) -> None:
        """A keepalive from the bound source: life, and for one that was missed its return (GB-049)."""
        device = self._devices.get(code)
        if device is None:
            return
        device.heartbeat.kept_alive(now)
        if not device.online:
            device.online = True
            self._events.append(Online(device.binding, first=False))

    def configure(self, code: str, interval_s: float | None, count: int | None) -> None:
        """The device's own settings of its keepalive."""
        device = self._devices.get(code)
        if device is not None:
            device.heartbeat.configure(interval_s, count)

    def connection_lost(self, peer: Peer, now: float) -> list[str]:
        """A TCP connection went: its devices have a little time to come back. Returns their codes."""
        found = [
            code for code, device in self._devices.items() if device.binding.peer == peer and device.online
        ]
        for code in found:
            self._devices[code].lost_at = now
        return found

    # --- time -------------------------------------------------------------------------------------------

    def tick(self, now: float, wall: float) -> None:
        """Let time pass; to be called about once a second."""
        for code, device in list(self._devices.items()):
            if device.binding.expires_at <= wall:
                self._leave(code, OfflineReason.EXPIRED)
            elif device.lost_at is not None and now - device.lost_at >= self.settings.connection_grace_s:
                self._leave(code, OfflineReason.CONNECTION_CLOSED)
            elif device.online and now >= device.heartbeat.gone_at:
                device.online = False
                self._events.append(Offline(code, OfflineReason.MISSED))


def _codes(request: Request) -> tuple[str, bool]:
    """The device of a REGISTER, and whether From and To agree on it."""
    try:
        to = SipUri.parse(NameAddress.parse(request.headers.get("To") or "").uri).user
        from_ = SipUri.parse(NameAddress.parse(request.headers.get("From") or "").uri).user
    except ProtocolError:
        return "", False
    return to, to == from_


def _expires(request: Request) -> int | None:
    """Seconds wanted; the parameter of the Contact counts before the header (GB-041)."""
    contact = request.headers.get("Contact")
    texts = [NameAddress.parse(contact).parameters.get("expires")] if contact else []
    texts.append(request.headers.get("Expires"))
    for text in texts:
        if text is not None and text.isascii() and text.strip().isdigit():
            return min(int(text.strip()[:10]), 2**31)
    return None


def _count(given: Credentials) -> int | None:
    """The count of a nonce, None for the form that has none; one that is no number was used up long ago."""
    if not given.qop:
        return None
    try:
        return int(given.nc, 16)
    except ValueError:
        return 0


def _user_agent(request: Request) -> str:
    return readable(request.headers.get("User-Agent") or "")[:200]
