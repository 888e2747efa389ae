"""Streams of an RTSP server, over asyncio: `describe` says what there is, `open_pull` has it sent.

Nothing here is tried again: who owns a stream decides when. Waits are bounded in time, what is held in size.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from cambus.rtsp.client_errors import (
    MalformedAnswer,
    Redirected,
    Refused,
    TransportRefused,
)
from cambus.rtsp.client_link import Link
from cambus.rtsp.client_url import Source, parse_source
from cambus.rtsp.description import Description, Track
from cambus.rtsp.login import Login
from cambus.rtsp.pull import Pull
from cambus.rtsp.pull_session import Described, PullSession, Started
from cambus.rtsp.transport import Lower, Transport
from cambus.rtsp.udp_ports import UdpPorts

MOST_REDIRECTS: Final = 3

Wanted = Literal["tcp", "udp", "auto"]


@dataclass(frozen=True, slots=True)
class PullSettings:
    """How a server is dealt with.

    Attributes:
        transport: how media comes; `auto`: over TCP, and over UDP where the server refuses that.
        audio: whether sound is wanted.
        connect_timeout_s: for a connection.
        request_timeout_s: for an answer.
        stall_s: without a picture for so long a stream has ended.
        fingerprint: SHA-256 of the certificate that is believed, 64 hexadecimal digits; None: those the system trusts.
    """

    transport: Wanted = "tcp"
    audio: bool = True
    connect_timeout_s: float = 5.0
    request_timeout_s: float = 10.0
    stall_s: float = 10.0
    fingerprint: str | None = None


NewLogin = Callable[[], Login | None]
"""Makes the account of one connection."""


def now_us() -> int:
    """The wall clock, microseconds since 1970 UTC."""
    return time.time_ns() // 1000


async def describe(source: Source, login: NewLogin, settings: PullSettings) -> Description:
    """Ask a server what there is. Raises ClientError."""
    link, description = await _described(source, login, settings)
    await link.close()
    return description


async def open_pull(
    source: Source, login: NewLogin, settings: PullSettings, *, clock_us: Callable[[], int] = now_us
) -> Pull:
    """Have a server send the first track of pictures, and of sound where that is wanted; returns once it plays.

    Args:
        source: the stream.
        login: makes the account of each connection.
        settings: how the server is dealt with.
        clock_us: what arrivals are stamped with.

    Raises:
        ClientError: there is nothing that can be taken apart, or the server does not send it.
    """
    udp = settings.transport == "udp" and not source.tls  # packets of UDP would go in clear
    first = Lower.UDP if udp else Lower.TCP
    try:
        return await _opened(source, login, settings, first, clock_us)
    except TransportRefused:
        if settings.transport != "auto" or source.tls:
            raise
        return await _opened(source, login, settings, Lower.UDP, clock_us)


async def _opened(
    source: Source, login: NewLogin, settings: PullSettings, lower: Lower, clock_us: Callable[[], int]
) -> Pull:
    link, description = await _described(source, login, settings)
    async with contextlib.AsyncExitStack() as undo:
        undo.push_async_callback(link.close)
        tracks = _chosen(description, audio=settings.audio)
        ports: dict[int, UdpPorts] = {}
        offers: list[tuple[Track, Transport]] = []
        for index, track in enumerate(tracks):
            if lower is Lower.UDP:
                pair = await UdpPorts.open(link.local_host, link.peer_host)
                undo.callback(pair.close)
                ports[track.number] = pair
                offers.append((track, Transport(lower, client_ports=pair.numbers)))
            else:
                offers.append((track, Transport(lower, channels=(2 * index, 2 * index + 1))))
        link.session.set_up(offers, link.now())
        await link.until(Started)
        pull = Pull(link, description, tracks, ports, stall_s=settings.stall_s, clock_us=clock_us)
        undo.pop_all()
        return pull


async def _described(source: Source, login: NewLogin, settings: PullSettings) -> tuple[Link, Description]:
    """A connection on which the server has said what there is; a redirection within the host is followed."""
    for _ in range(MOST_REDIRECTS + 1):
        session = PullSession(source.url, login(), timeout_s=settings.request_timeout_s)
        link = await Link.open(
            source, session, timeout_s=settings.connect_timeout_s, fingerprint=settings.fingerprint
        )
        try:
            session.begin(link.now())
            described = await link.until(Described)
            return link, described.description
        except Redirected as error:
            source = _followed(source, error)
            await link.close()
        except BaseException:
            await link.close()
            raise
    raise Refused(302, "the server redirects again and again")


def _followed(source: Source, error: Redirected) -> Source:
    """Where a redirection leads: never to another host, for a camera is not to choose whom we call."""
    try:
        target = parse_source(error.location)
    except ValueError:
        raise MalformedAnswer("the server redirects to what is no address") from None
    if target.host != source.host:
        raise Refused(302, "the server redirects to another host; that is not followed")
    if source.tls and not target.tls:
        raise Refused(302, "the server redirects out of TLS; that is not followed")
    return target


def _chosen(description: Description, *, audio: bool) -> list[Track]:
    tracks = [description.video, description.audio if audio else None]
    chosen = [track for track in tracks if track is not None]
    if not chosen or description.video is None:
        names = ", ".join(sorted({each.encoding or each.kind for each in description.tracks}))
        raise Refused(415, f"no pictures that can be taken apart; there is {names or 'nothing'}")
    return chosen
