"""Simulated recorders beside a stack: processes of `cambus-sim`, kept on the port they first took."""

import asyncio
import importlib.util
import re
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from cambus.cli.stack.options import StackFailedError
from cambus.cli.stack.process import ProcessSpec, SupervisedProcess
from cambus.cli.stack.stack import Stack

PACKAGE: Final = "cambus.simulators"
RUN: Final = f"from {PACKAGE}.cli import main; main()"
CONNECTOR: Final = "connector-dvrip"
LISTENS_S: Final = 30.0
LOOK_S: Final = 0.05

_LISTENING = re.compile(r"^dvrip device 0 on \S+:(\d+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class SimulatedRecorder:
    """One recorder that is not there.

    Attributes:
        device: its id on the bus; also the name of its process.
        number: makes its serial number unlike the others'.
        name: what people call it.
        channels: cameras.
        codec: of the main streams: h264, h265 or alternate.
        alarm_every_s: seconds between its motion alarms.
        dials: whether it dials the connector, instead of being dialled.
    """

    device: str
    number: int
    name: str
    channels: int
    codec: str
    alarm_every_s: float
    dials: bool = False


async def run_simulator(stack: Stack, recorder: SimulatedRecorder, user: str, password_file: Path) -> int:
    """Run a simulated recorder as long as the stack; returns its port.

    Raises:
        StackFailedError: the simulators are not installed, or it does not listen in time.
    """
    if importlib.util.find_spec(PACKAGE) is None:
        raise StackFailedError("the simulators are not installed: pip install cambus-simulators")
    name = f"simulated-{recorder.device}"
    argv = _argv(recorder, user, password_file)
    if recorder.dials:
        platform = urlsplit((await stack.instance(CONNECTOR)).metadata["registration"]).netloc
        argv = (*argv, "--register", platform, "--register-as", recorder.device)
    log = stack.log(name)
    process = stack.run(ProcessSpec(name, (*argv, "--port", "0"), log, {"PYTHONUNBUFFERED": "1"}))
    port = await _port(process, log)
    process.spec = replace(process.spec, argv=(*argv, "--port", str(port)))
    return port


def _argv(recorder: SimulatedRecorder, user: str, password_file: Path) -> tuple[str, ...]:
    return (
        *(sys.executable, "-c", RUN, "dvrip"),
        *("--user", user, "--password-file", str(password_file.absolute())),
        *("--first", str(recorder.number), "--channels", str(recorder.channels), "--codec", recorder.codec),
        *("--alarm-every", f"{recorder.alarm_every_s:g}"),
    )


def _announced(log: Path) -> int | None:
    """The port in the log; None before it is there."""
    try:
        found = _LISTENING.search(log.read_text(encoding="utf-8", errors="replace"))
    except FileNotFoundError:
        return None
    return None if found is None else int(found[1])


async def _port(process: SupervisedProcess, log: Path) -> int:
    """The port it says it listens on."""
    try:
        async with asyncio.timeout(LISTENS_S):
            while process.last_code is None:
                port = _announced(log)
                if port is not None:
                    return port
                await asyncio.sleep(LOOK_S)  # a foreign process tells by its output only
    except TimeoutError:
        pass
    raise StackFailedError(f"{process.spec.name} does not listen; its log is {log}")
