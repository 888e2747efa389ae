"""What every command of `cambus-sim` does: read a password and quirks, run until a signal, be controlled meanwhile."""

import asyncio
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TypeVar

import typer

from cambus.simulators.control_port import LOOPBACK, ControlPort
from cambus.simulators.switches import Switches

SwitchesT = TypeVar("SwitchesT", bound=Switches)


@asynccontextmanager
async def until_stopped() -> AsyncIterator[AsyncExitStack]:
    """What is opened in the stack runs until SIGTERM or SIGINT; at the end of the block it says that it is ready."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stop.set)
    async with AsyncExitStack() as stack:
        yield stack
        typer.echo("ready")
        await stop.wait()


async def open_control(stack: AsyncExitStack, control: ControlPort, port: int | None) -> None:
    """Listen for control, and say where; None: do not."""
    if port is not None:
        await control.start(port)
        stack.push_async_callback(control.close)
        typer.echo(f"control on http://{LOOPBACK}:{control.port}")


def read_password(password: str, path: Path | None) -> str:
    """The password, from wherever it is given."""
    if path is not None:
        try:
            password = path.read_text(encoding="utf-8").rstrip("\r\n")
        except OSError as error:
            raise typer.BadParameter(f"cannot read {path}: {error.strerror}") from None
    if not password:
        raise typer.BadParameter("give --password or --password-file; there is no default")
    return password


def read_quirks(pairs: list[str] | None, kind: type[Switches]) -> dict[str, str]:
    """`name=value` pairs, each one that the devices have."""
    values = {}
    for pair in pairs or []:
        name, equals, value = pair.partition("=")
        if not equals:
            raise typer.BadParameter(f"--quirk {pair}: want name=value")
        values[name] = value
    try:
        switched(kind, values)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    return values


def switched(kind: type[SwitchesT], values: Mapping[str, str]) -> SwitchesT:
    """The quirks of one device."""
    made = kind()
    made.update(values)
    return made
