"""What a device fetches and uploads over HTTP: firmware and pictures; from and to this host only (§10)."""

from __future__ import annotations

import asyncio
import hashlib
import ipaddress
import logging
from datetime import UTC, datetime
from typing import Final

import aiohttp
from yarl import URL

from cambus.gb28181.manscdp.config import SnapshotConfig
from cambus.gb28181.values import BEIJING
from cambus.simulators.gb28181.quirks import Quirks
from cambus.simulators.jpeg import jpeg_picture

logger = logging.getLogger(__name__)

MAX_FIRMWARE_BYTES: Final = 512 * 1024 * 1024
_TIMEOUT: Final = aiohttp.ClientTimeout(total=60.0)
_CHUNK: Final = 256 * 1024
_SIZE: Final = (640, 480)
_FRAMES: Final = 50


def is_here(url: str) -> bool:
    """Whether an address is one of this host: a simulated device goes nowhere else."""
    try:
        host = URL(url).host or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


async def fetch_firmware(url: str) -> tuple[int, str] | None:
    """Size and SHA-256 of what is there; None where it cannot be had."""
    if not is_here(url):
        return None
    try:
        async with aiohttp.ClientSession(timeout=_TIMEOUT) as client, client.get(url) as response:
            if response.status != 200:
                return None
            digest, size = hashlib.sha256(), 0
            async for chunk in response.content.iter_chunked(_CHUNK):
                size += len(chunk)
                if size > MAX_FIRMWARE_BYTES:
                    return None
                digest.update(chunk)
            return size, digest.hexdigest()
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        logger.debug("firmware was not fetched", extra={"reason": str(error)})
        return None


async def upload_pictures(order: SnapshotConfig, code: str, channel: int, quirks: Quirks) -> list[str]:
    """Take pictures and upload them; the names of those that got through."""
    url, count = order.url or "", max(1, min(order.count or 1, 10))
    names: list[str] = []
    if not is_here(url):
        return names
    async with aiohttp.ClientSession(timeout=_TIMEOUT) as client:
        for number in range(count - quirks.snapshot_lost):
            if number:
                await asyncio.sleep(max(order.interval_s or 1, 0))
            picture = await asyncio.to_thread(jpeg_picture, *_SIZE, channel, number, _FRAMES)
            name = _name(code, number)
            if await _upload(client, url, name, picture, quirks.snapshot_form):
                names.append(name)
    return names


def _name(code: str, number: int) -> str:
    """Code, `02`, the time to the millisecond, and an index (§10)."""
    now = datetime.now(UTC).astimezone(BEIJING)
    return f"{code}02{now:%Y%m%d%H%M%S}{now.microsecond // 1000:03d}{number + 1:02d}"


async def _upload(client: aiohttp.ClientSession, url: str, name: str, picture: bytes, form: str) -> bool:
    try:
        if form == "multipart":
            data = aiohttp.FormData()
            data.add_field("file", picture, filename=f"{name}.jpg", content_type="image/jpeg")
            request = client.post(url, data=data)
        else:
            method = "PUT" if form == "put" else "POST"
            headers = {
                "Content-Type": "image/jpeg",
                "Content-Disposition": f'attachment; filename="{name}.jpg"',
            }
            request = client.request(method, url, data=picture, headers=headers)
        async with request as response:
            return response.status < 300
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        logger.debug("a picture was not uploaded", extra={"reason": str(error)})
        return False
