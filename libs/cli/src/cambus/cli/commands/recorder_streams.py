"""`cambusctl recordings status` and `record`: what the recorders are at, and recording by hand."""

import getpass
import re
from typing import Annotated, Final

import typer

from cambus.cli.failures import OFFLINE, CliError
from cambus.cli.formatting import local, plural, size
from cambus.cli.invocation import Cli
from cambus.cli.parameters import Channel, Device, Stream
from cambus.cli.requests import call, made
from cambus.cli.times import parse_span
from cambus.client.calling import BusClient
from cambus.client.connection import Connection
from cambus.client.discovery import ping
from cambus.schemas.commands import recorder_streams as commands
from cambus.schemas.commands.recorder import SERVICE
from cambus.schemas.errors import CambusError
from cambus.schemas.model import Empty

_NO_TOKEN: Final = re.compile(r"[^A-Za-z0-9_-]")


def status(context: typer.Context) -> None:
    """Show which recorder has which streams in hand, and how full the disks are."""
    cli = Cli.of(context)
    cli.run(lambda bus: _status(cli, bus))


def record(
    context: typer.Context,
    device: Device,
    channel: Channel,
    *,
    stream: Stream = "main",
    length: Annotated[
        str, typer.Option("--for", metavar="SPAN", help="For how long, a day at most.")
    ] = "10m",
    name: Annotated[
        str | None, typer.Option("--as", metavar="NAME", help="Who wants it.", show_default="your login name")
    ] = None,
    end: Annotated[bool, typer.Option("--end", help="End it instead.")] = False,
) -> None:
    """Record a stream for a while, whatever the policies say.

    The same again sets a new end. cambusctl recordings status tells who had what recorded.

    cambusctl recordings record gate 0 --for 10m
    """
    cli = Cli.of(context)
    claimant = _NO_TOKEN.sub("-", name or getpass.getuser())[:64]
    where = {"device": device, "channel": channel, "stream": stream, "claimant": claimant}

    async def work(bus: Connection) -> None:
        if end:
            await call(cli, bus, commands.RECORDING_STOP, made(commands.RecordingStopRequest, **where))
            cli.out.document({"ended": where}) if cli.json else cli.out.line(f"ended for {claimant}")
            return
        seconds = parse_span(length).total_seconds()
        request = made(commands.RecordingStartRequest, **where, duration_s=seconds)
        order = await call(cli, bus, commands.RECORDING_START, request)
        if cli.json:
            cli.out.document(order)
        else:
            cli.out.line(f"recording until {local(order.until)} for {claimant}")

    cli.run(work)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("status")(status)
    app.command("record")(record)


async def _status(cli: Cli, bus: Connection) -> None:
    expected = {each.id for each in await ping(bus, SERVICE)}
    if not expected:
        raise CliError(
            "no recorder answers", hint="cambusctl services", exit_code=OFFLINE, reason="no-recorder"
        )
    outcomes = await BusClient(bus).broadcast_all(
        commands.STREAMS_LIST, Empty(), timeout_s=cli.options.timeout_s, expected=len(expected)
    )
    replies = sorted(
        (each for each in outcomes if not isinstance(each, CambusError)), key=lambda each: each.replica
    )
    if cli.json:
        cli.out.document({"recorders": replies})
        return
    for reply in replies:
        full = ", full" if reply.disk_full else ""
        cli.out.line(
            f"{reply.replica}: {plural(len(reply.streams), 'stream')}, {size(reply.bytes)} recorded, "
            f"{size(reply.free_bytes)} free{full}",
            "bold",
        )
        if reply.copying is not None:
            cli.out.line(_copied(reply.copying))
        cli.out.table(
            ("device", "channel", "stream", "state", "why", "until", "by hand for"),
            (
                (
                    each.device,
                    str(each.channel),
                    each.stream,
                    each.state,
                    "" if each.trigger is None else each.trigger.value,
                    "" if each.until is None else local(each.until),
                    ", ".join(order.claimant for order in each.manual),
                )
                for each in reply.streams
            ),
            empty="nothing to record",
        )


def _copied(state: commands.CopyingState) -> str:
    """How far the copies to the object storage are, in one line."""
    waiting = f"{plural(state.pending, 'file')} to copy" if state.pending else "everything is copied"
    since = f", the oldest of {local(state.oldest)}" if state.oldest is not None else ""
    failing = f"; failing since {local(state.failing_since)}: {state.error}" if state.failing_since else ""
    lost = f"; {plural(state.lost, 'file')} deleted before" if state.lost else ""
    return f"copies: {waiting}{since}{failing}{lost}"
