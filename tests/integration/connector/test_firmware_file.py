"""An image that was being handed to a device leaves nothing on the disk, however the connector ends."""

import asyncio
import signal
import sys

HOLDER = """
import asyncio, hashlib, pathlib, sys
from cambus.connector.firmware import FirmwareFile

IMAGE = b"image" * 1000

class Store:
    bucket = "images"

    async def get(self, name):
        yield IMAGE

async def main():
    with FirmwareFile(pathlib.Path(sys.argv[1])) as image:
        await image.fetch(Store(), "one", sha256=hashlib.sha256(IMAGE).hexdigest(), size_bytes=len(IMAGE))
        assert await image.read(0, 5) == b"image"
        print("held", flush=True)
        await asyncio.sleep(3600)

asyncio.run(main())
"""


async def test_a_killed_connector_leaves_no_image_behind(tmp_path):
    holder = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLDER, str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    try:
        assert await holder.stdout.readline() == b"held\n"
    finally:
        holder.send_signal(signal.SIGKILL)
        await holder.communicate()
    assert list(tmp_path.iterdir()) == []
