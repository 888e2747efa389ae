"""Processes of cambusctl, begun and ended as people do."""

import asyncio
import os
import signal
import sysconfig
from pathlib import Path

CAMBUSCTL = str(Path(sysconfig.get_path("scripts")) / "cambusctl")


async def begin(
    folder: Path, *arguments: str, nats_url: str = "", **variables: str
) -> asyncio.subprocess.Process:
    """A process of cambusctl in a folder."""
    return await asyncio.create_subprocess_exec(
        CAMBUSCTL,
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=folder,
        env={**os.environ, **({"CAMBUS_NATS_URL": nats_url} if nats_url else {}), **variables},
    )


async def end(process: asyncio.subprocess.Process) -> tuple[str, str]:
    """What a process still says when Ctrl-C ends it."""
    if process.returncode is None:
        process.send_signal(signal.SIGINT)
    try:
        async with asyncio.timeout(60):
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return out.decode(), err.decode()
