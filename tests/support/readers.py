"""Somebody who does what a page says, in a folder where `make run` runs."""

import asyncio
import json
import os
import shlex
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

import nats
from console_blocks import Typed, Written, missing, steps
from suite import recorder_device
from typed_commands import begin, end
from typist import Typist

from cambus.cli.failures import NO_ANSWER, OFFLINE
from cambus.simulators.dvrip.simulator import DvripSimulator
from cambus.simulators.gb28181.simulator import Gb28181Simulator
from cambus.simulators.rtsp.simulator import RtspSimulator

PASSWORD: Final = "a password"
WITHIN_S: Final = 90.0
EVERY_S: Final = 1.0
ASKS: Final = ("devices", "doctor", "events", "alarms", "recordings", "services", "device", "upgrade")
"""Commands that may be typed again until what they tell has come about; never those that change something."""
CHANGES: Final = {
    "set",
    "apply",
    "delete",
    "start",
    "export",
    "record",
    "lock",
    "unlock",
    "ack",
    "play",
    "reseal",
}
ELSEWHERE: Final = {
    ". .venv/bin/activate": "the environment is that of the tests",
    "make run": "it is what runs here",
    "cambusctl up -f devices.yaml": "tests/e2e/test_documents.py runs it with a file of its own",
}
"""Lines that somebody else has done, and who."""


class Reader:
    """Follows pages.

    Args:
        folder: where to, with the `var` of the demonstration.
        nats_url: where its NATS is.
        places: addresses as pages have them, and what they are here.
        hands: types commands.
        joins: what is switched on when a file has been written, by its name.
    """

    def __init__(
        self,
        folder: Path,
        nats_url: str,
        places: Mapping[str, str],
        hands: Typist,
        joins: Mapping[str, Callable[[], Awaitable[object]]],
    ) -> None:
        self._folder = folder
        self._nats_url = nats_url
        self._places = places
        self._hands = hands
        self._joins = joins

    async def follows(self, page: Path) -> None:
        """Do all of a page."""
        for step in steps(page):
            if isinstance(step, Written):
                (self._folder / step.name).write_text(self._here(step.text))
                if step.name in self._joins:
                    await self._joins[step.name]()
            elif not step.untested:
                for command in step.commands:
                    await self._types(command)

    def _here(self, text: str) -> str:
        for named, place in self._places.items():
            text = text.replace(named, place)
        return text

    async def _types(self, command: Typed) -> None:
        if command.line in ELSEWHERE:
            return
        words = shlex.split(self._here(command.line))
        expected = tuple(self._here(line) for line in command.expected)
        program, *arguments = words
        if command.goes_on:
            await self._interrupts(arguments, expected, command.line)
        elif program == "cambusctl":
            await self._asks(arguments, expected, command.line)
        elif (program, arguments[0]) == ("nats", "req"):
            printed = await self._requests(*arguments[1:])
            assert not missing(expected, printed), (command.line, printed)
        elif program == "python":
            printed = await self._runs(*arguments)
            assert not missing(expected, printed), (command.line, printed)
        else:
            raise AssertionError(f"nobody here knows how to type: {command.line}")

    async def _asks(self, arguments: list[str], expected: tuple[str, ...], line: str) -> None:
        again = arguments[0] in ASKS and not CHANGES & {*arguments}
        refused = bool(expected) and expected[0].startswith("Error:")
        deadline = asyncio.get_running_loop().time() + WITHIN_S
        while True:  # not cut off in the middle: what was typed last would be answered first
            code, out, err = await self._hands.types(*arguments)
            printed = err if refused else out
            unanswered = not refused and code in (OFFLINE, NO_ANSWER)  # a machine with too much to do
            if (
                not (again and (unanswered or missing(expected, printed)))
                or asyncio.get_running_loop().time() > deadline
            ):
                break
            await asyncio.sleep(0.2)
        absent = missing(expected, printed)
        assert not absent, f"{line}\nprints no {absent!r}:\n{out}\n{err}"
        assert (code != 0) == refused or arguments[0] == "doctor", (line, code, out, err)

    async def _interrupts(self, arguments: list[str], expected: tuple[str, ...], line: str) -> None:
        """Type what goes on, wait for what it is to print, and end it."""
        async with self._begun(*arguments) as process:
            printed = ""
            async with asyncio.timeout(WITHIN_S):
                while missing(expected, printed):
                    read = await process.stdout.readline()
                    assert read, (line, printed)
                    printed += read.decode()

    @asynccontextmanager
    async def _begun(self, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
        process = await begin(self._folder, *arguments, nats_url=self._nats_url)
        try:
            yield process
        finally:
            _, err = await end(process)
        assert process.returncode == 130
        assert "Traceback" not in err

    async def _runs(self, *arguments: str) -> str:
        """What a program that the page has people write prints."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, *arguments),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            cwd=self._folder,
            env={**os.environ, "CAMBUS_NATS_URL": self._nats_url},
        )
        try:
            async with asyncio.timeout(WITHIN_S):
                printed, _ = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        assert process.returncode == 0, printed.decode()
        return printed.decode()

    async def _requests(self, subject: str, body: str = "") -> str:
        """What `nats req` prints: the answer."""
        client = await nats.connect(self._nats_url)
        try:
            reply = await client.request(subject, body.encode(), timeout=10)
        finally:
            await client.close()
        return reply.data.decode()


async def place_of(nats_url: str, service: str, key: str) -> str:
    """The address a running service tells of itself."""
    client = await nats.connect(nats_url)
    try:
        info = json.loads((await client.request(f"$SRV.INFO.{service}", b"", timeout=10)).data)
    finally:
        await client.close()
    return str(info["metadata"][key])


@asynccontextmanager
async def reader(folder: Path, told: Mapping[str, str], hands: Typist) -> AsyncIterator[Reader]:
    """A reader with a recorder, an RTSP camera and a GB/T 28181 camera of their own, where pages say they are."""
    nats_url = told["nats"]
    server = (await place_of(nats_url, "connector-gb28181", "registration")).removeprefix("sip:")
    server_code, _, address = server.partition("@")
    host, _, port = address.rpartition(":")
    async with AsyncExitStack() as running:
        enter = running.enter_async_context
        recorder = await enter(recorder_device(user="admin", password=PASSWORD, channels=1))
        camera = await enter(RtspSimulator(user="viewer", password=PASSWORD))
        registers = Gb28181Simulator(
            server=(host, int(port)), server_code=server_code, code="34020000001180000002", password=PASSWORD
        )
        await enter(_seeing_something(recorder))
        places = {
            "192.0.2.10:34567": f"127.0.0.1:{recorder.port}",
            "192.0.2.20:554": f"127.0.0.1:{camera.port}",
            "/Streaming/Channels/101": "/ch1/main",
            "/Streaming/Channels/102": "/ch1/sub",
            "http://127.0.0.1:8080": told["viewers"],
            "https://ops.example.org": "https://127.0.0.1:1",
            "mail.example.org": "localhost",
        }
        yield Reader(folder, nats_url, places, hands, {"parking.secret": lambda: enter(registers)})


@asynccontextmanager
async def _seeing_something(recorder: DvripSimulator) -> AsyncIterator[None]:
    """Somebody walks past a recorder every second."""

    async def walk() -> None:
        while True:
            await asyncio.sleep(EVERY_S)
            recorder.raise_alarm("motion", channel=0, stop_after_s=EVERY_S / 2)

    walking = asyncio.create_task(walk())
    try:
        yield
    finally:
        walking.cancel()
        await asyncio.wait([walking])
