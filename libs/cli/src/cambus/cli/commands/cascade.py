"""`cambusctl cascade`: the larger platforms Cambus is a part of, and what they see."""

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from cambus.cli.documents import read_messages
from cambus.cli.failures import UsageError
from cambus.cli.formatting import ago, clean, plural
from cambus.cli.groups import Group
from cambus.cli.invocation import Cli
from cambus.cli.parameters import Yes
from cambus.cli.requests import call, made
from cambus.client.connection import Connection
from cambus.schemas.commands import cascade as commands
from cambus.schemas.model import Empty
from cambus.schemas.state.cascade import CascadeLink

app = typer.Typer(add_completion=False, cls=Group, help="Links to upper GB/T 28181 platforms.")

Link = Annotated[str, typer.Argument(metavar="LINK", help="Its id.", show_default=False)]


@app.command("list")
def list_links(context: typer.Context) -> None:
    """List the links to upper platforms, and how they are."""
    cli = Cli.of(context)

    async def work(bus: Connection) -> None:
        found = (await call(cli, bus, commands.LIST, Empty())).links
        if cli.json:
            cli.out.document(found)
            return
        cli.out.table(
            ("link", "state", "since", "platform", "our code", "items", "watching", "subscribed"),
            (_row(entry) for entry in found),
            empty="Cambus is a part of no larger platform: cambusctl cascade put -f FILE",
        )

    cli.run(work)


@app.command()
def put(
    context: typer.Context,
    file: Annotated[
        Path, typer.Option("--file", "-f", metavar="FILE", help="One link or several, as YAML or JSON.")
    ],
) -> None:
    """Write links to upper platforms; each replaces the one of the same id.

    A link says who we are there, where the platform is, and what it sees. Its password is stored with `cambusctl
    secret set NAME`:

    {id: city, code: "34020000002000000002", server_code: "34010000002000000001", server_address: "10.1.0.5:5060",
    credentials: {name: city}, shares: [{devices: ["gate-*"]}]}
    """
    cli = Cli.of(context)
    wanted = read_messages(file, CascadeLink, "links")
    if not wanted:
        raise UsageError(f"{file} holds no link")

    async def work(bus: Connection) -> None:
        for link in wanted:
            await call(cli, bus, commands.PUT, commands.CascadePutRequest(link=link))
        if cli.json:
            cli.out.document({"put": [link.id for link in wanted]})
        else:
            cli.out.line(f"put {', '.join(link.id for link in wanted)}")

    cli.run(work)


@app.command()
def show(context: typer.Context, link: Link) -> None:
    """Show what an upper platform sees, and under which codes."""
    cli = Cli.of(context)

    async def work(bus: Connection) -> None:
        reply = await call(cli, bus, commands.SHOW, made(commands.CascadeRequest, id=link))
        if cli.json:
            cli.out.document(reply)
            return
        cli.out.table(
            ("code", "name", "device", "channel", "online", "under"),
            (
                (
                    node.code,
                    clean(node.name),
                    node.device or "",
                    node.channel,
                    Text("yes") if node.online else Text("no", "red"),
                    ", ".join(node.parents),
                )
                for node in reply.nodes
            ),
            empty="nothing",
        )
        if reply.total > len(reply.nodes):
            cli.out.note(f"and {plural(reply.total - len(reply.nodes), 'more item')}")
        status = reply.entry.status
        if status is not None and status.last_error:
            cli.out.note(f"not registered: {clean(status.last_error)}")

    cli.run(work)


@app.command()
def delete(context: typer.Context, link: Link, *, yes: Yes = False) -> None:
    """Leave an upper platform, and forget the codes that were made for it."""
    cli = Cli.of(context)

    async def work(bus: Connection) -> None:
        cli.confirm(f"Forget the link {link}? Its platform sees nothing of us any more.", yes=yes)
        await call(cli, bus, commands.DELETE, made(commands.CascadeRequest, id=link))
        if cli.json:
            cli.out.document({"deleted": link})
        else:
            cli.out.line(f"deleted {link}")

    cli.run(work)


def _row(entry: commands.CascadeEntry) -> tuple[object, ...]:
    link, status = entry.link, entry.status
    if not link.enabled:
        state = Text("disabled", "dim")
    elif status is None:
        state = Text("never held", "yellow")
    else:
        state = Text("registered", "green") if status.registered else Text("away", "bold red")
    return (
        link.id,
        state,
        f"{ago(status.since)} ago" if status is not None else "",
        f"{link.server_code} {link.server_address}",
        link.code,
        status.nodes if status is not None else "",
        status.sessions if status is not None else "",
        status.subscriptions if status is not None else "",
    )
