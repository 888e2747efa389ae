"""`cambusctl devices`: all devices in one table."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any

import typer
from rich.live import Live

from cambus.cli.device_status import DeviceBoard, DeviceStatus, device_buckets, utc_now
from cambus.cli.device_table import device_table
from cambus.cli.failures import UsageError
from cambus.cli.formatting import ago, clean, local
from cambus.cli.invocation import Cli
from cambus.cli.output import table
from cambus.cli.parameters import Watch
from cambus.client.connection import Connection
from cambus.client.kv import Entry, KeyValue
from cambus.schemas.assets import KV_LEASES
from cambus.schemas.keys import KNOCKS
from cambus.schemas.state.inbound import Knock

app = typer.Typer(add_completion=False)

EMPTY = "no devices yet: write a devices.yaml and `cambusctl apply -f devices.yaml`"
REDRAW_S = 1.0
PENDING = ("protocol", "calls itself", "from", "kind", "channels", "outcome", "last heard")

Changes = AsyncIterator[tuple[str, Entry[Any] | None]]


@app.command()
def devices(
    context: typer.Context,
    *,
    offline: Annotated[bool, typer.Option("--offline", help="Only those that take no commands.")] = False,
    pending: Annotated[
        bool, typer.Option("--pending", help="Those that dialled in within the last hour and have no record.")
    ] = False,
    watch: Watch = False,
) -> None:
    """List the devices and how they are.

    A device without a state has a record, and no connector looks after its protocol.
    """
    cli = Cli.of(context)
    if pending:
        if offline or watch:
            raise UsageError("--pending goes alone")
        cli.run(lambda bus: _show_pending(cli, bus))
        return

    def chosen(board: DeviceBoard) -> list[DeviceStatus]:
        return [each for each in board.all() if not (offline and each.online)]

    async def work(bus: Connection) -> None:
        if watch:
            await _watch(cli, bus, chosen)
            return
        found = chosen(await DeviceBoard.read(bus))
        if cli.json:
            cli.out.document([each.as_json() for each in found])
            return
        if found:
            cli.out.show(device_table(found, utc_now(), cli.out.console))
        else:
            cli.out.line("every device is online" if offline else EMPTY, "dim")

    cli.run(work)


async def _show_pending(cli: Cli, bus: Connection) -> None:
    knocks = sorted(
        (entry.value for entry in (await KeyValue(bus, KV_LEASES, Knock).items(f"{KNOCKS}>")).values()),
        key=lambda knock: (knock.protocol, knock.identity),
    )
    if cli.json:
        cli.out.document(knocks)
        return
    if not knocks:
        cli.out.line("no device without a record has dialled in", "dim")
        return
    now = utc_now()
    rows = [
        (
            knock.protocol,
            clean(knock.identity),
            knock.address,
            clean(knock.kind),
            str(knock.channels or ""),
            knock.outcome.value,
            f"{ago(knock.last_at, now=lambda: now)} ago",
        )
        for knock in knocks
    ]
    cli.out.show(table(PENDING, rows))


async def _watch(cli: Cli, bus: Connection, chosen: Callable[[DeviceBoard], list[DeviceStatus]]) -> None:
    """Follow both buckets: a table that redraws itself on a terminal, a line for each change elsewhere."""
    board = DeviceBoard()
    screen = Live(console=cli.out.console, auto_refresh=False, transient=False)
    on_screen = cli.out.console.is_terminal and not cli.json

    def draw() -> None:
        screen.update(device_table(chosen(board), utc_now(), cli.out.console), refresh=True)

    async def follow(changes: Changes, put: Callable[[str, Any], None]) -> None:
        async for device, entry in changes:
            before = board.get(device).state
            put(device, None if entry is None else entry.value)
            if on_screen:
                draw()
            else:
                _tell(cli, board.get(device), before)

    async def tick() -> None:
        while True:
            await asyncio.sleep(REDRAW_S)
            draw()

    records, presences = device_buckets(bus)
    if on_screen:
        screen.start()
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(follow(aiter(records.watch()), board.record))
            group.create_task(follow(aiter(presences.watch()), board.presence))
            if on_screen:
                group.create_task(tick())
    finally:
        screen.stop()


def _tell(cli: Cli, status: DeviceStatus, before: str) -> None:
    if cli.json:
        cli.out.record(status.as_json())
    elif status.state != before:
        error = status.presence.last_error if status.presence is not None and not status.online else None
        why = f"  {error.text}" if error is not None else ""
        cli.out.line(f"{local(utc_now())}  {status.device}  {status.state}{why}")
