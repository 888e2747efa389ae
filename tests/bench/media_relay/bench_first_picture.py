"""Time to first picture: from connecting to having all of the first keyframe, on a stream that runs already.

The group of pictures under way is sent at once, so the wait does not depend on the camera. Three interleaved runs.
"""

import asyncio
import json
import socket
import time

import rig
import viewers

RUNS = 3
VIEWERS_PER_RUN = 60
TRY_S = 20.0


def first_picture_ms(output: str, port: int) -> float:
    """One viewer: connect, ask, read until the whole keyframe is there."""
    started = time.monotonic()
    kept: list[socket.socket] = []
    peer = viewers.connect(output, port, kept)
    peer.settimeout(TRY_S)
    received, stamp_at = b"", -1
    try:
        while stamp_at < 0 or len(received) < stamp_at + rig.KEY_BYTES:
            data = peer.recv(1 << 20)
            if not data:
                raise RuntimeError("closed before the first picture")
            received += data[viewers.RTP_HEADER_BYTES :] if output == "rtsp-udp" else data
            if stamp_at < 0:
                stamp_at = received.find(rig.MARK)
    finally:
        for each in (peer, *kept):
            each.close()
    return (time.monotonic() - started) * 1000


async def main() -> None:
    times: dict[str, list[float]] = {output: [] for output in rig.PATHS}
    async with rig.running_relay() as relay:
        watching = await asyncio.to_thread(viewers.connect, "http-flv", relay.ports["http-flv"], [])
        drained = asyncio.create_task(drain(watching))
        await asyncio.to_thread(first_picture_ms, "rtsp", relay.ports["rtsp"])
        for _ in range(RUNS):
            for output, seen in times.items():
                for _ in range(VIEWERS_PER_RUN):
                    seen.append(await asyncio.to_thread(first_picture_ms, output, relay.ports[output]))
        drained.cancel()
        await asyncio.gather(drained, return_exceptions=True)
        watching.close()
    for output, seen in times.items():
        ordered = sorted(seen)
        p99 = ordered[int(len(ordered) * 0.99)]
        row = {
            "row": f"time to first picture, {output}",
            "ratio": round(p99 / 150, 3),
            "limit": 1.0,
            "p50_ms": round(ordered[len(ordered) // 2], 1),
            "p99_ms": round(p99, 1),
            "limit_ms": 150,
            "viewers": len(ordered),
        }
        print(json.dumps(row))


async def drain(peer) -> None:
    """Somebody who watches all the time, so that the stream runs."""
    loop = asyncio.get_running_loop()
    while await loop.sock_recv(peer, 1 << 20):
        pass


if __name__ == "__main__":
    asyncio.run(main())
