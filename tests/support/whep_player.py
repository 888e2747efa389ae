"""A WHEP player for tests, by aiortc's own peer connection."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError

SDP = {"Content-Type": "application/sdp"}


class Player:
    """A WHEP player: an offer that only receives, posted; frames decoded as they come."""

    def __init__(self, http: aiohttp.ClientSession, url: str) -> None:
        self.http = http
        self.url = url
        self.peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.tracks: dict[str, object] = {}
        self.peer.on("track", lambda track: self.tracks.__setitem__(track.kind, track))
        self.resource = ""
        self.etag = ""
        self.answer = ""

    async def offer(self, *, video: bool = True, audio: bool = True) -> str:
        for kind, wanted in (("video", video), ("audio", audio)):
            if wanted:
                self.peer.addTransceiver(kind, direction="recvonly")
        await self.peer.setLocalDescription(await self.peer.createOffer())
        return self.peer.localDescription.sdp

    async def play(self, **wanted: bool) -> None:
        offer = await self.offer(**wanted)
        async with self.http.post(self.url, data=offer, headers=SDP) as answer:
            assert answer.status == 201, await answer.text()
            assert answer.content_type == "application/sdp"
            self.resource = answer.headers["Location"]
            self.etag = answer.headers["ETag"]
            self.answer = await answer.text()
        await self.peer.setRemoteDescription(RTCSessionDescription(self.answer, "answer"))

    async def frames(self, kind: str, count: int) -> list:
        async with asyncio.timeout(60):
            return [await self.tracks[kind].recv() for _ in range(count)]

    async def ended(self, kind: str = "video") -> None:
        async with asyncio.timeout(60):
            try:
                while True:
                    await self.tracks[kind].recv()
            except MediaStreamError:
                return


@asynccontextmanager
async def playing(http: aiohttp.ClientSession, url: str) -> AsyncIterator[Player]:
    """A player that is closed in the end."""
    made = Player(http, url)
    try:
        yield made
    finally:
        await made.peer.close()


def sessions(relay):
    """The WebRTC sessions of a relay."""
    return relay.service.relay.webrtc._sessions
