"""`cambus-sim gb28181-upper`: a platform that others register to as lower ones, from the command line."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from cambus.gb28181.codes import is_code
from cambus.simulators.gb28181.upper import UpperPlatform
from cambus.simulators.gb28181.upper_control import UpperControl
from cambus.simulators.running import open_control, read_password, until_stopped
from cambus.sip.errors import TransportError


def gb28181_upper(
    *,
    code: Annotated[str, typer.Option("--id", help="Its code of 20 digits.")],
    user: Annotated[
        list[str], typer.Option(help="Code of a platform that may register; may be given several times.")
    ],
    domain: Annotated[str, typer.Option(help="SIP domain; by default the first 10 digits of its code.")] = "",
    password: Annotated[str, typer.Option(help="Their password; others on this host can see it.")] = "",
    password_file: Annotated[Path | None, typer.Option(help="Read the password from a file instead.")] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="SIP port; 0 takes any free one.")] = 5060,
    control_port: Annotated[
        int | None, typer.Option(help="HTTP control on loopback; 0 takes any free port.")
    ] = None,
) -> None:
    """Run a simulated upper platform until SIGTERM or SIGINT: Cambus registers to it as a part of it.

    Its HTTP control asks for catalogs, plays and decodes channels, moves cameras, subscribes and speaks. Example:

    cambus-sim gb28181-upper --id 34010000002000000001 --user 34020000002000000002
    --password-file secret.txt --port 5070 --control-port 8070
    """
    for name, value in (("--id", code), *(("--user", each) for each in user)):
        if not is_code(value):
            raise typer.BadParameter(f"{name} {value}: want 20 digits")
    secret = read_password(password, password_file)
    upper = UpperPlatform(
        code=code, accounts=dict.fromkeys(user, secret), domain=domain, host=host, port=port
    )
    try:
        asyncio.run(_run(upper, control_port))
    except TransportError as error:
        typer.echo(f"cambus-sim: {error}", err=True)
        raise typer.Exit(1) from None


async def _run(upper: UpperPlatform, control_port: int | None) -> None:
    async with until_stopped() as stack:
        await stack.enter_async_context(upper)
        await open_control(stack, UpperControl(upper), control_port)
        typer.echo(f"gb28181 platform {upper.platform.settings.code} on {upper.platform.address}")
