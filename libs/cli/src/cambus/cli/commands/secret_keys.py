"""`cambusctl secret keys`: the keys that seal what is secret, and how to change them without a gap.

A new key is put in front (`add`), what is stored is sealed with it (`reseal`), and when nothing needs the old ones any
more they go (`drop`). Services read the key file again when it has changed; where each has a copy of its own (a secret
of Kubernetes), hand the file out after `add`, and again after `drop`.
"""

import secrets
from collections import Counter
from pathlib import Path

import typer

from cambus.bus.sealing import KEY_BYTES, MAX_KEYS, KeyRing, SealError, key_id
from cambus.cli.failures import REFUSED, CliError
from cambus.cli.files import replacing
from cambus.cli.formatting import plural
from cambus.cli.groups import Group
from cambus.cli.invocation import Cli
from cambus.cli.keyfile import CredentialsKey, key_path, key_ring
from cambus.cli.parameters import Yes
from cambus.client.connection import Connection
from cambus.client.errors import WrongRevision
from cambus.client.kv import KeyValue
from cambus.schemas.assets import KV_CREDENTIALS
from cambus.schemas.state.credentials import SealedCredentials

app = typer.Typer(add_completion=False, cls=Group, help="Change the keys that seal what is secret.")


@app.command("list")
def list_keys(context: typer.Context, *, credentials_key: CredentialsKey = None) -> None:
    """List the keys, the one that seals first, and how much is sealed with each."""
    cli = Cli.of(context)
    ring = key_ring(credentials_key)

    async def work(bus: Connection) -> None:
        counts = Counter(each.key_id for each in (await _stored(bus)).values())
        missing = sorted(set(counts) - set(ring.ids))
        rows = [(key, "yes", counts[key]) for key in ring.ids] + [(key, "no", counts[key]) for key in missing]
        if cli.json:
            cli.out.document(
                [{"key": key, "in_file": has == "yes", "sealed": count} for key, has, count in rows]
            )
        else:
            cli.out.table(("key", "in the file", "sealed with it"), rows)

    cli.run(work)


@app.command()
def add(context: typer.Context, *, credentials_key: CredentialsKey = None) -> None:
    """Put a new key in front of the file; from now on it seals, and the others still open."""
    cli = Cli.of(context)
    path = key_path(credentials_key)
    if len(KeyRing.load(path).ids) >= MAX_KEYS:
        raise CliError(f"{path} has {MAX_KEYS} keys", hint="cambusctl secret keys drop", exit_code=REFUSED)
    new = secrets.token_bytes(KEY_BYTES)
    _write(path, new + path.read_bytes())
    if cli.json:
        cli.out.document({"added": key_id(new)})
    else:
        cli.out.line(f"added {key_id(new)}; when every service has the file: cambusctl secret keys reseal")


@app.command()
def reseal(context: typer.Context, *, credentials_key: CredentialsKey = None) -> None:
    """Seal everything that is stored with the first key. Devices stay online, and it can be run again."""
    cli = Cli.of(context)
    ring = key_ring(credentials_key)

    async def work(bus: Connection) -> int | None:
        bucket = KeyValue(bus, KV_CREDENTIALS, SealedCredentials)
        done, failed = 0, {}
        for name, entry in (await bucket.items()).items():
            if entry.value.key_id == ring.ids[0]:
                continue
            try:
                await bucket.update(name, ring.seal(ring.open(entry.value, name), name), entry.revision)
                done += 1
            except (SealError, WrongRevision) as error:
                failed[name] = str(error)
        if cli.json:
            cli.out.document({"resealed": done, "failed": failed})
        else:
            cli.out.line(f"{plural(done, 'secret')} sealed with {ring.ids[0]}")
            for name, why in failed.items():
                cli.out.line(f"not {name}: {why}")
        return REFUSED if failed else None

    cli.run(work)


@app.command()
def drop(context: typer.Context, *, credentials_key: CredentialsKey = None, yes: Yes = False) -> None:
    """Leave only the first key in the file, if nothing is sealed with the others."""
    cli = Cli.of(context)
    path = key_path(credentials_key)
    ring = KeyRing.load(path)

    async def work(bus: Connection) -> None:
        others = {name for name, each in (await _stored(bus)).items() if each.key_id != ring.ids[0]}
        if others:
            raise CliError(
                f"{plural(len(others), 'secret')} would not open any more, such as {min(others)}",
                hint="cambusctl secret keys reseal",
                exit_code=REFUSED,
                reason="key-in-use",
            )
        cli.confirm(f"Forget {plural(len(ring.ids) - 1, 'key')} for ever?", yes=yes)
        _write(path, path.read_bytes()[:KEY_BYTES])
        if cli.json:
            cli.out.document({"dropped": list(ring.ids[1:])})
        else:
            cli.out.line(f"dropped {plural(len(ring.ids) - 1, 'key')}")

    cli.run(work)


def _write(path: Path, content: bytes) -> None:
    with replacing(path, mode=0o600) as file:
        file.write(content)


async def _stored(bus: Connection) -> dict[str, SealedCredentials]:
    items = await KeyValue(bus, KV_CREDENTIALS, SealedCredentials).items()
    return {name: entry.value for name, entry in items.items()}
