"""`cambusctl recordings copies`: where the copies of recordings are, and what is still to be copied."""

from typing import Annotated

import typer

from cambus.cli.failures import OFFLINE, CliError
from cambus.cli.formatting import clean, local, size
from cambus.cli.invocation import Cli
from cambus.cli.parameters import Device
from cambus.cli.requests import made
from cambus.cli.times import parse_range
from cambus.client.calling import BusClient
from cambus.client.connection import Connection
from cambus.client.discovery import ping
from cambus.schemas.commands import recorder_copies as commands
from cambus.schemas.commands.recorder import SERVICE
from cambus.schemas.errors import CambusError


def copies(
    context: typer.Context,
    device: Device,
    *,
    start: Annotated[str, typer.Option("--from", metavar="TIME", help="From when, such as -2h.")] = "-24h",
    end: Annotated[str, typer.Option("--to", metavar="TIME", help="Until when.")] = "now",
    channel: Annotated[
        int | None, typer.Option("--channel", min=0, max=65535, help="Only this channel.")
    ] = None,
) -> None:
    """Show where the copies of a device's recordings are, and what is still to be copied.

    What is copied is said by the policies: cambusctl recordings policy set gates --upload all
    """
    cli = Cli.of(context)
    begin, finish = parse_range(start, end)
    request = made(commands.RecordingCopiesRequest, device=device, channel=channel, start=begin, end=finish)
    cli.run(lambda bus: _show(cli, bus, request))


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("copies")(copies)


async def _show(cli: Cli, bus: Connection, request: commands.RecordingCopiesRequest) -> None:
    expected = {each.id for each in await ping(bus, SERVICE)}
    if not expected:
        raise CliError(
            "no recorder answers", hint="cambusctl services", exit_code=OFFLINE, reason="no-recorder"
        )
    outcomes = await BusClient(bus).broadcast_all(
        commands.RECORDING_COPIES, request, timeout_s=cli.options.timeout_s, expected=len(expected)
    )
    replies = [each for each in outcomes if not isinstance(each, CambusError)]
    silent = sorted(expected - {reply.replica for reply in replies})
    found = sorted(
        ((copy, reply.replica) for reply in replies for copy in reply.copies), key=lambda pair: pair[0].start
    )
    complete = all(reply.complete_until is None for reply in replies)
    if cli.json:
        rows = [{"replica": replica, "copy": copy} for copy, replica in found]
        cli.out.document({"copies": rows, "complete": complete and not silent, "silent": silent})
        return
    cli.out.table(
        ("from", "to", "channel", "stream", "size", "where"),
        (
            (
                local(copy.start),
                local(copy.end),
                str(copy.channel),
                copy.stream,
                "" if copy.bytes is None else size(copy.bytes),
                f"still at {replica}" if copy.url is None else clean(copy.url),
            )
            for copy, replica in found
        ),
        empty="nothing was copied or is to be copied in that time",
    )
    if silent:
        cli.out.note(f"did not answer, so this may not be all: {', '.join(silent)}")
    if not complete:
        cli.out.note("there is more than fits: ask for less time")
