"""N WebRTC viewers in one process: connect by WHEP, count what comes, decrypt and decode nothing.

    webrtc_viewers.py PORT N

Speaks like `viewers.py`: `ready` once everyone is being sent to, then the bytes received so far for each line read.
"""

import asyncio
import json
import os
import sys

import aiohttp
import rig
from aiortc import RTCConfiguration, RTCDtlsTransport, RTCPeerConnection, RTCSessionDescription


class Count:
    """Bytes of SRTP, and who has had any."""

    def __init__(self) -> None:
        self.bytes = 0
        self.heard: set[object] = set()
        self.all_heard = asyncio.Event()


async def watch(http: aiohttp.ClientSession, port: int) -> RTCPeerConnection:
    """A connected viewer."""
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    for kind in ("video", "audio"):
        peer.addTransceiver(kind, direction="recvonly")
    await peer.setLocalDescription(await peer.createOffer())
    url = f"http://127.0.0.1:{port}/whep/{rig.DEVICE}/0/main"
    headers = {"Content-Type": "application/sdp"}
    async with http.post(url, data=peer.localDescription.sdp, headers=headers) as answer:
        await peer.setRemoteDescription(RTCSessionDescription(await answer.text(), "answer"))
    return peer


async def main() -> None:
    """Connect, count, answer."""
    port, wanted = int(sys.argv[1]), int(sys.argv[2])
    os.sched_setaffinity(0, rig.ELSEWHERE)
    count = Count()
    receive = RTCDtlsTransport._recv_next

    async def counted(transport: RTCDtlsTransport) -> None:
        if transport.state != "connected":
            await receive(transport)
            return
        datagram = await transport.transport._recv()
        count.bytes += len(datagram)
        count.heard.add(transport)
        if len(count.heard) == wanted:
            count.all_heard.set()

    RTCDtlsTransport._recv_next = counted
    loop = asyncio.get_running_loop()
    async with aiohttp.ClientSession() as http:
        peers = [await watch(http, port) for _ in range(wanted)]
        await count.all_heard.wait()
        print("ready", flush=True)
        while await loop.run_in_executor(None, sys.stdin.readline):
            print(json.dumps({"bytes": count.bytes, "latencies_ms": []}), flush=True)
        await asyncio.gather(*(peer.close() for peer in peers))


if __name__ == "__main__":
    asyncio.run(main())
