"""Simulated devices beside a stack: processes of `cambus-sim`, each of which stays what it was after a restart."""

import asyncio
import importlib.util
import re
import sys
from abc import abstractmethod
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from cambus.cli.stack.options import StackFailedError
from cambus.cli.stack.process import ProcessSpec, SupervisedProcess
from cambus.cli.stack.stack import Stack

PACKAGE: Final = "cambus.simulators"
RUN: Final = f"from {PACKAGE}.cli import main; main()"
LISTENS_S: Final = 30.0
LOOK_S: Final = 0.05

_LISTENING = re.compile(r"^dvrip device 0 on \S+:(\d+)$", re.MULTILINE)
_LISTENING_RTSP = re.compile(r"^rtsp device on \S+:(\d+)$", re.MULTILINE)
_PUBLISHING = re.compile(r"^rtsp device (publishes)$", re.MULTILINE)
_READY = re.compile(r"^(ready)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class SimulatedDevice:
    """One device that is not there.

    Attributes:
        device: its id on the bus; also the name of its process.
        name: what people call it.
        channels: cameras.
        codec: of the main streams: h264, h265 or alternate.
    """

    device: str
    name: str
    channels: int
    codec: str

    @property
    @abstractmethod
    def protocol(self) -> str:
        """What it speaks."""

    @property
    def options(self) -> dict[str, str | bool]:
        """What its record says under `options`."""
        return {}

    @abstractmethod
    async def run(self, stack: Stack, user: str, password_file: Path) -> str | None:
        """Run it as long as the stack; returns its address, None for one that dials us.

        Raises:
            StackFailedError: the simulators are not installed, or it does not come up in time.
        """


@dataclass(frozen=True, slots=True)
class SimulatedRecorder(SimulatedDevice):
    """A DVRIP recorder.

    Attributes:
        number: makes its serial number unlike the others'.
        alarm_every_s: seconds between its motion alarms.
        dials: whether it dials the connector, instead of being dialled.
    """

    number: int = 0
    alarm_every_s: float = 0.0
    dials: bool = False

    @property
    def protocol(self) -> str:
        """What it speaks."""
        return "dvrip"

    async def run(self, stack: Stack, user: str, password_file: Path) -> str | None:
        """Run it; the port it first took stays its own."""
        argv: tuple[str, ...] = (
            *("dvrip", "--user", user, "--password-file", str(password_file)),
            *("--first", str(self.number), "--channels", str(self.channels), "--codec", self.codec),
            *("--alarm-every", f"{self.alarm_every_s:g}"),
        )
        if self.dials:
            platform = urlsplit(await _registration(stack, "connector-dvrip")).netloc
            argv = (*argv, "--register", platform, "--register-as", self.device)
        process = _start(stack, self.device, (*argv, "--port", "0"))
        port = await _announced(process, _LISTENING)
        process.spec = replace(process.spec, argv=(*_command(argv), "--port", port))
        return None if self.dials else f"127.0.0.1:{port}"


@dataclass(frozen=True, slots=True)
class SimulatedCamera(SimulatedDevice):
    """A GB/T 28181 camera, which registers.

    Attributes:
        code: of 20 digits.
        profile: its make.
    """

    code: str = ""
    profile: str = "std_2022"

    @property
    def protocol(self) -> str:
        """What it speaks."""
        return "gb28181"

    @property
    def options(self) -> dict[str, str | bool]:
        """Its code."""
        return {"code": self.code}

    async def run(self, stack: Stack, user: str, password_file: Path) -> str | None:
        """Run it."""
        server_code, _, server = (
            (await _registration(stack, "connector-gb28181")).removeprefix("sip:").partition("@")
        )
        argv = (
            *("gb28181", "--server", server, "--server-code", server_code, "--code", self.code),
            *("--username", user, "--password-file", str(password_file)),
            *("--channels", str(self.channels), "--codec", self.codec, "--profile", self.profile),
        )
        await _announced(_start(stack, self.device, argv), _READY)
        return None


@dataclass(frozen=True, slots=True)
class SimulatedRtspCamera(SimulatedDevice):
    """A camera whose streams are pulled by RTSP."""

    @property
    def protocol(self) -> str:
        """What it speaks."""
        return "rtsp"

    @property
    def options(self) -> dict[str, str | bool]:
        """Where its streams are."""
        return {"url": "/ch1/main", "sub_url": "/ch1/sub"}

    async def run(self, stack: Stack, user: str, password_file: Path) -> str | None:
        """Run it; the port it first took stays its own."""
        argv = (
            *("rtsp", "--user", user, "--password-file", str(password_file)),
            *("--channels", str(self.channels), "--codec", self.codec),
        )
        process = _start(stack, self.device, (*argv, "--port", "0"))
        port = await _announced(process, _LISTENING_RTSP)
        process.spec = replace(process.spec, argv=(*_command(argv), "--port", port))
        return f"127.0.0.1:{port}"


@dataclass(frozen=True, slots=True)
class SimulatedPublisher(SimulatedDevice):
    """A camera that pushes its streams to us by RTSP."""

    @property
    def protocol(self) -> str:
        """What it speaks."""
        return "rtsp"

    @property
    def options(self) -> dict[str, str | bool]:
        """That it comes by itself."""
        return {"publish": True}

    async def run(self, stack: Stack, user: str, password_file: Path) -> str | None:
        """Run it; it is turned away, and comes again, until its record is there."""
        where = (await stack.instance("connector-rtsp")).metadata["publish-rtsp"]
        argv = (
            *("rtsp", "--user", user, "--password-file", str(password_file)),
            *("--channels", str(self.channels), "--codec", self.codec, "--publish", f"{where}/{self.device}"),
        )
        await _announced(_start(stack, self.device, argv), _PUBLISHING)
        return None


async def _registration(stack: Stack, connector: str) -> str:
    """Where devices dial a connector."""
    return (await stack.instance(connector)).metadata["registration"]


def _start(stack: Stack, device: str, argv: tuple[str, ...]) -> SupervisedProcess:
    if importlib.util.find_spec(PACKAGE) is None:
        raise StackFailedError("the simulators are not installed: pip install cambus-simulators")
    name = f"simulated-{device}"
    spec = ProcessSpec(name, _command(argv), stack.log(name), {"PYTHONUNBUFFERED": "1"})
    return stack.run(spec)


def _command(argv: tuple[str, ...]) -> tuple[str, ...]:
    return (sys.executable, "-c", RUN, *argv)


async def _announced(process: SupervisedProcess, pattern: re.Pattern[str]) -> str:
    """What it says once it listens: the first group of a line of its log."""
    log = process.spec.log
    try:
        async with asyncio.timeout(LISTENS_S):
            while process.last_code is None:
                found = pattern.search(_text(log))
                if found is not None:
                    return found[1]
                await asyncio.sleep(LOOK_S)  # a foreign process tells by its output only
    except TimeoutError:
        pass
    raise StackFailedError(f"{process.spec.name} does not come up; its log is {log}")


def _text(log: Path) -> str:
    try:
        return log.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""
