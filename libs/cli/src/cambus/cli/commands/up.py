"""`cambusctl up`: the whole suite on this machine."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from cambus.cli.devices_file import load_devices
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
from cambus.cli.stack.options import StackOptions
from cambus.cli.stack.up import Up

app = typer.Typer(add_completion=False)


@app.command()
def up(
    context: typer.Context,
    *,
    file: Annotated[
        Path | None, typer.Option("--file", "-f", metavar="FILE", help="A devices.yaml to apply.")
    ] = None,
    data: DataFolder = Path("var"),
    record: Annotated[
        bool,
        typer.Option("--record/--no-record", help="Record everything, unless there is a policy already."),
    ] = True,
    nats_port: NatsPort = 4222,
    http_port: HttpPort = 8080,
    rtsp_port: RtspPort = 8554,
    sip_port: SipPort = 5060,
    webrtc_port: WebrtcPort = 8189,
) -> None:
    """Run NATS and every service on this machine, until Ctrl-C.

    All ports are on 127.0.0.1; one that is taken is replaced by a free one. What dies is started again.
    Recordings, keys, logs and the store of NATS are kept in the data folder.

    cambusctl up -f devices.yaml
    """
    cli = Cli.of(context)
    refuse_other_nats(cli)
    devices = [] if file is None else load_devices(file)
    options = StackOptions(data, nats_port, http_port, rtsp_port, sip_port, webrtc_port)
    asyncio.run(Up(cli.out, options, file, devices, record=record).run())
