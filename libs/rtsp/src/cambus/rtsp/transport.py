"""The `Transport` header (RFC 2326 §12.39): what a client offers, what the server answers."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum

from cambus.rtsp.errors import ProtocolError
from cambus.rtsp.status import Status

_PROFILES = {"RTP/AVP": "UDP", "RTP/AVP/UDP": "UDP", "RTP/AVP/TCP": "TCP"}
_MODES = {"PLAY": frozenset({"PLAY"}), "RECORD": frozenset({"RECORD", "RECEIVE"})}
"""Some publishers write `receive`, after the side the server is on."""
_MAX_OFFERS = 16
_FIRST_CLIENT_PORT = 1024  # what listens below is no player


class Lower(Enum):
    """The lower transport of the media."""

    TCP = "TCP"
    UDP = "UDP"


@dataclass(frozen=True, slots=True)
class Transport:
    """One transport of one track, RTP/AVP and unicast always.

    Attributes:
        lower: interleaved in the RTSP connection, or UDP.
        channels: RTP and RTCP channel of the interleaved connection; None leaves the choice to the server.
        client_ports: RTP and RTCP port of the client (UDP).
        server_ports: RTP and RTCP port of the server (UDP); only in answers.
        source: address the packets come from, where it is not the one of the connection (UDP); only in answers.
        ssrc: synchronisation source of the RTP packets; only in answers.
    """

    lower: Lower
    channels: tuple[int, int] | None = None
    client_ports: tuple[int, int] | None = None
    server_ports: tuple[int, int] | None = None
    source: str | None = None
    ssrc: int | None = None

    def serialize(self) -> str:
        """The header's value."""
        parts = ["RTP/AVP/TCP" if self.lower is Lower.TCP else "RTP/AVP", "unicast"]
        if self.source is not None:
            parts.append(f"source={self.source}")
        pairs = (
            ("interleaved", self.channels),
            ("client_port", self.client_ports),
            ("server_port", self.server_ports),
        )
        parts += [f"{name}={pair[0]}-{pair[1]}" for name, pair in pairs if pair is not None]
        if self.ssrc is not None:
            parts.append(f"ssrc={self.ssrc:08X}")
        return ";".join(parts)


def choose_transport(header: str, allowed: Collection[Lower], *, mode: str = "PLAY") -> Transport:
    """The first offer of a `Transport` header, in the client's order, that this server can serve.

    Multicast is passed over, and so are offers of another mode than `PLAY`, or `RECORD`.

    Raises:
        ProtocolError: status 461, none is usable; status 400, the header is empty or too long a list.
    """
    offers = [offer.strip() for offer in header.split(",") if offer.strip()]
    if not offers or len(offers) > _MAX_OFFERS:
        raise ProtocolError("the Transport header is empty or too long")
    for offer in offers:
        transport = _parse_offer(offer, mode)
        if transport is not None and transport.lower in allowed:
            return transport
    raise ProtocolError("no offered transport is supported", status=Status.UNSUPPORTED_TRANSPORT)


def _parse_offer(offer: str, wanted: str) -> Transport | None:
    """One offer, None where we cannot serve it."""
    profile, *parameters = [part.strip() for part in offer.split(";")]
    lower_name = _PROFILES.get(profile.upper())
    values = {name.strip().lower(): value for name, _, value in (item.partition("=") for item in parameters)}
    mode = values.get("mode", wanted).strip('" ').upper()
    if lower_name is None or "multicast" in values or mode not in _MODES[wanted]:
        return None
    lower = Lower(lower_name)
    if lower is Lower.UDP:
        ports = _pair(values.get("client_port", ""), maximum=0xFFFF)
        usable = ports is not None and min(ports) >= _FIRST_CLIENT_PORT
        return Transport(lower, client_ports=ports) if usable else None
    if "interleaved" not in values:
        return Transport(lower)
    channels = _pair(values["interleaved"], maximum=0xFF)
    return Transport(lower, channels=channels) if channels is not None else None


def _pair(text: str, *, maximum: int) -> tuple[int, int] | None:
    """`4588-4589`, or `4588` alone for the pair that begins there; None if it is no such thing."""
    first_text, dash, second_text = text.partition("-")
    numbers = [first_text.strip(), second_text.strip()] if dash else [first_text.strip()]
    if not all(number.isascii() and number.isdigit() and len(number) <= 5 for number in numbers):
        return None
    first, second = int(numbers[0]), int(numbers[-1]) if dash else int(numbers[0]) + 1
    return (first, second) if first != second and max(first, second) <= maximum else None
