"""`cambusctl ptz`: moving cameras."""

from typing import Annotated, Any

import typer

from cambus.cli.failures import UsageError
from cambus.cli.groups import Group
from cambus.cli.invocation import Cli
from cambus.cli.parameters import Channel, Device
from cambus.cli.requests import call, made
from cambus.client.connection import Connection
from cambus.schemas.commands import ptz
from cambus.schemas.model import Message
from cambus.schemas.spec import CommandSpec

app = typer.Typer(add_completion=False, cls=Group, help="Move a camera, and use its presets.")
preset = typer.Typer(add_completion=False, cls=Group, help="Views a camera remembers, by number.")
app.add_typer(preset, name="preset")

Number = Annotated[
    int, typer.Argument(metavar="PRESET", min=1, max=65535, help="Its number.", show_default=False)
]


@app.command()
def move(
    context: typer.Context,
    device: Device,
    channel: Channel,
    *,
    pan: Annotated[float, typer.Option(min=-1, max=1, help="Speed to the right; negative is left.")] = 0.0,
    tilt: Annotated[float, typer.Option(min=-1, max=1, help="Speed upwards; negative is down.")] = 0.0,
    zoom: Annotated[float, typer.Option(min=-1, max=1, help="Speed inwards; negative is out.")] = 0.0,
    duration: Annotated[
        float, typer.Option(min=0.05, max=ptz.MAX_MOVE_S, help="Seconds until it stops by itself.")
    ] = 1.0,
) -> None:
    """Move with these speeds, from -1 to 1, for a while.

    cambusctl ptz move gate 0 --pan 0.5 --duration 2
    """
    if not (pan or tilt or zoom):
        raise UsageError(
            "that would move nothing: say --pan, --tilt or --zoom", hint="cambusctl ptz move --help"
        )
    request = made(ptz.PtzMoveRequest, channel=channel, pan=pan, tilt=tilt, zoom=zoom, duration_s=duration)
    _do(context, device, ptz.MOVE, request, f"{device}/{channel} moves for {duration:g} s")


@app.command()
def stop(context: typer.Context, device: Device, channel: Channel) -> None:
    """Stop every movement."""
    request = made(ptz.PtzChannelRequest, channel=channel)
    _do(context, device, ptz.STOP, request, f"{device}/{channel} stands still")


@preset.command("list")
def list_presets(context: typer.Context, device: Device, channel: Channel) -> None:
    """List the presets of a camera."""
    cli = Cli.of(context)

    async def work(bus: Connection) -> None:
        request = made(ptz.PtzChannelRequest, channel=channel)
        reply = await call(cli, bus, ptz.PRESET_LIST, request, device=device)
        if cli.json:
            cli.out.document(reply)
            return
        rows = ((each.preset, each.name) for each in reply.presets)
        cli.out.table(("preset", "name"), rows, empty="no presets")

    cli.run(work)


@preset.command("set")
def set_preset(
    context: typer.Context,
    device: Device,
    channel: Channel,
    number: Number,
    *,
    name: Annotated[str | None, typer.Option(help="What people call it.")] = None,
) -> None:
    """Keep where the camera looks now as a preset."""
    request = made(ptz.PtzPresetSetRequest, channel=channel, preset=number, name=name)
    _do(context, device, ptz.PRESET_SET, request, f"{device}/{channel} keeps this view as preset {number}")


@preset.command()
def goto(context: typer.Context, device: Device, channel: Channel, number: Number) -> None:
    """Look where the preset says."""
    request = made(ptz.PtzPresetRequest, channel=channel, preset=number)
    _do(context, device, ptz.PRESET_GOTO, request, f"{device}/{channel} goes to preset {number}")


@preset.command()
def clear(context: typer.Context, device: Device, channel: Channel, number: Number) -> None:
    """Forget a preset."""
    request = made(ptz.PtzPresetRequest, channel=channel, preset=number)
    _do(context, device, ptz.PRESET_CLEAR, request, f"{device}/{channel} forgot preset {number}")


def _do(
    context: typer.Context, device: str, spec: CommandSpec[Any, Any], request: Message, done: str
) -> None:
    cli = Cli.of(context)

    async def work(bus: Connection) -> None:
        reply = await call(cli, bus, spec, request, device=device)
        if cli.json:
            cli.out.document(reply)
        else:
            cli.out.line(done)

    cli.run(work)
