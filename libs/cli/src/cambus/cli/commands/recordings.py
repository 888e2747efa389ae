"""`cambusctl recordings`: what is recorded, as a list and as MP4."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from cambus.bus.client import BusClient
from cambus.bus.connection import Bus
from cambus.cli.commands import device_recordings, recording_locks
from cambus.cli.commands.policy import app as policy
from cambus.cli.discovery import ping
from cambus.cli.exporting import Export, Question
from cambus.cli.failures import OFFLINE, CliError, UsageError
from cambus.cli.files import check_target
from cambus.cli.formatting import clean, duration, local, plural, size
from cambus.cli.groups import Group
from cambus.cli.invocation import Cli
from cambus.cli.parameters import Channel, Device, Stream
from cambus.cli.recorded import Recorded, Span, merge
from cambus.cli.requests import call, made
from cambus.cli.times import parse_range
from cambus.schemas.commands import recorder
from cambus.schemas.commands.recording import FIND, DeviceRecording, RecordingFindRequest
from cambus.schemas.errors import CambusError

app = typer.Typer(add_completion=False, cls=Group, help="Search, export, play and configure recordings.")
app.add_typer(policy, name="policy")

MAX_ON_DEVICE: Final = 10_000

From = Annotated[str, typer.Option("--from", metavar="TIME", help="From when, such as -2h or 14:30.")]
To = Annotated[str, typer.Option("--to", metavar="TIME", help="Until when.")]


@app.command()
def find(
    context: typer.Context,
    device: Device,
    only: Annotated[
        int | None,
        typer.Argument(metavar="CHANNEL", min=0, max=65535, help="Only this channel.", show_default=False),
    ] = None,
    *,
    channel: Annotated[int | None, typer.Option(min=0, max=65535, help="The same.")] = None,
    stream: Annotated[str | None, typer.Option(metavar="NAME", help="Only this stream.")] = None,
    start: From = "-24h",
    end: To = "now",
    on_device: Annotated[bool, typer.Option("--on-device", help="Search the device's own disk.")] = False,
) -> None:
    """Show what is recorded of a device, and what is missing.

    All recorders are asked, and their answers become one list. --on-device asks the device what it recorded
    itself.
    """
    cli = Cli.of(context)
    begin, finish = parse_range(start, end)
    if channel is None:
        channel = only
    elif only not in {None, channel}:
        raise UsageError("two different channels were named")
    if on_device:
        if channel is None:
            raise UsageError("--on-device needs a channel")
        cli.run(lambda bus: _find_on_device(cli, bus, device, (channel, stream, begin, finish)))
        return
    request = made(
        recorder.RecordedFindRequest, device=device, channel=channel, stream=stream, start=begin, end=finish
    )
    cli.run(lambda bus: _find(cli, bus, request))


async def _find(cli: Cli, bus: Bus, request: recorder.RecordedFindRequest) -> None:
    expected = {each.id for each in await ping(bus, recorder.SERVICE)}
    if not expected:
        raise CliError(
            "no recorder answers", hint="cambusctl services", exit_code=OFFLINE, reason="no-recorder"
        )
    outcomes = await BusClient(bus).broadcast_all(
        recorder.RECORDING_FIND, request, timeout_s=cli.options.timeout_s, expected=len(expected)
    )
    replies = [each for each in outcomes if not isinstance(each, CambusError)]
    refusals = [each for each in outcomes if isinstance(each, CambusError)]
    if not replies and refusals:
        raise refusals[0]
    missing = sorted(expected - {reply.replica for reply in replies})
    truncated = any(reply.truncated for reply in replies)
    _show_recorded(cli, merge(replies), missing, truncated=truncated)


def _show_recorded(cli: Cli, found: Sequence[Recorded], missing: Sequence[str], *, truncated: bool) -> None:
    if cli.json:
        cli.out.document({"recorded": _as_json(found), "silent": list(missing), "truncated": truncated})
    elif not found:
        cli.out.line("nothing is recorded in that time", "dim")
    for each in [] if cli.json else found:
        cli.out.line(f"channel {each.channel}, {each.stream}", "bold")
        rows = [
            (span.start, "locked" if span.locked else "recorded", span, _said(span)) for span in each.spans
        ]
        rows += [(gap.start, "missing", gap, gap.reason) for gap in each.gaps]  # type: ignore[misc]
        cli.out.table(
            ("", "from", "to", "length", ""),
            (
                (what, local(item.start), local(item.end), duration(item.seconds), more)
                for _, what, item, more in sorted(rows, key=lambda row: row[0])
            ),
        )
    if missing:
        cli.out.note(f"did not answer, so this may not be all: {', '.join(missing)}")
    if truncated:
        cli.out.note("there is more than fits: ask for less time")


def _said(span: Span) -> str:
    return f"{span.trigger.value}, {size(span.bytes)}, {', '.join(span.replicas)}"


def _as_json(found: Sequence[Recorded]) -> list[dict[str, Any]]:
    return [
        {
            "channel": each.channel,
            "stream": each.stream,
            "spans": [
                {
                    "start": span.start,
                    "end": span.end,
                    "bytes": span.bytes,
                    "replicas": span.replicas,
                    "trigger": span.trigger.value,
                    "locked": span.locked,
                }
                for span in each.spans
            ],
            "gaps": [{"start": gap.start, "end": gap.end, "reason": gap.reason} for gap in each.gaps],
        }
        for each in found
    ]


async def _find_on_device(
    cli: Cli, bus: Bus, device: str, wanted: tuple[int, str | None, datetime, datetime]
) -> None:
    channel, stream, begin, finish = wanted
    found: list[DeviceRecording] = []
    cursor: str | None = None
    complete = True
    while len(found) < MAX_ON_DEVICE:
        request = made(
            RecordingFindRequest, channel=channel, stream=stream, start=begin, end=finish, cursor=cursor
        )
        reply = await call(cli, bus, FIND, request, device=device)
        found += reply.recordings
        cursor, complete = reply.cursor, complete and reply.complete
        if cursor is None:
            break
    if cli.json:
        cli.out.document({"recordings": found, "complete": complete and cursor is None})
        return
    cli.out.table(
        ("from", "to", "size", "why", "id"),
        (
            (
                local(each.start),
                local(each.end),
                "" if each.bytes is None else size(each.bytes),
                each.event,
                clean(each.id),
            )
            for each in found
        ),
        empty="the device recorded nothing in that time",
    )
    if not complete:
        cli.out.note("the device ended the search early: there may be more")
    if cursor is not None:
        cli.out.note(f"there are more than {plural(len(found), 'recording')}: ask for less time")


@app.command()
def export(
    context: typer.Context,
    device: Device,
    channel: Channel,
    *,
    start: From = "-5m",
    end: To = "now",
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="The MP4 to write.", show_default=False)
    ],
    stream: Stream = "main",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file if it exists.")] = False,
) -> None:
    """Fetch a span of time as one MP4.

    It begins at the key frame before --from. An interrupted download goes on where it was when the same
    command is run again. The file gets its name once all of it is there.

    cambusctl recordings export gate 0 --from -10m -o gate.mp4
    """
    cli = Cli.of(context)
    begin, finish = parse_range(start, end)
    check_target(output, overwrite=overwrite)
    request = made(
        recorder.RecordingExportRequest,
        device=device,
        channel=channel,
        stream=stream,
        start=begin,
        end=finish,
    )
    cli.run(lambda bus: Export(cli, bus, Question(request, start, end), output).run())


recording_locks.register(app)
device_recordings.register(app)
