"""`cambusctl secret`: secrets that are no device's, such as the key webhooks are signed with."""

import sys
from pathlib import Path
from typing import Annotated, Final

import typer
from pydantic import SecretStr

from cambus.cli.commands import secret_keys
from cambus.cli.device_status import device_buckets
from cambus.cli.failures import REFUSED, CliError, UsageError
from cambus.cli.formatting import local
from cambus.cli.groups import Group
from cambus.cli.invocation import Cli
from cambus.cli.keyfile import CredentialsKey, key_ring
from cambus.cli.parameters import Yes
from cambus.cli.questions import ask_secret
from cambus.cli.requests import made
from cambus.client.connection import Connection
from cambus.client.kv import KeyValue
from cambus.schemas.assets import KV_CREDENTIALS
from cambus.schemas.ids import is_token
from cambus.schemas.state.credentials import Credentials, SealedCredentials

app = typer.Typer(
    add_completion=False, cls=Group, help="Store a secret, such as the key webhooks are signed with."
)

app.add_typer(secret_keys.app, name="keys")

MAX_CHARS: Final = 1024

Name = Annotated[str, typer.Argument(metavar="NAME", help="What rules call it.", show_default=False)]


@app.command("set")
def set_secret(
    context: typer.Context,
    name: Name,
    *,
    file: Annotated[
        Path | None,
        typer.Option("--file", "-f", metavar="FILE", help="Read it from a file, not standard input."),
    ] = None,
    user: Annotated[
        str,
        typer.Option(
            "--user", "-u", metavar="NAME", help="The secret is this user's password.", show_default=False
        ),
    ] = "",
    credentials_key: CredentialsKey = None,
    yes: Yes = False,
) -> None:
    """Seal a secret and store it; it is read from standard input, or asked for.

    openssl rand -hex 32 | cambusctl secret set ops-webhook

    cambusctl secret set ops-mail --user cambus@example.org < password
    """
    cli = Cli.of(context)
    if not is_token(name):
        raise UsageError("NAME: wanted 1 to 64 of A-Z a-z 0-9 _ -")
    keys = key_ring(credentials_key)
    secret = SecretStr(_read(name, file))
    credentials = made(Credentials, username=user, password=secret) if user else Credentials(token=secret)

    async def work(bus: Connection) -> None:
        records, _ = device_buckets(bus)
        record = await records.get(name)
        if record is not None and record.value.credentials is not None:
            cli.confirm(f"{name} is a device: replace how we log in there?", yes=yes)
        bucket = KeyValue(bus, KV_CREDENTIALS, SealedCredentials)
        await bucket.put(name, keys.seal(credentials, name))
        if cli.json:
            cli.out.document({"stored": name})
        else:
            cli.out.line(f"stored {name}")

    cli.run(work)


@app.command("list")
def list_secrets(context: typer.Context) -> None:
    """List the names of what is sealed, devices' credentials too; never what it is."""
    cli = Cli.of(context)

    async def work(bus: Connection) -> None:
        found = await KeyValue(bus, KV_CREDENTIALS, SealedCredentials).items()
        records, _ = device_buckets(bus)
        used = {
            entry.value.credentials.name
            for entry in (await records.items()).values()
            if entry.value.credentials
        }
        rows = [
            (
                name,
                "device" if name in used else "secret",
                found[name].value.key_id,
                found[name].value.updated_at,
            )
            for name in sorted(found)
        ]
        if cli.json:
            names = ("name", "kind", "key_id", "updated_at")
            cli.out.document([dict(zip(names, row, strict=True)) for row in rows])
            return
        shown = ((name, kind, key, local(at)) for name, kind, key, at in rows)
        cli.out.table(("name", "of", "sealed with", "written"), shown, empty="nothing is sealed")

    cli.run(work)


@app.command()
def delete(context: typer.Context, name: Name, *, yes: Yes = False) -> None:
    """Forget a secret."""
    cli = Cli.of(context)

    async def work(bus: Connection) -> None:
        bucket = KeyValue(bus, KV_CREDENTIALS, SealedCredentials)
        if not is_token(name) or await bucket.get(name) is None:
            raise CliError(f"there is no secret {name}", exit_code=REFUSED, code=404, reason="no-such-secret")
        cli.confirm(f"Forget {name}? Whoever uses it can no longer sign or log in.", yes=yes)
        await bucket.delete(name)
        if cli.json:
            cli.out.document({"deleted": name})
        else:
            cli.out.line(f"deleted {name}")

    cli.run(work)


def _read(name: str, file: Path | None) -> str:
    if file is not None:
        secret = file.read_text(encoding="utf-8")
    elif sys.stdin.isatty():
        secret = ask_secret(name)
    else:
        secret = sys.stdin.read(MAX_CHARS + 3)
    secret = secret.rstrip("\r\n")
    if not secret or len(secret) > MAX_CHARS:
        raise UsageError(f"wanted a secret of 1 to {MAX_CHARS} characters")
    return secret
