"""Write what a camera sends into a file, as it comes: `ffplay gate.h264` plays it.

    pip install cambus-client
    python frames.py [DEVICE [SECONDS]]

NATS_URL says where NATS is, NATS_NKEY_FILE (which takes cambus-client[nkeys]) as whom to log in there.
"""

import asyncio
import os
import sys
from contextlib import aclosing
from pathlib import Path

from cambus.client import Cambus
from cambus.media.frame import Kind
from cambus.schemas.errors import CambusError

TICKS_A_SECOND = 90_000


async def main(device: str, seconds: float) -> None:
    """Read frames for a while."""
    url = os.environ.get("NATS_URL", "nats://127.0.0.1:4222")
    async with Cambus.connect(url, nkey_file=os.environ.get("NATS_NKEY_FILE")) as cambus:
        frames = cambus.frames(device, 0, "main")
        pictures: list[bytes] = []
        codec, first = "", None
        async with aclosing(aiter(frames)) as reading:  # gives the stream back at once, whatever happens
            async for frame in reading:
                if frame.kind is not Kind.VIDEO:
                    continue  # sound; AUDIO_CONFIG tells its parameters
                first = frame.pts if first is None else first
                if frame.pts - first > seconds * TICKS_A_SECOND:
                    break
                codec = frame.codec.name.lower()
                pictures.append(frame.payload)
        file = Path(f"{device}.{codec}")
        file.write_bytes(b"".join(pictures))
        print(f"{file}: {len(pictures)} pictures, {codec}, {frames.lost} lost on the way")


if __name__ == "__main__":
    try:
        asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "gate", float((sys.argv[2:] or ["10"])[0])))
    except CambusError as error:
        sys.exit(f"{int(error.code)} {error.reason}: {error.text}")
