"""`cambusctl recordings play` and what viewers of a playback want: of a recorder's, or of a device's own."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Annotated, Any, Final

import typer
from rich.text import Text

from cambus.cli.commands.device_recordings import From, Recording, To, span_of
from cambus.cli.commands.live import OUTPUTS
from cambus.cli.failures import UsageError
from cambus.cli.formatting import local
from cambus.cli.invocation import Cli
from cambus.cli.output import table
from cambus.cli.parameters import Channel, Device, Stream
from cambus.cli.requests import call, made
from cambus.cli.times import parse_instant
from cambus.client.calling import BusClient
from cambus.client.connection import Connection
from cambus.schemas.commands import media_relay, playback, recording
from cambus.schemas.ids import RECORDER_SESSION_PREFIX, SESSION_PREFIX
from cambus.schemas.model import Message

Session = Annotated[
    str, typer.Argument(metavar="SESSION", help="As `recordings play` shows it.", show_default=False)
]

OF_DEVICE: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "pause": recording.PAUSE,
        "resume": recording.RESUME,
        "seek": recording.SEEK,
        "speed": recording.SPEED,
        "stop": recording.STOP,
    }
)
OF_RECORDER: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "pause": playback.PLAYBACK_PAUSE,
        "resume": playback.PLAYBACK_RESUME,
        "seek": playback.PLAYBACK_SEEK,
        "speed": playback.PLAYBACK_SPEED,
        "step": playback.PLAYBACK_STEP,
        "stop": playback.PLAYBACK_STOP,
    }
)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (play, pause, resume, seek, speed, step, stop):
        app.command()(command)


def play(
    context: typer.Context,
    device: Device,
    channel: Channel,
    recorded: Recording = None,
    *,
    start: From = None,
    end: To = None,
    at_speed: Annotated[
        float,
        typer.Option("--speed", metavar="FACTOR", help="1 is as it was; 0.25 to 16, below 0 backwards."),
    ] = 1.0,
    stream: Stream = "main",
    ttl: Annotated[
        float,
        typer.Option(
            "--ttl", metavar="SECONDS", min=5, max=3600, help="It ends when nobody watches so long."
        ),
    ] = 60.0,
    on_device: Annotated[
        bool, typer.Option("--on-device", help="Play what the device recorded itself; so does an ID.")
    ] = False,
) -> None:
    """Play what is recorded: print where to watch it.

    It begins when somebody watches, and ends a while after nobody does. While it plays, the commands pause, resume,
    seek, speed, step and stop take the session that is printed. The recorders play whether the device is there
    or not.

    cambusctl recordings play gate 0 --from 14:00
    """
    cli = Cli.of(context)
    if on_device or recorded is not None:
        begin, finish = span_of(recorded, start, end)
        request = made(
            recording.RecordingPlayRequest,
            channel=channel,
            recording=recorded,
            start=begin,
            end=finish,
            stream=stream,
            speed=at_speed,
            on_touch=True,
            claimant="cambusctl",
            ttl_s=ttl,
        )
        cli.run(lambda bus: _play_on_device(cli, bus, device, request))
        return
    if start is None:
        raise UsageError("wanted --from, or the ID of a recording on the device")
    opening = made(
        playback.PlaybackOpenRequest,
        device=device,
        channel=channel,
        stream=stream,
        start=parse_instant(start),
        end=end and parse_instant(end),
        speed=at_speed,
        on_touch=True,
        claimant="cambusctl",
        ttl_s=ttl,
    )
    cli.run(lambda bus: _play_recorded(cli, bus, opening))


async def _play_on_device(
    cli: Cli, bus: Connection, device: str, request: recording.RecordingPlayRequest
) -> None:
    reply = await call(cli, bus, recording.PLAY, request, device=device)
    name = SESSION_PREFIX + reply.session
    await _show(cli, bus, (device, request.channel, name), reply, None)


async def _play_recorded(cli: Cli, bus: Connection, request: playback.PlaybackOpenRequest) -> None:
    reply = await call(cli, bus, playback.PLAYBACK_OPEN, request)
    later = reply.start if reply.start > request.start else None
    await _show(cli, bus, (request.device, request.channel, reply.stream), reply, later)


async def _show(
    cli: Cli,
    bus: Connection,
    stream: tuple[str, int, str],
    reply: recording.RecordingPlayReply | playback.PlaybackOpenReply,
    later: datetime | None,
) -> None:
    device, channel, name = stream
    opening = made(media_relay.LiveOpenRequest, device=device, channel=channel, stream=name)
    urls = await call(cli, bus, media_relay.LIVE_OPEN, opening)
    if cli.json:
        cli.out.document({**urls.model_dump(mode="json"), **reply.model_dump(mode="json")})
        return
    known = ((output, getattr(urls, output), what) for output, what in OUTPUTS)
    rows = [(Text(output, "bold"), url, what) for output, url, what in known if url]
    cli.out.show(table(("output", "address", "for"), rows))
    cli.out.line(f"session {reply.session}")
    if later is not None:
        cli.out.note(f"nothing is recorded there; it begins {local(later)}")


def pause(context: typer.Context, device: Device, session: Session) -> None:
    """Hold a playback."""
    _tell(context, device, session, "pause")


def resume(context: typer.Context, device: Device, session: Session) -> None:
    """Go on with a playback."""
    _tell(context, device, session, "resume")


def seek(
    context: typer.Context,
    device: Device,
    session: Session,
    time: Annotated[
        str, typer.Argument(metavar="TIME", help="Where to go on, such as 14:30.", show_default=False)
    ],
) -> None:
    """Go on playing from another time."""
    _tell(context, device, session, "seek", at=parse_instant(time))


def speed(
    context: typer.Context,
    device: Device,
    session: Session,
    factor: Annotated[
        float,
        typer.Argument(
            metavar="FACTOR", help="1 is as it was; 0.25 to 16, below 0 backwards.", show_default=False
        ),
    ],
) -> None:
    """Play faster, slower or backwards."""
    _tell(context, device, session, "speed", speed=factor)


def step(
    context: typer.Context,
    device: Device,
    session: Session,
    *,
    back: Annotated[bool, typer.Option("--back", help="The key frame before.")] = False,
) -> None:
    """Hold a playback of a recorder, and show one picture more."""
    _tell(context, device, session, "step", backwards=back)


def stop(context: typer.Context, device: Device, session: Session) -> None:
    """End a playback, or a download."""
    _tell(context, device, session, "stop")


def _tell(context: typer.Context, device: str, session: str, action: str, **fields: Any) -> None:
    cli = Cli.of(context)
    of_recorder = session.startswith(RECORDER_SESSION_PREFIX)
    known = OF_RECORDER if of_recorder else OF_DEVICE
    if action not in known:
        raise UsageError(f"{action}: only playbacks of a recorder can do that")
    spec = known[action]
    request: Message = made(spec.request, session=session, **fields)

    async def work(bus: Connection) -> None:
        if of_recorder:
            reply = await BusClient(bus).call_holder(spec, request, timeout_s=cli.options.timeout_s)
        else:
            reply = await call(cli, bus, spec, request, device=device)
        if cli.json:
            cli.out.document(reply)
        elif isinstance(reply, playback.PlaybackState):
            cli.out.line(f"{reply.state} at {local(reply.position)}, {reply.speed:g} times, {reply.replica}")

    cli.run(work)
