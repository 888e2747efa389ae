"""`cambusctl firmware`: the images upgrades are made of."""

import re
from pathlib import Path
from typing import Annotated, Final

import typer
from pydantic import TypeAdapter, ValidationError
from rich.progress import BarColumn, DownloadColumn, Progress, TransferSpeedColumn

from cambus.bus.connection import Bus
from cambus.bus.objects import ObjectStore
from cambus.cli.failures import REFUSED, CliError, UsageError
from cambus.cli.files import pieces_of
from cambus.cli.formatting import local, size
from cambus.cli.groups import Group
from cambus.cli.invocation import Cli
from cambus.cli.parameters import Yes
from cambus.schemas.assets import OBJECTS_FIRMWARE
from cambus.schemas.ids import ObjectName

app = typer.Typer(add_completion=False, cls=Group, help="Keep firmware images.")

MAX_BYTES: Final = 1 << 30
_OBJECT_NAME: Final[TypeAdapter[str]] = TypeAdapter(ObjectName)

Image = Annotated[str, typer.Argument(metavar="IMAGE", help="Its name.", show_default=False)]


@app.command()
def put(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The image.", show_default=False)],
    *,
    name: Annotated[
        str | None,
        typer.Option(help="What to call it, such as nbd8016/R12.bin.", show_default="the file's name"),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the image of that name.")] = False,
) -> None:
    """Store a firmware image. Nothing is sent to any device."""
    cli = Cli.of(context)
    called = _checked(name or re.sub(r"[^A-Za-z0-9_=.-]", "_", file.name))
    if not file.is_file():
        raise UsageError(f"there is no file {file}")

    async def work(bus: Bus) -> None:
        store = ObjectStore(bus, OBJECTS_FIRMWARE)
        if not overwrite and await store.info(called) is not None:
            raise UsageError(f"there is an image {called} already", hint="--overwrite replaces it")
        console = cli.out.errors
        columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn())
        with (
            file.open("rb") as content,
            Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar,
            bar.wrap_file(content, total=file.stat().st_size) as watched,
        ):
            stored = await store.put(
                called, pieces_of(watched), headers={"file": file.name}, max_bytes=MAX_BYTES
            )
        if cli.json:
            cli.out.document({"image": called, "bytes": stored.bytes, "sha256": stored.sha256})
            return
        cli.out.line(f"{called}: {size(stored.bytes)}, sha256 {stored.sha256}")

    cli.run(work)


@app.command("list")
def list_images(context: typer.Context) -> None:
    """List the firmware images."""
    cli = Cli.of(context)

    async def work(bus: Bus) -> None:
        images = await ObjectStore(bus, OBJECTS_FIRMWARE).list()
        if cli.json:
            cli.out.document(
                [
                    {"image": each.name, "bytes": each.bytes, "sha256": each.sha256, "stored": each.modified}
                    for each in images
                ]
            )
            return
        rows = ((each.name, size(each.bytes), local(each.modified), each.sha256) for each in images)
        cli.out.table(
            ("image", "size", "stored", "sha256"), rows, empty="no images: cambusctl firmware put FILE"
        )

    cli.run(work)


@app.command()
def delete(context: typer.Context, image: Image, *, yes: Yes = False) -> None:
    """Remove an image; campaigns that still need it will fail."""
    cli = Cli.of(context)

    async def work(bus: Bus) -> None:
        store = ObjectStore(bus, OBJECTS_FIRMWARE)
        if await store.info(image) is None:
            raise CliError(
                f"there is no image {image}",
                hint="cambusctl firmware list",
                exit_code=REFUSED,
                code=404,
                reason="no-such-image",
            )
        cli.confirm(f"Remove the image {image}?", yes=yes)
        await store.delete(image)
        if cli.json:
            cli.out.document({"deleted": image})
        else:
            cli.out.line(f"deleted {image}")

    cli.run(work)


def _checked(name: str) -> str:
    try:
        return _OBJECT_NAME.validate_python(name)
    except ValidationError:
        raise UsageError(
            f"{name!r} is no name for an image: wanted A-Z a-z 0-9 _ = - . / not starting with . or /"
        ) from None
