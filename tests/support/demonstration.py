"""What `make run` runs, and somebody who types there: fixtures of modules, each with a demonstration of its own."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from suite import until
from typed_commands import begin, end
from typist import Typist, typist

PORTS = ("nats", "http", "rtsp", "sip", "webrtc")
FREE_PORTS = tuple(word for name in PORTS for word in (f"--{name}-port", "0"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def demonstration(folder: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, dict[str, Any]]]:
    """The process of a demonstration, and what it told when it ran."""
    process = await begin(folder, "demo", "--json", *FREE_PORTS, CAMBUS_DISK_RESERVE_MIB="0")
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        async with asyncio.timeout(180):
            told: dict[str, Any] = {}
            while told.get("event") != "running":
                line = await process.stdout.readline()
                assert line, (await process.stderr.read()).decode()
                told = json.loads(line)

        yield process, told
    finally:
        _, err = await end(process)
    assert process.returncode in (0, 130)
    assert "Traceback" not in err


@pytest.fixture(scope="module")
def demo(demonstration: tuple[asyncio.subprocess.Process, dict[str, Any]]) -> str:
    """The address of its NATS."""
    _, told = demonstration
    return str(told["nats"])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hands(demo: str, folder: Path) -> AsyncIterator[Typist]:
    """Somebody who types, once something has been recorded."""
    key = str(folder / "var" / "credentials.key")
    async with typist(folder, CAMBUS_NATS_URL=demo, CAMBUS_CREDENTIALS_KEY_FILE=key, TZ="UTC") as somebody:

        async def recorded() -> bool:
            _, out, _ = await somebody.types("recordings", "find", "gate")
            return "recorded" in out

        await until(recorded, within_s=60, what="something recorded")
        yield somebody
