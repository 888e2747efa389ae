"""`cambus-sim gb28181`: simulated GB/T 28181 devices from the command line."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer

from cambus.gb28181.codes import is_code
from cambus.media.frame import Codec
from cambus.simulators.gb28181.archive import ArchivePlan
from cambus.simulators.gb28181.control import ControlServer
from cambus.simulators.gb28181.profiles import PROFILES, ProfileName
from cambus.simulators.gb28181.quirks import Quirks
from cambus.simulators.gb28181.shared import SharedEndpoint
from cambus.simulators.gb28181.simulator import Gb28181Simulator
from cambus.simulators.gb28181.source import MediaPlan
from cambus.simulators.gb28181.storm import Storm, numbered
from cambus.simulators.running import open_control, read_password, read_quirks, until_stopped
from cambus.sip.errors import TransportError

_CODECS: Final = {"h264": Codec.H264, "h265": Codec.H265}
_MANY: Final = 50
"""From so many devices on, they share sockets."""


@dataclass(frozen=True)
class Row:
    """The devices of a command line.

    Attributes:
        server: host and port of the platform.
        server_code, domain: its code and SIP domain.
        code: of the first device; the others count on from it.
        password, username: for the digest.
        host: address to send from.
        profile, channels, tcp, keepalive_s, expires_s: of every device.
        quirks: by name.
        media: what streams look like.
        archive: what has been recorded.
        seed: of all chance.
    """

    server: tuple[str, int]
    server_code: str
    domain: str
    code: str
    password: str
    username: str
    host: str
    profile: ProfileName
    channels: int
    tcp: bool
    keepalive_s: float
    expires_s: int
    quirks: dict[str, str]
    media: MediaPlan
    archive: ArchivePlan
    seed: int | None

    def device(self, number: int, shared: SharedEndpoint | None = None) -> Gb28181Simulator:
        """The device of a number, from 0."""
        quirks = Quirks()
        quirks.update(self.quirks)
        return Gb28181Simulator(
            server=self.server,
            server_code=self.server_code,
            domain=self.domain,
            code=numbered(self.code, number),
            password=self.password,
            username=self.username,
            channels=self.channels,
            profile=self.profile,
            tcp=self.tcp,
            host=self.host,
            expires_s=self.expires_s,
            keepalive_s=self.keepalive_s,
            retry_s=10.0,
            quirks=quirks,
            media=self.media,
            archive=self.archive,
            seed=self.seed + number if self.seed is not None else None,
            shared=shared,
        )


def gb28181(
    *,
    server: Annotated[str, typer.Option(help="Where the platform listens: HOST:PORT, usually port 5060.")],
    server_code: Annotated[str, typer.Option(help="Code of the platform, 20 digits (its SIP server ID).")],
    code: Annotated[
        str, typer.Option(help="Code of the device, 20 digits; further devices count on from it.")
    ],
    password: Annotated[str, typer.Option(help="SIP password; others on this host can see it.")] = "",
    password_file: Annotated[Path | None, typer.Option(help="Read the password from a file instead.")] = None,
    username: Annotated[str, typer.Option(help="Name in the digest; by default the device's code.")] = "",
    domain: Annotated[
        str, typer.Option(help="SIP domain; by default the first 10 digits of the server.")
    ] = "",
    profile: Annotated[
        str,
        typer.Option(
            help="Make: dahua_ipc (camera, 2016), hik_nvr (recorder, 2016) or std_2022 (edition of 2022)."
        ),
    ] = "std_2022",
    channels: Annotated[int, typer.Option(min=1, max=10_000, help="Cameras per device.")] = 1,
    tcp: Annotated[bool, typer.Option("--tcp", help="Speak SIP over TCP instead of UDP.")] = False,
    host: Annotated[str, typer.Option(help="Own address: to listen on and to send from.")] = "127.0.0.1",
    count: Annotated[
        int, typer.Option(min=1, max=100_000, help="How many devices; from 50 on they are light ones.")
    ] = 1,
    rate: Annotated[
        float, typer.Option(min=0, help="Light devices that register per second; 0: at once.")
    ] = 0.0,
    control_port: Annotated[
        int | None, typer.Option(help="HTTP control on loopback; 0 takes any free port.")
    ] = None,
    keepalive: Annotated[float, typer.Option(min=0.1, help="Seconds between keepalives.")] = 60.0,
    expires: Annotated[int, typer.Option(min=60, help="Seconds a registration lasts.")] = 3600,
    codec: Annotated[str, typer.Option(help="Pictures: h264 or h265.")] = "h264",
    recordings: Annotated[int, typer.Option(min=0, help="Recordings per camera.")] = 24,
    recording_seconds: Annotated[int, typer.Option(min=1, help="Length of each.")] = 3600,
    quirk: Annotated[list[str] | None, typer.Option(help="name=value; may be given several times.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of all chance, to reproduce a run.")] = None,
) -> None:
    """Run simulated GB/T 28181 cameras and recorders until SIGTERM or SIGINT.

    They register at a platform and behave like real ones: they answer queries, move when told, and send live and
    recorded pictures. Example:

    cambus-sim gb28181 --server 127.0.0.1:5060 --server-code 34020000002000000001
    --code 34020000001320000001 --password-file secret.txt
    """
    if profile not in PROFILES:
        raise typer.BadParameter(f"--profile {profile}: want {', '.join(PROFILES)}")
    if codec not in _CODECS:
        raise typer.BadParameter(f"--codec {codec}: want h264 or h265")
    for name, value in (("--code", code), ("--server-code", server_code)):
        if not is_code(value):
            raise typer.BadParameter(f"{name} {value}: want 20 digits")
    row = Row(
        server=read_address(server),
        server_code=server_code,
        domain=domain,
        code=code,
        password=read_password(password, password_file),
        username=username,
        host=host,
        profile=PROFILES[profile].name,
        channels=channels,
        tcp=tcp,
        keepalive_s=keepalive,
        expires_s=expires,
        quirks=read_quirks(quirk, Quirks),
        media=MediaPlan().coded(_CODECS[codec]),
        archive=ArchivePlan(recordings, recording_seconds),
        seed=seed,
    )
    if count >= _MANY and tcp:
        raise typer.BadParameter(f"--tcp: from {_MANY} devices on they share sockets, and speak UDP")
    try:
        asyncio.run(_run(row, count, rate, control_port))
    except TransportError as error:
        typer.echo(f"cambus-sim: {error}", err=True)
        raise typer.Exit(1) from None


async def _run(row: Row, count: int, rate: float, control_port: int | None) -> None:
    async with until_stopped() as stack:
        if count >= _MANY:
            storm = await stack.enter_async_context(Storm(row.device, count, rate=rate, host=row.host))
            devices = storm.devices
        else:
            devices = [await stack.enter_async_context(row.device(number)) for number in range(count)]
        await open_control(stack, ControlServer(devices), control_port)
        shown = devices[:_MANY]
        for number, sim in enumerate(shown):
            typer.echo(f"gb28181 device {number} is {sim.code}, channels from {sim.channels[0]}")


def read_address(text: str) -> tuple[str, int]:
    """HOST:PORT; a name is looked up, for what comes back by UDP comes from an address."""
    host, _, port = text.rpartition(":")
    if not host or not (port.isascii() and port.isdigit() and 0 < int(port) < 0x10000):
        raise typer.BadParameter(f"--server {text}: want HOST:PORT")
    host = host.strip("[]")
    try:
        ipaddress.ip_address(host)
    except ValueError:
        try:
            host = socket.gethostbyname(host)
        except (OSError, UnicodeError) as error:
            raise typer.BadParameter(f"--server {text}: {error}") from None
    return host, int(port)
