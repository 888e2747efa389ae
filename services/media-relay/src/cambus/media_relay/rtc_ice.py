"""The relay's side of ICE (RFC 8445): reached at addresses that are known beforehand, through one UDP port.

A viewer's own addresses are used only where a STUN or TURN server is configured, which is where the relay can
not be reached before it has sent something itself. Otherwise it answers checks and sends nothing to an
address only because a viewer named it; names of `.local` are never looked up.
"""

import asyncio
import copy
import ipaddress
import secrets
import string
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import aioice
from aioice.candidate import candidate_foundation, candidate_priority
from aioice.ice import StunProtocol, server_reflexive_candidate
from aiortc import RTCIceGatherer

from cambus.media_relay.rtc_offer import Candidate
from cambus.media_relay.rtc_udp import UdpPath, UdpPorts

_USERNAME_CHARS: Final = string.ascii_letters + string.digits
_USERNAME_LENGTH: Final = 12
_PASSWORD_LENGTH: Final = 32
_KINDS: Final = frozenset({"host", "srflx", "relay"})


@dataclass(frozen=True, slots=True)
class IceServers:
    """What helps where the relay can not be reached directly.

    Attributes:
        stun: host and port of a STUN server.
        turn: host and port of a TURN server.
        turn_transport: `udp` or `tcp`.
        username, password: of the TURN server.
    """

    stun: tuple[str, int] | None = None
    turn: tuple[str, int] | None = None
    turn_transport: str = "udp"
    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)

    def __bool__(self) -> bool:
        return self.stun is not None or self.turn is not None


class RelayIce(aioice.Connection):
    """ICE of one session, over the sockets all sessions share."""

    def __init__(self, ports: UdpPorts, servers: IceServers) -> None:
        super().__init__(
            ice_controlling=False,
            stun_server=servers.stun,
            turn_server=servers.turn,
            turn_username=servers.username or None,
            turn_password=servers.password or None,
            turn_transport=servers.turn_transport,
            local_username=_random(_USERNAME_LENGTH),
            local_password=_random(_PASSWORD_LENGTH),
        )
        self._ports = ports
        self._uses_remote = bool(servers)

    async def get_component_candidates(
        self, component: int, addresses: list[str], timeout: int = 5
    ) -> list[aioice.Candidate]:
        """One candidate for each shared socket, and what the servers make possible within the time-out."""
        del addresses  # of all the machine's interfaces; ours are those that were bound
        protocols = [self._open(component, index) for index in range(len(self._ports.sockets))]
        candidates = [each.local_candidate for each in protocols]
        reflexive, relayed = await asyncio.gather(
            self._reflexive(protocols, timeout),
            super().get_component_candidates(component, [], timeout),
        )
        return [*candidates, *reflexive, *relayed]

    async def offer_candidates(self, candidates: Iterable[Candidate]) -> None:
        """Take the viewer's addresses, if they are used at all."""
        for each in candidates if self._uses_remote else ():
            if is_reachable(each):
                remote = aioice.Candidate(
                    each.foundation,
                    each.component,
                    each.protocol,
                    each.priority,
                    each.host,
                    each.port,
                    each.kind,
                )
                await self.add_remote_candidate(remote)

    def send_run(self, run: Sequence[bytes]) -> None:
        """Send packets of media, all but the last of one size, on the pair in use.

        Raises OSError; BlockingIOError when it may be tried again.
        """
        pair = self._nominated.get(1)
        if pair is None:
            raise ConnectionError("there is no way to the viewer")
        path = pair.protocol.transport
        if isinstance(path, UdpPath):
            path.send_run(run, pair.remote_addr)
            return
        for datagram in run:
            path.sendto(datagram, pair.remote_addr)

    def _open(self, component: int, index: int) -> StunProtocol:
        socket = self._ports.sockets[index]
        protocol = StunProtocol(self)
        host, port = socket.address
        protocol.local_candidate = aioice.Candidate(
            foundation=candidate_foundation("host", "udp", host),
            component=component,
            transport="udp",
            priority=candidate_priority(component, "host", 65535 - index),
            host=host,
            port=port,
            type="host",
        )
        socket.open(self.local_username, protocol)
        self._protocols.append(protocol)
        return protocol

    async def _reflexive(self, protocols: Sequence[StunProtocol], timeout_s: float) -> list[aioice.Candidate]:
        if self.stun_server is None:
            return []
        asked = [
            asyncio.wait_for(server_reflexive_candidate(each, self.stun_server), timeout_s)
            for each in protocols
            if ":" not in each.local_candidate.host
        ]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        return [each[0] for each in answers if not isinstance(each, BaseException)]


class Gatherer(RTCIceGatherer):
    """Hands aiortc a connection made elsewhere."""

    def __init__(self, connection: RelayIce) -> None:
        super().__init__(iceServers=[])
        self._connection = connection


def candidate_lines(candidates: Iterable[aioice.Candidate], advertised: Sequence[str] = ()) -> list[str]:
    """The values of the answer's `a=candidate` lines.

    Args:
        candidates: as gathered.
        advertised: the addresses the relay's own sockets are reached at from outside, where these differ.
    """
    lines: list[str] = []
    for candidate in candidates:
        hosts = advertised if candidate.type == "host" and advertised else [candidate.host]
        for host in hosts:
            shown = copy.copy(candidate)
            shown.host = host
            line = shown.to_sdp()
            if not any(_place(line) == _place(each) for each in lines):
                lines.append(line)
    return lines


def is_reachable(candidate: Candidate) -> bool:
    """Whether a viewer's address is one to send to: a literal of one host, of no service with a well-known port."""
    if candidate.component != 1 or candidate.kind not in _KINDS or candidate.port < 1024:
        return False
    try:
        address = ipaddress.ip_address(candidate.host)
    except ValueError:
        return False
    return not (address.is_multicast or address.is_unspecified or address.is_reserved)


def _place(line: str) -> list[str]:
    return line.split()[4:6]


def _random(length: int) -> str:
    return "".join(secrets.choice(_USERNAME_CHARS) for _ in range(length))
