"""`cambusctl upgrade images`: the images upgrades are made of, and for which devices they are."""

import asyncio
import hashlib
import os
import re
from pathlib import Path
from typing import Annotated, Final

import typer
from pydantic import TypeAdapter, ValidationError
from rich.progress import BarColumn, DownloadColumn, Progress, TransferSpeedColumn

from cambus.bus.firmware import FirmwareKeyError, FirmwareStore, StoredImage, signed
from cambus.cli.failures import REFUSED, CliError, UsageError
from cambus.cli.files import pieces_of
from cambus.cli.formatting import clean, local, size
from cambus.cli.groups import Group
from cambus.cli.invocation import Cli
from cambus.cli.parameters import Yes
from cambus.cli.requests import made
from cambus.client.connection import Connection
from cambus.schemas.ids import ObjectName
from cambus.schemas.state.firmware import FirmwareImage

app = typer.Typer(add_completion=False, cls=Group, help="Keep firmware images.")

MAX_BYTES: Final = 512 << 20
READ_BYTES: Final = 1 << 20
_OBJECT_NAME: Final[TypeAdapter[str]] = TypeAdapter(ObjectName)

Image = Annotated[str, typer.Argument(metavar="IMAGE", help="Its name.", show_default=False)]


@app.command()
def add(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The image.", show_default=False)],
    *,
    name: Annotated[
        str | None,
        typer.Option(help="What to call it, such as nbd8016/R12.bin.", show_default="the file's name"),
    ] = None,
    version: Annotated[
        str | None, typer.Option(help="The version devices report that run it.", show_default="not known")
    ] = None,
    model: Annotated[
        list[str] | None, typer.Option(metavar="GLOB", help="A model it is for; may be repeated.")
    ] = None,
    hardware: Annotated[
        list[str] | None, typer.Option(metavar="GLOB", help="Hardware it is for; may be repeated.")
    ] = None,
    vendor: Annotated[
        list[str] | None, typer.Option(metavar="GLOB", help="A maker it is for; may be repeated.")
    ] = None,
    protocol: Annotated[list[str] | None, typer.Option(help="A protocol it is for; may be repeated.")] = None,
    over: Annotated[
        list[str] | None,
        typer.Option(metavar="GLOB", help="A version it may be installed over; may be repeated."),
    ] = None,
    notes: Annotated[str, typer.Option(help="What is to be known about it.")] = "",
    sign_with: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Private key (Ed25519, PEM) to sign it with.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the image of that name.")] = False,
) -> None:
    """Store a firmware image and say which devices it is for. Nothing is sent to any device.

    What is not said of it is not checked: an image without --model is for any model.
    """
    cli = Cli.of(context)
    called = _checked(name or re.sub(r"[^A-Za-z0-9_=.-]", "_", file.name))
    if not file.is_file():
        raise UsageError(f"there is no file {file}")
    if file.stat().st_size == 0:
        raise UsageError(f"{file} is empty")
    about = made(
        FirmwareImage,
        version=version,
        models=model or [],
        hardware=hardware or [],
        vendors=vendor or [],
        protocols=protocol or [],
        from_versions=over or [],
        notes=notes,
        file=file.name[:255],
    )

    async def work(bus: Connection) -> None:
        store = FirmwareStore(bus)
        if not overwrite and await store.info(called) is not None:
            raise UsageError(f"there is an image {called} already", hint="--overwrite replaces it")
        digest = await asyncio.to_thread(_digest, file)
        said = about
        if sign_with is not None:
            try:
                said = signed(about, called, digest, sign_with)
            except FirmwareKeyError as error:
                raise UsageError(str(error)) from None
        stored = await _put(cli, store, called, file, said, digest)
        if cli.json:
            cli.out.document(_document(stored))
        else:
            cli.out.line(f"{called}: {size(stored.bytes)}, sha256 {stored.sha256}")

    cli.run(work)


