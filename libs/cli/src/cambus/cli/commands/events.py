"""`cambusctl events`: what happens, and what happened."""

from collections import deque
from collections.abc import AsyncIterator
from typing import Annotated

import typer

from cambus.cli.event_text import event_line
from cambus.cli.formatting import plural
from cambus.cli.invocation import Cli
from cambus.cli.times import parse_instant
from cambus.cli.wanted_events import wanted_subjects
from cambus.client.connection import Connection
from cambus.client.event_history import stored_events
from cambus.client.follow import follow as follow_events
from cambus.client.received import ReceivedEvent
from cambus.client.wanted import last_sequence

app = typer.Typer(add_completion=False)

HOUR = "-1h"


@app.command()
def events(
    context: typer.Context,
    *,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with what happens from now on.")
    ] = False,
    device: Annotated[
        list[str] | None, typer.Option("--device", "-d", help="Only of this device; may be repeated.")
    ] = None,
    kind: Annotated[
        list[str] | None,
        typer.Option(
            "--type", "-t", metavar="NAME", help="Only alarm.raised, alarm, device …; may be repeated."
        ),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", help="From when on, such as -15m.", show_default="-1h, or now with --follow"
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many of the past, the newest.")] = 500,
) -> None:
    """Show the events of the last hour, or follow them as they happen.

    Events are kept for a week. With --json each is one line.

    cambusctl events --follow --type alarm --device gate
    """
    cli = Cli.of(context)
    wanted = wanted_subjects(device or [], kind or [])
    begin = None if follow and since is None else parse_instant(since or HOUR)

    async def work(bus: Connection) -> None:
        after = await last_sequence(bus)
        if begin is not None:
            after = max(after, await _past(cli, stored_events(bus, wanted, begin), limit, quiet=follow))
        if follow:
            async for received in follow_events(bus, wanted, after_seq=after):
                _show(cli, received)

    cli.run(work)


async def _past(cli: Cli, happened: AsyncIterator[ReceivedEvent], limit: int, *, quiet: bool) -> int:
    """Show the newest of what happened; returns the number of the last event."""
    newest: deque[ReceivedEvent] = deque(maxlen=limit)
    count = 0
    async for received in happened:
        newest.append(received)
        count += 1
    if count > limit:
        cli.out.note(f"{plural(count - limit, 'older event')} left out; --limit shows more")
    for received in newest:
        _show(cli, received)
    if not newest and not quiet and not cli.json:
        cli.out.line("nothing happened in that time", "dim")
    return newest[-1].seq if newest else 0


def _show(cli: Cli, received: ReceivedEvent) -> None:
    if cli.json:
        cli.out.record({"name": received.name, "stored": received.stored, "event": received.event})
    else:
        cli.out.text(event_line(received))
