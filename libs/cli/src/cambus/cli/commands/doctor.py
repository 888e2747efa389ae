"""`cambusctl doctor`: what is wrong, and what to do about it."""

import asyncio
import os
from collections import Counter
from collections.abc import Sequence
from importlib.metadata import version
from typing import Annotated, Final

import typer
from rich.text import Text

from cambus.cli.connection import connected
from cambus.cli.device_status import DeviceBoard, utc_now
from cambus.cli.doctor import (
    addresses,
    consumers,
    devices,
    nats,
    outboxes,
    safety,
    services,
    sinks,
    viewers,
    writes,
)
from cambus.cli.doctor.addresses import addresses_of
from cambus.cli.doctor.finding import Finding, Level, problem
from cambus.cli.doctor.probes import probe_all
from cambus.cli.failures import FAILED, NO_NATS, CliError
from cambus.cli.formatting import clean, plural
from cambus.cli.invocation import Cli
from cambus.cli.wanted_events import wanted_subjects
from cambus.client.connection import Connection
from cambus.client.discovery import ping
from cambus.client.errors import AssetNotFound
from cambus.client.event_history import stored_events

app = typer.Typer(add_completion=False)

MONITOR: Final = "CAMBUS_NATS_MONITOR_URL"
STYLES: Final = {Level.OK: "green", Level.NOTE: "yellow", Level.PROBLEM: "bold red"}
WIDTH: Final = max(len(level) for level in Level)


@app.command()
def doctor(
    context: typer.Context,
    *,
    monitor: Annotated[
        str | None,
        typer.Option(metavar="URL", help=f"Monitoring port of NATS; default: {MONITOR}."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Leave out what is well.")] = False,
) -> None:
    """Look at NATS, the services and the devices, and say what to do about what is wrong.

    Exit code 1 if there is a problem; notes are worth knowing and no problem.
    """
    cli = Cli.of(context)
    findings = asyncio.run(_examine(cli, monitor or os.environ.get(MONITOR)))
    shown = [each for each in findings if not (quiet and each.level is Level.OK)]
    counts = Counter(each.level for each in findings)
    if cli.json:
        cli.out.document({"problems": counts[Level.PROBLEM], "findings": [each.as_json() for each in shown]})
    else:
        _show(cli, shown, counts)
    cli.exit_with(FAILED if counts[Level.PROBLEM] else None)


async def _examine(cli: Cli, monitor: str | None) -> list[Finding]:
    try:
        async with connected(cli.options) as bus:
            return await _examine_all(bus, monitor)
    except CliError as error:
        if error.exit_code != NO_NATS:
            raise
        return [problem("NATS", error.text, error.hint)]


async def _examine_all(bus: Connection, monitor: str | None) -> list[Finding]:
    findings = [*await nats.check_server(bus), *await nats.check_jetstream(bus)]
    if findings[-1].level is Level.PROBLEM:
        return findings
    running = await ping(bus)
    probes = await probe_all(running)
    streams = await nats.read_streams(bus)
    findings += [*nats.check_assets(streams), *safety.check_settings(bus, streams)]
    findings += writes.check_writes(streams, running)
    findings += await nats.check_sync(monitor, probes)
    findings += await nats.check_clock(bus)
    findings += consumers.check_consumers(await consumers.read_consumers(bus))
    findings += sinks.check_sinks(await sinks.read_sinks(bus, running))
    findings += await nats.check_dead_letters(bus)
    try:
        board = (await DeviceBoard.read(bus)).all()
        offline = wanted_subjects([], [devices.OFFLINE_EVENTS])
        flapping = await devices.check_flapping(stored_events(bus, offline, utc_now() - devices.LOOKED_BACK))
    except AssetNotFound:
        return findings
    protocols = [each.record.protocol for each in board if each.record is not None and each.record.enabled]
    findings += services.check_running(running, protocols)
    findings += services.check_names(running)
    findings += services.check_versions(running, version("cambus-cli"))
    findings += services.check_probes(probes)
    findings += outboxes.check_outboxes(await outboxes.read_open_outboxes(bus), running)
    findings += await asyncio.to_thread(addresses.check_advertised, running, board, addresses_of)
    findings += await viewers.check_viewers(running, safety.host_of_server(bus))
    findings += [*devices.check_states(board, utc_now()), *devices.check_clocks(board), *flapping]
    return findings


def _show(cli: Cli, findings: Sequence[Finding], counts: Counter[Level]) -> None:
    for each in findings:
        head = Text.assemble(
            (f"{each.level:<{WIDTH}}  ", STYLES[each.level]), (f"{each.subject}: ", "bold"), clean(each.text)
        )
        cli.out.text(head)
        if each.todo:
            cli.out.text(Text.assemble(" " * (WIDTH + 2), ("-> ", "dim"), each.todo))
    if counts[Level.PROBLEM]:
        cli.out.line(f"\n{plural(counts[Level.PROBLEM], 'problem')}", "bold red")
    else:
        cli.out.line("\nall is well", "bold green")
