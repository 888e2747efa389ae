"""`cambusctl services`: what runs."""

from dataclasses import asdict
from typing import Annotated

import typer
from rich.text import Text

from cambus.cli.formatting import ago, clean
from cambus.cli.invocation import Cli
from cambus.client.connection import Connection
from cambus.client.discovery import Instance, running_services

app = typer.Typer(add_completion=False)

COLUMNS = ("service", "instance", "version", "up", "requests", "errors", "mean", "http", "last error")


@app.command()
def services(
    context: typer.Context,
    service: Annotated[
        str | None, typer.Argument(metavar="SERVICE", help="Only this one.", show_default=False)
    ] = None,
) -> None:
    """List the services that run, as they answer NATS service discovery."""
    cli = Cli.of(context)

    async def work(bus: Connection) -> None:
        found = await running_services(bus, service)
        if cli.json:
            cli.out.document([asdict(each) for each in found])
            return
        cli.out.table(COLUMNS, map(_row, found), empty="no service answers: `cambusctl up` starts them all")

    cli.run(work)


def _row(each: Instance) -> list[str | Text]:
    mean_ms = each.processing_s / each.requests * 1000 if each.requests else 0.0
    return [
        each.name,
        each.id,
        each.version,
        ago(each.started),
        str(each.requests),
        Text(str(each.errors), "yellow" if each.errors else ""),
        f"{mean_ms:.1f} ms" if each.requests else "",
        each.metadata.get("http", ""),
        clean(each.last_error),
    ]
