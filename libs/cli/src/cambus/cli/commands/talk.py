"""`cambusctl talk`: say something through a device, and hear what its microphone hears."""

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn

from cambus.cli.files import check_target, replacing
from cambus.cli.invocation import Cli
from cambus.cli.parameters import Device
from cambus.cli.requests import call, made
from cambus.cli.sound import RATE, read_alaw, write_wav
from cambus.cli.talking import Microphone, Talk
from cambus.client.connection import Connection
from cambus.schemas.commands.talk import START, TalkStartRequest

app = typer.Typer(add_completion=False)


@app.command()
def talk(
    context: typer.Context,
    device: Device,
    *,
    file: Annotated[
        Path, typer.Option("--file", "-f", metavar="WAV", help="What to say.", show_default=False)
    ],
    channel: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="The camera to talk through; by default the device's own."),
    ] = None,
    listen: Annotated[
        Path | None,
        typer.Option("--listen", metavar="WAV", help="Write what its microphone hears meanwhile."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace that file if it exists.")] = False,
) -> None:
    """Say what is in a WAV file through the loudspeaker of a device.

    Any WAV file of plain PCM will do. Ctrl-C ends the talk at once. A device has one talker at a time: a second
    one is told that it is busy.

    cambusctl talk gate --file announcement.wav --listen answer.wav
    """
    cli = Cli.of(context)
    alaw = read_alaw(file)
    if listen is not None:
        check_target(listen, overwrite=overwrite)
    request = made(TalkStartRequest, channel=channel, claimant="cambusctl", codec="pcma", listen=True)

    async def work(bus: Connection) -> None:
        microphone = Microphone()
        begun = await call(cli, bus, START, request, device=device)
        await _say(cli, Talk(bus, device, begun, microphone), alaw)
        if listen is not None:
            with replacing(listen) as written:
                write_wav(written, bytes(microphone.pcm), microphone.rate)
        _report(cli, len(alaw) / RATE, microphone, listen)

    cli.run(work)


async def _say(cli: Cli, talk: Talk, alaw: bytes) -> None:
    console = cli.out.errors
    columns = (BarColumn(), TextColumn("{task.completed:.0f} of {task.total:.0f} s"))
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=len(alaw) / RATE)
        await talk.say(alaw, lambda said_s: bar.update(task, completed=said_s))


def _report(cli: Cli, said_s: float, microphone: Microphone, listen: Path | None) -> None:
    heard_s = round(microphone.seconds, 2)
    if cli.json:
        cli.out.document({"said_s": round(said_s, 2), "heard_s": heard_s, "file": listen and str(listen)})
        return
    cli.out.line(f"said {said_s:.1f} s" + ("" if listen is None else f", heard {heard_s:.1f} s: {listen}"))
    if listen is not None and not microphone.pcm:
        cli.out.note("the device sent no sound of its own")
