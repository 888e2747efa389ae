"""How media is to come, and how the server says that it does: `Transport` as a client reads it (RFC 2326 §12.39)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from cambus.rtsp.client_errors import MalformedAnswer
from cambus.rtsp.transport import Lower, Transport

_PAIR: Final = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?")


@dataclass(frozen=True, slots=True)
class Agreed:
    """What a server has agreed to for one track.

    Attributes:
        lower: interleaved in the RTSP connection, or UDP.
        channels: of RTP and RTCP in the connection.
        server_ports: where RTP and RTCP of UDP come from; None where it does not say.
    """

    lower: Lower
    channels: tuple[int, int] | None = None
    server_ports: tuple[int, int] | None = None


def offer_of(offer: Transport) -> str:
    """The `Transport` header of SETUP."""
    return offer.serialize()


def read_agreed(header: str, offer: Transport) -> Agreed:
    """Read the `Transport` header of the answer to SETUP; what it does not say is as it was offered.

    Raises:
        MalformedAnswer: it names another transport than was offered, or no usable channels.
    """
    first = header.split(",", maxsplit=1)[0]
    profile, *parameters = [part.strip() for part in first.split(";")]
    values = {
        name.strip().lower(): value.strip() for name, _, value in (part.partition("=") for part in parameters)
    }
    tcp = "TCP" in profile.upper() or "interleaved" in values
    if header.strip() and tcp is not (offer.lower is Lower.TCP):
        raise MalformedAnswer("the server has set up another transport than it was asked for")
    if offer.lower is Lower.UDP:
        return Agreed(Lower.UDP, server_ports=_pair(values.get("server_port", ""), 0xFFFF))
    channels = _pair(values["interleaved"], 0xFF) if "interleaved" in values else offer.channels
    if channels is None:
        raise MalformedAnswer("the server names no channels that can be")
    return Agreed(Lower.TCP, channels=channels)


def _pair(text: str, most: int) -> tuple[int, int] | None:
    found = _PAIR.fullmatch(text)
    if found is None:
        return None
    first = int(found[1])
    second = int(found[2]) if found[2] else first + 1
    return (first, second) if first != second and max(first, second) <= most else None
