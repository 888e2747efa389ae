"""`cambusctl snapshot`: a still picture into a file."""

import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from cambus.cli.failures import CliError
from cambus.cli.files import check_target, replacing
from cambus.cli.formatting import local, size
from cambus.cli.invocation import Cli
from cambus.cli.parameters import Channel, Device, Stream
from cambus.cli.requests import call, made
from cambus.client.connection import Connection
from cambus.client.objects import ObjectDamaged
from cambus.client.pictures import fetch
from cambus.schemas.commands.snapshot import TAKE, SnapshotTakeRequest
from cambus.schemas.objects import PictureRef

app = typer.Typer(add_completion=False)

SUFFIXES: Final = {"image/jpeg": ".jpg", "image/png": ".png", "image/bmp": ".bmp"}


@app.command()
def snapshot(
    context: typer.Context,
    device: Device,
    channel: Channel,
    *,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Where to; - is standard output.",
            show_default="DEVICE-CHANNEL-TIME.jpg",
        ),
    ] = None,
    stream: Stream = "main",
    width: Annotated[int | None, typer.Option(min=16, max=8192, help="Wanted width in pixels.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file if it exists.")] = False,
) -> None:
    """Take a still picture and write it to a file."""
    cli = Cli.of(context)
    to_stdout = output == Path("-")
    if output is not None and not to_stdout:
        check_target(output, overwrite=overwrite)
    request = made(SnapshotTakeRequest, channel=channel, stream=stream, width=width)

    async def work(bus: Connection) -> None:
        picture = await call(cli, bus, TAKE, request, device=device)
        data = await _fetch(bus, picture)
        if to_stdout:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
            return
        target = output or Path(_name(device, channel, picture))
        check_target(target, overwrite=overwrite)
        with replacing(target) as file:
            file.write(data)
        if cli.json:
            cli.out.document({"file": str(target), "picture": picture})
            return
        pixels = f", {picture.width}x{picture.height}" if picture.width and picture.height else ""
        cli.out.line(f"{target}: {size(len(data))}{pixels}, taken {local(picture.taken_at)}")

    cli.run(work)


async def _fetch(connection: Connection, picture: PictureRef) -> bytes:
    try:
        return await fetch(connection, picture)
    except KeyError:
        raise CliError("the picture was taken, and is no longer in the object store") from None
    except ValueError as error:
        raise CliError(f"the picture is too large: {error}") from None
    except ObjectDamaged:
        raise CliError(
            "the picture in the object store is not the one that was taken", reason="digest"
        ) from None


def _name(device: str, channel: int, picture: PictureRef) -> str:
    time = picture.taken_at.astimezone().strftime("%Y%m%d-%H%M%S")
    return f"{device}-{channel}-{time}{SUFFIXES.get(picture.content_type, '.bin')}"
