"""`cambusctl recordings` for what devices recorded themselves: fetching it."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

from cambus.cli.failures import FAILED, UsageError
from cambus.cli.fetching import Fetch, Order
from cambus.cli.files import check_target
from cambus.cli.formatting import clean, size
from cambus.cli.invocation import Cli
from cambus.cli.parameters import Channel, Device, Stream
from cambus.cli.requests import made
from cambus.cli.times import parse_instant, parse_range
from cambus.client.connection import Connection
from cambus.schemas.commands import recording
from cambus.schemas.transfer import TransferEnd, TransferOutcome

Recording = Annotated[
    str | None,
    typer.Argument(
        metavar="ID", help="A recording, as `recordings find --on-device` shows it.", show_default=False
    ),
]
From = Annotated[
    str | None,
    typer.Option("--from", metavar="TIME", help="From when, such as -2h or 14:30.", show_default=False),
]
To = Annotated[str | None, typer.Option("--to", metavar="TIME", help="Until when.", show_default=False)]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(download)


def download(
    context: typer.Context,
    device: Device,
    channel: Channel,
    recorded: Recording = None,
    *,
    start: From = None,
    end: To = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="The file to write.", show_default=False)
    ],
    mp4: Annotated[bool, typer.Option("--mp4", help="As MP4 instead of the device's own format.")] = False,
    stream: Stream = "main",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file if it exists.")] = False,
    wait: Annotated[
        float, typer.Option("--wait", metavar="SECONDS", min=0, help="Try so long while the device is away.")
    ] = 60.0,
) -> None:
    """Fetch a recording off the device, or what it recorded in a span of time.

    Nothing is re-encoded. An interrupted download goes on where it was when the same command is run again. The file
    gets its name once all of it is there and its digest is right.

    cambusctl recordings download gate 0 --from 14:00 --to 14:05 --mp4 -o gate.mp4
    """
    cli = Cli.of(context)
    check_target(output, overwrite=overwrite)
    begin, finish = span_of(recorded, start, end)
    request = made(
        recording.RecordingDownloadRequest,
        channel=channel,
        recording=recorded,
        start=begin,
        end=finish,
        stream=stream,
        format=recording.DownloadFormat.MP4 if mp4 else recording.DownloadFormat.NATIVE,
    )
    typed = {
        **request.model_dump(mode="json", exclude={"start", "end", "resume"}),
        "device": device,
        "from": start,
        "to": end,
    }

    async def work(bus: Connection) -> int:
        fetch = Fetch(cli, bus, Order(device, request, typed), output, patience_s=wait)
        return _fetched(cli, output, await _with_bar(cli, fetch))

    cli.run(work)


def span_of(
    recorded: str | None, start: str | None, end: str | None
) -> tuple[datetime | None, datetime | None]:
    """The span that was typed: all of it, or with a recording any part."""
    if start is not None and end is not None:
        return parse_range(start, end)
    if recorded is None:
        raise UsageError("wanted the ID of a recording, or --from and --to")
    return start and parse_instant(start), end and parse_instant(end)  # type: ignore[return-value]  # no empty texts


async def _with_bar(cli: Cli, fetch: Fetch) -> TransferEnd:
    console = cli.out.errors
    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=None)

        def progress(have: int, about: int | None) -> None:
            bar.update(task, completed=have, total=None if about is None else max(have, about))

        return await fetch.run(progress)


def _fetched(cli: Cli, output: Path, end: TransferEnd) -> int:
    """Say what there is now; the exit code."""
    short = [part for part in end.parts if part.outcome is not TransferOutcome.COMPLETE]
    if cli.json:
        cli.out.document({"file": str(output), **end.model_dump(mode="json")})
    else:
        cli.out.line(f"{output}: {size(end.bytes)}, SHA-256 {end.sha256}")
    for part in short:
        cli.out.note(f"the device stopped early: {clean(part.name)}, {size(part.bytes)}")
    return FAILED if end.outcome is not TransferOutcome.COMPLETE else 0
