"""`cambusctl live`: where a camera can be watched."""

import typer
from rich.text import Text

from cambus.cli.groups import Group
from cambus.cli.invocation import Cli
from cambus.cli.output import table
from cambus.cli.parameters import Channel, Device, Stream
from cambus.cli.requests import call, made
from cambus.client.connection import Connection
from cambus.schemas.commands import media_relay

app = typer.Typer(add_completion=False, cls=Group, help="Find out where to watch a camera.")

OUTPUTS = (
    ("page", "in a browser"),
    ("rtsp", "VLC, ffplay, a video wall"),
    ("flv", "HTTP-FLV"),
    ("fmp4", "fragmented MP4 over HTTP"),
    ("jpeg", "one picture; ?width=640 makes it smaller"),
    ("hls", "HLS: Safari, telephones, hls.js"),
    ("ws_fmp4", "fragmented MP4 over WebSocket"),
    ("ws_flv", "FLV over WebSocket, for flv.js and mpegts.js"),
    ("ts", "MPEG transport stream over HTTP"),
    ("whep", "WebRTC, for players that speak WHEP"),
)


@app.callback()
def live() -> None:
    """Find out where to watch a camera."""


@app.command("open")
def open_stream(context: typer.Context, device: Device, channel: Channel, *, stream: Stream = "main") -> None:
    """Print the addresses of a live picture.

    Nothing is opened on the device before somebody watches. The addresses may hold a token: whoever has one
    may watch.
    """
    cli = Cli.of(context)
    request = made(media_relay.LiveOpenRequest, device=device, channel=channel, stream=stream)

    async def work(bus: Connection) -> None:
        urls = await call(cli, bus, media_relay.LIVE_OPEN, request)
        if cli.json:
            cli.out.document(urls)
            return
        known = ((name, getattr(urls, name), what) for name, what in OUTPUTS)
        shown = table(
            ("output", "address", "for"),
            [(Text(name, "bold"), url, what) for name, url, what in known if url],
        )
        cli.out.show(shown)
        if urls.expires_at is not None:
            until = urls.expires_at.astimezone().strftime("%H:%M:%S")
            cli.out.note(f"Each address opens once, until {until}; the page stays open for half a day then.")

    cli.run(work)
