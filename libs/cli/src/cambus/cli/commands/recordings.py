"""`cambusctl recordings`: what is recorded, as a list and as MP4."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from cambus.cli.commands import (
    device_recordings,
    playing,
    recorder_streams,
    recording_copies,
    recording_locks,
)
from cambus.cli.commands.policy import app as policy
from cambus.cli.exporting import Export, Question
from cambus.cli.failures import UsageError
from cambus.cli.files import check_target
from cambus.cli.formatting import clean, duration, local, plural, size
from cambus.cli.groups import Group
from cambus.cli.invocation import Cli
from cambus.cli.parameters import Channel, Device, From, Stream, To
from cambus.cli.recorded import PAGE, Found, search
from cambus.cli.requests import call, made
from cambus.cli.times import parse_range
from cambus.client.connection import Connection
from cambus.schemas.commands import recorder
from cambus.schemas.commands.recorder import FoundSpan
from cambus.schemas.commands.recording import FIND, DeviceRecording, RecordingFindRequest
from cambus.schemas.spans import CopyState

app = typer.Typer(add_completion=False, cls=Group, help="Search, export, play and configure recordings.")
app.add_typer(policy, name="policy")

MAX_ON_DEVICE: Final = 10_000
_COPIES: Final = {
    CopyState.PENDING: "to be copied",
    CopyState.PARTLY: "copied in part",
    CopyState.COPIED: "copied",
}


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
    alarms: Annotated[bool, typer.Option("--alarms/--no-alarms", help="Show the alarms too.")] = True,
    on_device: Annotated[bool, typer.Option("--on-device", help="Search the device's own disk.")] = False,
) -> None:
    """Show what is recorded of a device, and what is missing.

    All recorders are asked, and their answers become one list, with the alarms of that time. --on-device asks
    the device what it recorded itself.
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
        recorder.RecordingSearchRequest,
        device=device,
        channel=channel,
        stream=stream,
        start=begin,
        end=finish,
        alarms=alarms,
        limit=PAGE,
    )
    cli.run(lambda bus: _find(cli, bus, request))


async def _find(cli: Cli, bus: Connection, request: recorder.RecordingSearchRequest) -> None:
    found = await search(cli, bus, request)
    if cli.json:
        cli.out.document(found.as_json())
        return
    if not found.streams:
        cli.out.line("nothing is recorded in that time", "dim")
    for channel, stream in found.streams:
        cli.out.line(f"channel {channel}, {stream}", "bold")
        cli.out.table(("", "from", "to", "length", ""), _rows(found, channel, stream))
    if found.silent:
        cli.out.note(f"did not answer, so this may not be all: {', '.join(found.silent)}")
    if not found.alarms_known:
        cli.out.note("the alarms could not be read")
    if not found.complete:
        cli.out.note("there is more than fits: ask for less time")


def _said(span: FoundSpan) -> str:
    said = [span.trigger.value, size(span.bytes), *span.replicas]
    return ", ".join(said if span.copies is None else [*said, _COPIES[span.copies]])


def _rows(found: Found, channel: int, stream: str) -> list[tuple[str, str, str, str, str]]:
    """What there is of a stream, by time, with the alarms of its channel."""
    spans = [each for each in found.spans if (each.channel, each.stream) == (channel, stream)]
    gaps = [each for each in found.gaps if (each.channel, each.stream) == (channel, stream)]
    alarms = [each for each in found.alarms if each.channel in {None, channel}]
    rows = [
        *((each.start, "locked" if each.locked else "recorded", each.end, _said(each)) for each in spans),
        *((each.start, "missing", each.end, each.reason.value) for each in gaps),
        *((each.start, "alarm", each.end, clean(f"{each.type} {each.text}".strip())) for each in alarms),
    ]
    return [
        (
            what,
            local(start),
            "" if end is None else local(end),
            "" if end is None else duration((end - start).total_seconds()),
            more,
        )
        for start, what, end, more in sorted(rows, key=lambda row: row[:2])
    ]


async def _find_on_device(
    cli: Cli, bus: Connection, device: str, wanted: tuple[int, str | None, datetime, datetime]
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
        Path, typer.Option("--output", "-o", metavar="FILE", help="The file to write.", show_default=False)
    ],
    stream: Stream = "main",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file if it exists.")] = False,
    close_gaps: Annotated[
        bool, typer.Option("--close-gaps", help="Leave times without recordings out.")
    ] = False,
) -> None:
    """Fetch a span of time as one MP4, or as MPEG-TS if the name of the file ends in .ts.

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
        gaps="close" if close_gaps else "keep",
        container="ts" if output.suffix.lower() == ".ts" else "mp4",
    )
    cli.run(lambda bus: Export(cli, bus, Question(request, start, end), output).run())


recorder_streams.register(app)
recording_locks.register(app)
recording_copies.register(app)
device_recordings.register(app)
playing.register(app)
