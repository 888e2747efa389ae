"""`cambus-sim rtsp`: simulated RTSP cameras from the command line."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Final

import typer
from aiohttp import web

from cambus.media.frame import Codec
from cambus.simulators.control_port import ControlPort, bad_request, read_json, reboot, set_quirks
from cambus.simulators.rtsp.publisher import PublishingCamera
from cambus.simulators.rtsp.quirks import Quirks
from cambus.simulators.rtsp.simulator import RtspSimulator
from cambus.simulators.rtsp.source import MediaPlan
from cambus.simulators.running import open_control, read_password, read_quirks, switched, until_stopped

_CODECS: Final = {"h264": Codec.H264, "h265": Codec.H265}


class ControlServer(ControlPort):
    """The control API of a camera: `GET /state`, `GET /quirks`, `POST /quirks`, `POST /reboot`."""

    def __init__(self, camera: RtspSimulator | PublishingCamera) -> None:
        super().__init__()
        self._camera = camera

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Say what can be asked."""
        router.add_get("/state", self._state)
        router.add_get("/quirks", self._quirks)
        router.add_post("/quirks", self._set_quirks)
        router.add_post("/reboot", self._reboot)

    async def _state(self, _request: web.Request) -> web.Response:
        return web.json_response(self._camera.state())

    async def _quirks(self, _request: web.Request) -> web.Response:
        rows = [
            {"name": name, "values": values, "default": default, "doc": doc}
            for name, values, default, doc in Quirks.describe()
        ]
        return web.json_response({"quirks": self._camera.quirks.as_json(), "known": rows})

    async def _set_quirks(self, request: web.Request) -> web.Response:
        try:
            return web.json_response(await set_quirks(self._camera, await read_json(request)))
        except ValueError as error:
            raise bad_request(str(error)) from None

    async def _reboot(self, request: web.Request) -> web.Response:
        return web.json_response(await reboot(self._camera, await read_json(request)))


def rtsp(
    *,
    user: Annotated[str, typer.Option(help="Who may watch.")],
    password: Annotated[str, typer.Option(help="With what; others on this host can see it.")] = "",
    password_file: Annotated[Path | None, typer.Option(help="Read the password from a file instead.")] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="TCP port; 0 takes any free one.")] = 554,
    channels: Annotated[int, typer.Option(min=1, max=64, help="Cameras, at /ch1/main, /ch1/sub …")] = 1,
    control_port: Annotated[
        int | None, typer.Option(help="HTTP control on loopback; 0 takes any free port.")
    ] = None,
    codec: Annotated[str, typer.Option(help="Pictures: h264 or h265.")] = "h264",
    fps: Annotated[int, typer.Option(min=1, max=31, help="Pictures per second.")] = 25,
    publish: Annotated[
        str,
        typer.Option(
            metavar="URL",
            help="Push the streams there (rtsp, rtsps, rtmp, rtmps) instead of listening, the sub stream to URL/sub.",
        ),
    ] = "",
    quirk: Annotated[list[str] | None, typer.Option(help="name=value; may be given several times.")] = None,
) -> None:
    """Run a simulated RTSP camera until SIGTERM or SIGINT."""
    if codec not in _CODECS:
        raise typer.BadParameter(f"--codec {codec}: want h264 or h265")
    plan = MediaPlan().coded(_CODECS[codec])
    media = MediaPlan(replace(plan.main, fps=fps), replace(plan.sub, fps=fps))
    quirks = switched(Quirks, read_quirks(quirk, Quirks))
    secret = read_password(password, password_file)
    try:
        if publish:
            pushing = PublishingCamera(
                publish, user=user, password=secret, channels=channels, media=media, quirks=quirks
            )
            asyncio.run(_run_publishing(pushing, control_port))
            return
        camera = RtspSimulator(
            user=user,
            password=secret,
            host=host,
            port=port,
            channels=channels,
            media=media,
            quirks=quirks,
        )
        asyncio.run(_run(camera, control_port))
    except ValueError as error:
        raise typer.BadParameter(f"--publish: {error}") from None
    except OSError as error:
        typer.echo(f"cambus-sim: {error}", err=True)
        raise typer.Exit(1) from None


async def _run(camera: RtspSimulator, control_port: int | None) -> None:
    async with until_stopped() as stack:
        await stack.enter_async_context(camera)
        await open_control(stack, ControlServer(camera), control_port)
        typer.echo(f"rtsp device on {camera.host}:{camera.port}")
        await camera.prepare()


async def _run_publishing(camera: PublishingCamera, control_port: int | None) -> None:
    async with until_stopped() as stack:
        await stack.enter_async_context(camera)
        await open_control(stack, ControlServer(camera), control_port)
        typer.echo("rtsp device publishes")
