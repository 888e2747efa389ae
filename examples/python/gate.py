"""Look at a camera, move it, save a picture, and wait for its next alarm.

    pip install cambus-client
    python gate.py [DEVICE]

NATS_URL says where NATS is, NATS_NKEY_FILE (which takes cambus-client[nkeys]) as whom to log in there.
"""

import asyncio
import os
import sys
from pathlib import Path

from cambus.client import Cambus
from cambus.schemas.errors import CambusError, Unsupported


async def main(device: str) -> None:
    """Do all of it."""
    url = os.environ.get("NATS_URL", "nats://127.0.0.1:4222")
    async with Cambus.connect(url, nkey_file=os.environ.get("NATS_NKEY_FILE")) as cambus:
        camera = cambus.device(device)
        info = await camera.info()
        print(f"{device}: {info.vendor} {info.model}")

        try:
            await camera.ptz.move(channel=0, pan=0.5, duration_s=0.5)
            print("it moves")
        except Unsupported:
            print("it cannot move")

        picture = Path(f"{device}.jpg")
        picture.write_bytes(await cambus.snapshot(device))
        print(f"picture: {picture}, {picture.stat().st_size} bytes")

        print("waiting for an alarm")
        async for alarm in cambus.alarms(device=device):
            print(f"alarm: {alarm.type} on channel {alarm.channel} at {alarm.at}")
            break


if __name__ == "__main__":
    try:
        asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "gate"))
    except CambusError as error:
        sys.exit(f"{int(error.code)} {error.reason}: {error.text}")
