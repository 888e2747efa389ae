"""``cambus-sim``: simulated devices from the command line."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer

from cambus.dvrip.errors import TransportError
from cambus.media.frame import Codec
from cambus.simulators.dvrip.archive import ArchivePlan
from cambus.simulators.dvrip.control import ControlServer
from cambus.simulators.dvrip.discovery import DiscoveryResponder
from cambus.simulators.dvrip.media_plan import MediaPlan
from cambus.simulators.dvrip.quirks import Quirks
from cambus.simulators.dvrip.simulator import DvripSimulator
from cambus.simulators.gb28181.command import gb28181
from cambus.simulators.gb28181.upper_command import gb28181_upper
from cambus.simulators.rtsp.command import rtsp
from cambus.simulators.running import open_control, read_password, read_quirks, switched, until_stopped
from cambus.simulators.video_file import load_video
from cambus.simulators.video_loop import VideoSpec

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Simulated surveillance devices.")

_CODECS: Final = {"h264": Codec.H264, "h265": Codec.H265}


@app.callback()
def _root() -> None:
    """Simulated surveillance devices."""


@app.command()
def dvrip(
    *,
    user: Annotated[str, typer.Option(help="Name of the administrator.")],
    password: Annotated[str, typer.Option(help="Its password; others on this host can see it.")] = "",
    password_file: Annotated[Path | None, typer.Option(help="Read the password from a file instead.")] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="TCP port; 0 takes any free one.")] = 34567,
    devices: Annotated[int, typer.Option(min=1, help="How many devices, on consecutive ports.")] = 1,
    first: Annotated[
        int, typer.Option(min=0, help="Number of the first; serial numbers follow from it.")
    ] = 0,
    channels: Annotated[int, typer.Option(min=1, max=64, help="Cameras per device.")] = 4,
    control_port: Annotated[
        int | None, typer.Option(help="HTTP control on loopback; 0 takes any free port.")
    ] = None,
    discovery_port: Annotated[int | None, typer.Option(help="Answer searches on this UDP port.")] = None,
    alarm_every: Annotated[float, typer.Option(help="Seconds between motion alarms; 0: none.")] = 0.0,
    alarm_centre: Annotated[str, typer.Option(help="HOST:PORT to send alarms to.")] = "",
    register: Annotated[
        str, typer.Option(help="HOST:PORT of a platform to dial, with the same account.")
    ] = "",
    register_as: Annotated[
        str, typer.Option(help="DeviceID to register with; by default numbers. Needs --devices 1.")
    ] = "",
    quirk: Annotated[list[str] | None, typer.Option(help="name=value; may be given several times.")] = None,
    main_size: Annotated[str, typer.Option(help="Main stream, WIDTHxHEIGHT.")] = "640x480",
    main_bitrate: Annotated[int, typer.Option(help="Main stream, kbit/s.")] = 800,
    fps: Annotated[int, typer.Option(min=1, max=31, help="Pictures per second.")] = 25,
    codec: Annotated[
        str, typer.Option(help="Main stream: h264, h265 or alternate by channel.")
    ] = "alternate",
    video: Annotated[
        list[Path] | None,
        typer.Option(help="Show this H.264 or H.265 file as main stream; with several, channels take turns."),
    ] = None,
    recordings: Annotated[int, typer.Option(min=1, help="Recordings per channel.")] = 90,
    recording_seconds: Annotated[int, typer.Option(min=1, help="Length of each.")] = 60,
    utc_offset: Annotated[int, typer.Option(help="Minutes the device's clock is ahead of UTC.")] = 0,
    seed: Annotated[int | None, typer.Option(help="Seed of all chance, to reproduce a run.")] = None,
) -> None:
    """Run simulated Xiongmai DVRIP recorders until SIGTERM or SIGINT."""
    secret = read_password(password, password_file)
    values = read_quirks(quirk, Quirks)
    plan = _plan(main_size, main_bitrate, fps, codec, video or [])
    centre = _address(alarm_centre) if alarm_centre else None
    platform = _address(register) if register else None
    if register_as and devices > 1:
        raise typer.BadParameter("--register-as names one device")
    sims = [
        DvripSimulator(
            user=user,
            password=secret,
            channels=channels,
            host=host,
            port=port + index if port else 0,
            index=first + index,
            quirks=switched(Quirks, values),
            media=plan,
            archive=ArchivePlan(recordings, recording_seconds),
            seed=seed + index if seed is not None else None,
            utc_offset_minutes=utc_offset,
            alarm_every_s=alarm_every,
        )
        for index in range(devices)
    ]
    try:
        asyncio.run(_run(sims, _Surroundings(control_port, discovery_port, centre, platform, register_as)))
    except TransportError as error:
        typer.echo(f"cambus-sim: {error}", err=True)
        raise typer.Exit(1) from None


app.command()(gb28181)
app.command("gb28181-upper")(gb28181_upper)
app.command()(rtsp)


def main() -> None:
    """Entry point."""
    app()


@dataclass(frozen=True, slots=True)
class _Surroundings:
    """What else there is to listen to and to dial."""

    control_port: int | None
    discovery_port: int | None
    centre: tuple[str, int] | None
    platform: tuple[str, int] | None
    register_as: str


async def _run(sims: list[DvripSimulator], around: _Surroundings) -> None:
    async with until_stopped() as stack:
        for sim in sims:
            await stack.enter_async_context(sim)
            if around.centre is not None:
                sim.report_to(*around.centre)
        await open_control(stack, ControlServer(sims), around.control_port)
        if around.discovery_port is not None:
            responder = DiscoveryResponder(sims)
            await responder.start(sims[0].host, around.discovery_port)
            stack.callback(responder.close)
            typer.echo(f"discovery on udp {sims[0].host}:{responder.port}")
        for number, sim in enumerate(sims):
            typer.echo(f"dvrip device {number} on {sim.host}:{sim.port}")
        await sims[0].prepare(2)
        if around.platform is not None:
            for sim in sims:
                sim.register(*around.platform, device_id=around.register_as)


def _plan(size: str, kbit: int, fps: int, codec: str, videos: list[Path]) -> MediaPlan:
    width, _, height = size.partition("x")
    if not (width.isdigit() and height.isdigit()) or int(width) % 8 or int(height) % 8:
        raise typer.BadParameter(f"--main-size {size}: want WIDTHxHEIGHT in multiples of 8")
    if codec not in {*_CODECS, "alternate"}:
        raise typer.BadParameter(f"--codec {codec}: want h264, h265 or alternate")
    main = VideoSpec(_CODECS.get(codec, Codec.H264), int(width), int(height), fps, kbit * 1000)
    sub = VideoSpec(width=320, height=240, fps=fps, bitrate=256_000)
    try:
        loops = tuple(load_video(path) for path in videos)
    except ValueError as error:
        raise typer.BadParameter(f"--video {error}") from None
    return MediaPlan(main, sub, Codec.H265 if codec == "alternate" else None, loops)


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit():
        raise typer.BadParameter(f"{text}: want HOST:PORT")
    return host, int(port)