async def _put(
    cli: Cli, store: FirmwareStore, name: str, file: Path, about: FirmwareImage, digest: str
) -> StoredImage:
    """Store a file, with a bar for people."""
    console = cli.out.errors
    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with (
        file.open("rb") as content,
        Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar,
        bar.wrap_file(content, total=os.fstat(content.fileno()).st_size) as watched,
    ):
        try:
            return await store.put(name, pieces_of(watched), about, sha256=digest, max_bytes=MAX_BYTES)
        except ValueError as error:
            raise UsageError(str(error)) from None


@app.command("list")
def list_images(context: typer.Context) -> None:
    """List the firmware images."""
    cli = Cli.of(context)

    async def work(bus: Connection) -> None:
        images = await FirmwareStore(bus).list()
        if cli.json:
            cli.out.document([_document(each) for each in images])
            return
        rows = (
            (
                each.name,
                size(each.bytes),
                each.about.version or "",
                ", ".join(each.about.models),
                "yes" if each.about.signature else "",
                local(each.stored_at),
                each.sha256[:16],
            )
            for each in images
        )
        columns = ("image", "size", "version", "models", "signed", "stored", "sha256")
        cli.out.table(columns, rows, empty="no images: cambusctl upgrade images add FILE")

    cli.run(work)


@app.command()
def show(context: typer.Context, image: Image) -> None:
    """Show all that is known of an image."""
    cli = Cli.of(context)

    async def work(bus: Connection) -> None:
        found = await FirmwareStore(bus).info(image)
        if found is None:
            raise no_such_image(image)
        if cli.json:
            cli.out.document(_document(found))
            return
        about = found.about
        rows = (
            ("image", found.name),
            ("version", about.version or "not known"),
            ("models", ", ".join(about.models) or "any"),
            ("hardware", ", ".join(about.hardware) or "any"),
            ("vendors", ", ".join(about.vendors) or "any"),
            ("protocols", ", ".join(about.protocols) or "any"),
            ("over", ", ".join(about.from_versions) or "any version"),
            ("size", f"{size(found.bytes)} ({found.bytes} bytes)"),
            ("sha256", found.sha256),
            ("signed", f"with key {about.key}" if about.signature else "no"),
            ("file", about.file),
            ("stored", local(found.stored_at)),
            ("notes", about.notes),
        )
        cli.out.table(("", ""), ((what, clean(said)) for what, said in rows if said))

    cli.run(work)


@app.command()
def remove(context: typer.Context, image: Image, *, yes: Yes = False) -> None:
    """Remove an image; campaigns that still need it are paused."""
    cli = Cli.of(context)

    async def work(bus: Connection) -> None:
        store = FirmwareStore(bus)
        if await store.info(image) is None:
            raise no_such_image(image)
        cli.confirm(f"Remove the image {image}?", yes=yes)
        await store.remove(image)
        if cli.json:
            cli.out.document({"removed": image})
        else:
            cli.out.line(f"removed {image}")

    cli.run(work)


def no_such_image(image: str) -> CliError:
    """What to say where there is no such image."""
    return CliError(
        f"there is no image {image}",
        hint="cambusctl upgrade images list; cambusctl upgrade images add FILE",
        exit_code=REFUSED,
        code=404,
        reason="no-such-image",
    )


def _document(image: StoredImage) -> dict[str, object]:
    return {
        "image": image.name,
        "bytes": image.bytes,
        "sha256": image.sha256,
        "stored": image.stored_at,
        "about": image.about,
    }


def _digest(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as content:
        while piece := content.read(READ_BYTES):
            digest.update(piece)
    return digest.hexdigest()


def _checked(name: str) -> str:
    try:
        return _OBJECT_NAME.validate_python(name)
    except ValidationError:
        raise UsageError(
            f"{name!r} is no name for an image: wanted A-Z a-z 0-9 _ = - . / not starting with . or /"
        ) from None
