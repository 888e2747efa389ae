"""`cambusctl discover`: which devices there are on the networks of the connectors."""

from pathlib import Path
from typing import Annotated, Any, Final

import typer

from cambus.cli.failures import CliError, UsageError
from cambus.cli.formatting import clean, plural
from cambus.cli.found_devices import Extended, device_id, extend_file, merged
from cambus.cli.invocation import Cli
from cambus.cli.requests import made
from cambus.client.calling import BusClient
from cambus.client.connection import Connection
from cambus.schemas.catalog import SERVICE_COMMANDS
from cambus.schemas.commands.discovery import DiscoveryRunReply, DiscoveryRunRequest, FoundDevice
from cambus.schemas.errors import Unsupported

app = typer.Typer(add_completion=False)

COLUMNS: Final = ("address", "MAC", "serial", "name", "version", "channels", "known as")
QUIET_S: Final = 2.0
"""How much longer than the first a second replica may take."""

GRACE_S: Final = 10.0


@app.command()
def discover(
    context: typer.Context,
    protocol: Annotated[
        str, typer.Argument(metavar="PROTOCOL", help="Of which devices, such as dvrip.", show_default=False)
    ],
    *,
    address: Annotated[
        str | None,
        typer.Option(
            "--address", metavar="ADDRESS", help="Ask only there: one of those the connector may ask."
        ),
    ] = None,
    wait: Annotated[
        float,
        typer.Option("--wait", metavar="SECONDS", min=0.1, max=30, help="How long to wait for answers."),
    ] = 2.0,
    write: Annotated[
        Path | None,
        typer.Option(
            "--write",
            metavar="FILE",
            help="Add those found to a devices.yaml; what stands there already is left as it is.",
        ),
    ] = None,
) -> None:
    """Look for devices on the networks of the connectors.

    The connector of the protocol asks, by a broadcast that everybody on its network hears, and only where its
    settings let it; nothing is sent unless somebody asks.
    """
    cli = Cli.of(context)
    spec = SERVICE_COMMANDS.get(f"connector-{protocol}.discovery.run")
    if spec is None:
        known = [
            name.split(".")[0].removeprefix("connector-")
            for name in SERVICE_COMMANDS
            if ".discovery." in name
        ]
        raise UsageError(f"devices of {protocol!r} can not be searched for; wanted {', '.join(known)}")
    request = made(DiscoveryRunRequest, address=address, wait_s=wait)

    async def work(bus: Connection) -> None:
        try:
            replies: list[DiscoveryRunReply] = await BusClient(bus).broadcast(
                spec, request, timeout_s=cli.options.timeout_s or wait + GRACE_S, quiet_s=wait + QUIET_S
            )
        except Unsupported as error:
            raise CliError(
                error.text,
                hint="start the connector with CAMBUS_DVRIP_DISCOVERY=255.255.255.255",
                code=int(error.code),
                reason=error.reason,
            ) from None
        found = merged(replies)
        extended = extend_file(write, found) if write is not None else None
        _tell(cli, replies, found, extended, write)

    cli.run(work)


def _tell(
    cli: Cli,
    replies: list[DiscoveryRunReply],
    found: list[FoundDevice],
    extended: Extended | None,
    file: Path | None,
) -> None:
    if cli.json:
        document: dict[str, Any] = {
            "devices": [{**each.model_dump(mode="json"), "id": device_id(each)} for each in found],
            "searched": {reply.replica: reply.searched for reply in replies},
            "truncated": any(reply.truncated for reply in replies),
        }
        if extended is not None:
            document |= {"file": str(file), "added": extended.added, "kept": extended.kept}
        cli.out.document(document)
        return
    searched = ", ".join(sorted({address for reply in replies for address in reply.searched}))
    cli.out.table(COLUMNS, map(_row, found), empty=f"nobody answered; asked {searched}")
    if any(reply.truncated for reply in replies):
        cli.out.note("there are more devices than are shown")
    if extended is not None:
        kept = f"; {plural(len(extended.kept), 'device')} stood there already" if extended.kept else ""
        cli.out.line(f"{plural(len(extended.added), 'entry', 'entries')} added to {file}{kept}")
        if extended.added:
            cli.out.line(f"give them their credentials, then: cambusctl apply -f {file}", "dim")


def _row(each: FoundDevice) -> list[str]:
    facts = (each.address, each.mac, each.serial, each.name, each.version)
    return [*map(clean, facts), str(each.channels or ""), each.known_as or ""]
