"""`cambusctl recordings lock` and `unlock`: what is kept from being deleted."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Final

import typer

from cambus.cli.failures import OFFLINE, CliError
from cambus.cli.formatting import plural, size
from cambus.cli.invocation import Cli
from cambus.cli.parameters import Device, From, To
from cambus.cli.requests import made
from cambus.cli.times import parse_range
from cambus.client.calling import BusClient
from cambus.client.connection import Connection
from cambus.client.discovery import ping
from cambus.schemas.commands import recorder_locks as commands
from cambus.schemas.commands.recorder import SERVICE
from cambus.schemas.errors import CambusError
from cambus.schemas.spec import CommandSpec

Spec = CommandSpec[commands.RecordedLockRequest, commands.RecordedLockReply]

Only = Annotated[int | None, typer.Option("--channel", min=0, max=65535, help="Only this channel.")]
OnlyStream = Annotated[str | None, typer.Option("--stream", metavar="NAME", help="Only this stream.")]
Segment = Annotated[
    str | None, typer.Option("--segment", metavar="ID", help="Only this file, as recording.closed names it.")
]

DONE: Final = {"lock": "locked", "unlock": "unlocked"}


def lock(
    context: typer.Context,
    device: Device,
    *,
    start: From,
    end: To = "now",
    channel: Only = None,
    stream: OnlyStream = None,
    segment: Segment = None,
) -> None:
    """Keep what was recorded of a device in a span of time.

    Locked recordings are never too old or too many. When the disk is full they go last. Whole files are locked,
    of five minutes as a rule.

    cambusctl recordings lock gate --from 14:20 --to 14:40
    """
    _set(context, commands.RECORDING_LOCK, device, (start, end), channel, stream, segment)


def unlock(
    context: typer.Context,
    device: Device,
    *,
    start: From,
    end: To = "now",
    channel: Only = None,
    stream: OnlyStream = None,
    segment: Segment = None,
) -> None:
    """Let go what was locked, when its time has come."""
    _set(context, commands.RECORDING_UNLOCK, device, (start, end), channel, stream, segment)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("lock")(lock)
    app.command("unlock")(unlock)


def _set(
    context: typer.Context,
    spec: Spec,
    device: str,
    times: tuple[str, str],
    channel: int | None,
    stream: str | None,
    segment: str | None,
) -> None:
    cli = Cli.of(context)
    span: tuple[datetime, datetime] = parse_range(*times)
    fields: dict[str, Any] = {"channel": channel, "stream": stream, "segment": segment}
    request = made(commands.RecordedLockRequest, device=device, start=span[0], end=span[1], **fields)
    cli.run(lambda bus: _ask_all(cli, bus, spec, request))


async def _ask_all(cli: Cli, bus: Connection, spec: Spec, request: commands.RecordedLockRequest) -> None:
    """Ask every recorder: each has files of its own."""
    expected = {each.id for each in await ping(bus, SERVICE)}
    if not expected:
        raise CliError(
            "no recorder answers", hint="cambusctl services", exit_code=OFFLINE, reason="no-recorder"
        )
    outcomes = await BusClient(bus).broadcast_all(
        spec, request, timeout_s=cli.options.timeout_s, expected=len(expected)
    )
    refusals = [each for each in outcomes if isinstance(each, CambusError)]
    if refusals:
        raise refusals[0]
    replies = [each for each in outcomes if not isinstance(each, CambusError)]
    _show(cli, DONE[spec.verb], replies, sorted(expected - {reply.replica for reply in replies}))


def _show(cli: Cli, done: str, replies: Sequence[commands.RecordedLockReply], silent: Sequence[str]) -> None:
    files, total = sum(reply.segments for reply in replies), sum(reply.bytes for reply in replies)
    if cli.json:
        cli.out.document({done: files, "bytes": total, "silent": list(silent)})
        return
    cli.out.line(f"{done} {plural(files, 'file')}, {size(total)}" if files else "nothing is recorded there")
    if silent:
        cli.out.note(f"did not answer, so this may not be all: {', '.join(silent)}")
