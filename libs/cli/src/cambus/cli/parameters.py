"""The arguments and options several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from cambus.cli.failures import UsageError
from cambus.cli.invocation import Cli

Device = Annotated[str, typer.Argument(metavar="DEVICE", help="The device's id.", show_default=False)]
Channel = Annotated[
    int, typer.Argument(metavar="CHANNEL", min=0, max=65535, help="The channel, from 0.", show_default=False)
]
Stream = Annotated[str, typer.Option("--stream", metavar="NAME", help="main, sub, third or fourth.")]
From = Annotated[str, typer.Option("--from", metavar="TIME", help="From when, such as -2h or 14:30.")]
To = Annotated[str, typer.Option("--to", metavar="TIME", help="Until when.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Watch = Annotated[bool, typer.Option("--watch", "-w", help="Go on showing it as it changes.")]

DataFolder = Annotated[Path, typer.Option("--data", metavar="FOLDER", help="Where everything is kept.")]
NatsPort = Annotated[int, typer.Option(min=0, max=65535, help="Port of NATS; 0 takes a free one.")]
HttpPort = Annotated[int, typer.Option(min=0, max=65535, help="Port of the player page; 0 takes a free one.")]
WebrtcPort = Annotated[int, typer.Option(min=0, max=65535, help="UDP port of WebRTC; 0 takes a free one.")]
RtspPort = Annotated[int, typer.Option(min=0, max=65535, help="Port of RTSP; 0 takes a free one.")]
SipPort = Annotated[
    int, typer.Option(min=0, max=65535, help="Port GB/T 28181 devices register at; 0 takes a free one.")
]


def refuse_other_nats(cli: Cli) -> None:
    """For commands that start a NATS of their own.

    Raises:
        UsageError: somebody named another one.
    """
    if cli.options.nats is not None:
        raise UsageError("this starts a NATS of its own", hint="--nats-port says on which port")
