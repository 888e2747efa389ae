"""`cambusctl call`: any command of the catalog, to a device or a service."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from cambus.cli.command_lookup import (
    Spec,
    commands_of,
    example_of,
    explain_fields,
    find_command,
    read_request,
    services,
)
from cambus.cli.failures import UsageError
from cambus.cli.invocation import Cli
from cambus.cli.output import plain
from cambus.cli.parameters import Yes
from cambus.cli.requests import call as send
from cambus.client.calling import BusClient
from cambus.client.connection import Connection
from cambus.schemas.catalog import SERVICE_COMMANDS
from cambus.schemas.errors import CambusError
from cambus.schemas.model import Done, Message

app = typer.Typer(add_completion=False)

FORMS = "DEVICE NOUN.VERB [JSON], or with --service SERVICE: NOUN.VERB [JSON]"


@app.command(
    epilog="Exit codes: 0 done · 2 the request is not right, nothing was sent · 3 refused · 4 nobody holds the "
    "device · 5 no answer in time, whether it was done is unknown · 6 no NATS"
)
def call(
    context: typer.Context,
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="DEVICE NOUN.VERB JSON", help=FORMS, show_default=False)
    ] = None,
    *,
    service: Annotated[
        str | None, typer.Option("--service", "-s", metavar="SERVICE", help="Call a service, not a device.")
    ] = None,
    list_all: Annotated[bool, typer.Option("--list", help="List the commands there are.")] = False,
    explain: Annotated[
        str | None, typer.Option(metavar="NOUN.VERB", help="Explain the fields of a command.")
    ] = None,
    yes: Yes = False,
) -> None:
    """Send any command to a device or a service, and print the reply.

    The request is checked before it is sent. JSON may also be @FILE, or - for standard input.

    cambusctl call gate ptz.move '{"channel": 0, "pan": 0.5, "duration_s": 1}'

    cambusctl call --service media-relay streams.list
    """
    cli = Cli.of(context)
    if list_all:
        _list(cli, service)
    elif explain is not None:
        _explain(cli, _named(explain, service))
    else:
        device, name, body = _parts(arguments or [], service)
        spec = find_command(name, service)
        if spec.confirm:
            cli.confirm(f"{spec.summary.rstrip('.')}, on {device or spec.service}?", yes=yes)
        request = read_request(spec, _body(body), confirmed=True)
        cli.run(lambda bus: _send(cli, bus, spec, request, device))


def _parts(arguments: Sequence[str], service: str | None) -> tuple[str | None, str, str]:
    given = list(arguments)
    device = given.pop(0) if service is None and given else None
    if not 1 <= len(given) <= 2 or (service is None and device is None):
        raise UsageError(f"wanted {FORMS}", hint="cambusctl call --list")
    return device, given[0], given[1] if len(given) == 2 else "{}"


def _named(name: str, service: str | None) -> Spec:
    """A command by its name, or by the name with its service in front."""
    return (
        SERVICE_COMMANDS[name]
        if service is None and name in SERVICE_COMMANDS
        else find_command(name, service)
    )


def _body(text: str) -> str:
    if text == "-":
        return sys.stdin.read()
    return Path(text[1:]).read_text(encoding="utf-8") if text.startswith("@") else text


async def _send(cli: Cli, bus: Connection, spec: Spec, request: Message, device: str | None) -> None:
    if spec.broadcast:
        outcomes = await BusClient(bus).broadcast_all(
            spec, request, timeout_s=cli.options.timeout_s, quiet_s=0.5
        )
        replies = [each.reply() if isinstance(each, CambusError) else each for each in outcomes]
        _show(cli, replies)
        return
    _show(cli, await send(cli, bus, spec, request, device=device))


def _show(cli: Cli, reply: Any) -> None:
    if cli.json:
        cli.out.document(reply)
    elif isinstance(reply, Done):
        cli.out.line("done", "green")
    elif cli.out.console.is_terminal:
        from rich.syntax import Syntax  # noqa: PLC0415 - heavy; programs and pipes do without

        text = json.dumps(plain(reply), ensure_ascii=False, indent=2)
        cli.out.show(Syntax(text, "json", background_color="default", word_wrap=True))
    else:
        cli.out.document(reply)


def _list(cli: Cli, service: str | None) -> None:
    groups = [None, *services()] if service is None else [service]
    if cli.json:
        cli.out.document(
            [
                {"service": group, "command": spec.name, "summary": spec.summary, "confirm": spec.confirm}
                for group in groups
                for spec in commands_of(group).values()
            ]
        )
        return
    for group in groups:
        cli.out.line(f"service {group}" if group else "devices", "bold underline")
        cli.out.table(
            ("command", "what it does"), ((name, spec.summary) for name, spec in commands_of(group).items())
        )
        cli.out.line()
    cli.out.line("cambusctl call --explain NOUN.VERB tells the fields of one", "dim")


def _explain(cli: Cli, spec: Spec) -> None:
    where = f"--service {spec.service}" if spec.service else "DEVICE"
    example = example_of(spec.request)
    if cli.json:
        cli.out.document(
            {"request": spec.request.model_json_schema(), "reply": spec.reply.model_json_schema()}
        )
        return
    cli.out.line(f"{spec.key}: {spec.summary}", "bold")
    fields = list(explain_fields(spec.request))
    if fields:
        cli.out.line()
        cli.out.table(("field", "type", "default", "meaning"), fields)
    body = "" if not fields else f" '{example}'"
    cli.out.line(f"\n  cambusctl call {where} {spec.name}{body}\n")
    answers = ", ".join(spec.reply.model_fields) or "nothing beyond success"
    cli.out.line(f"answers: {answers} · within {spec.timeout_s:g} s", "dim")
