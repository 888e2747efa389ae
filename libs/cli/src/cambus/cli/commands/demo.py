"""`cambusctl demo`: the whole suite with simulated devices."""

import asyncio
from pathlib import Path

import typer

from cambus.cli.invocation import Cli
from cambus.cli.parameters import (
    DataFolder,
    HttpPort,
    NatsPort,
    RtspPort,
    SipPort,
    WebrtcPort,
    refuse_other_nats,
)
from cambus.cli.stack.demo import Demo
from cambus.cli.stack.options import StackOptions

app = typer.Typer(add_completion=False)


@app.command()
def demo(
    context: typer.Context,
    *,
    data: DataFolder = Path("var"),
    nats_port: NatsPort = 4222,
    http_port: HttpPort = 8080,
    rtsp_port: RtspPort = 8554,
    sip_port: SipPort = 5060,
    webrtc_port: WebrtcPort = 8189,
) -> None:
    """Run everything on this machine with simulated devices, until Ctrl-C.

    A recorder with four cameras, a single camera, a recorder that dials in, a GB/T 28181 camera that registers and an
    RTSP camera, H.264 and H.265 with sound, an alarm every 30 seconds; all of it is recorded. It says what to watch
    and what to try.
    """
    cli = Cli.of(context)
    refuse_other_nats(cli)
    options = StackOptions(data, nats_port, http_port, rtsp_port, sip_port, webrtc_port)
    asyncio.run(Demo(cli.out, options).run())
