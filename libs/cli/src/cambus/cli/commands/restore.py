"""`cambusctl restore`: what a backup holds, back onto the bus."""

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from cambus.bus.sealing import KeyRing
from cambus.cli.backup_file import KEPT, AnyValue, Buckets, kind_of, read
from cambus.cli.commands.backup import stored
from cambus.cli.failures import REFUSED, CliError
from cambus.cli.formatting import plural
from cambus.cli.invocation import Cli
from cambus.cli.keyfile import VARIABLE, CredentialsKey
from cambus.cli.parameters import Yes
from cambus.client.connection import Connection
from cambus.client.kv import KeyValue
from cambus.schemas.assets import KV_CREDENTIALS
from cambus.schemas.codec import JSON, decode

app = typer.Typer(add_completion=False)

Value = tuple[str, str, dict[str, Any]]
SHOWN = 5


@app.command()
def restore(
    context: typer.Context,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="What `backup` has written.", show_default=False)
    ],
    *,
    force: Annotated[
        bool, typer.Option("--force", help="Overwrite what is there and is another than in the file.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would be written.")] = False,
    credentials_key: CredentialsKey = None,
    yes: Yes = False,
) -> None:
    """Write what a backup holds back onto the bus; log in as admin.

    The whole file is checked before anything is written. What is on the bus as it is in the file is left alone; where
    something differs nothing is done at all without --force. What is on the bus and not in the file stays. Devices
    come last, and connectors go to them at once. It can be run again.
    """
    cli = Cli.of(context)
    wanted = read(file)
    strange = _sealed_otherwise(wanted, credentials_key)

    async def work(bus: Connection) -> None:
        missing, different = _compared(wanted, await stored(bus))
        if different and not force:
            raise _refusal(different)
        if not dry_run:
            if different:
                cli.confirm(f"Overwrite {plural(len(different), 'value')}?", yes=yes)
            await _write(bus, missing + different)
        total = sum(len(values) for values in wanted.values())
        left = total - len(missing) - len(different)
        if cli.json:
            told = {"written": len(missing), "overwritten": len(different), "left_alone": left}
            cli.out.document({**told, "dry_run": dry_run, "sealed_otherwise": strange})
            return
        head = "would be: " if dry_run else ""
        cli.out.line(f"{head}{len(missing)} written, {len(different)} overwritten, {left} left alone")
        if strange:
            cli.out.note(
                f"{plural(strange, 'secret')} will not open: sealed with a key that is not in the key file"
            )

    cli.run(work)


def _compared(wanted: Buckets, present: Buckets) -> tuple[list[Value], list[Value]]:
    """What is not on the bus, and what is there and another; each in the order it is to be written."""
    missing, different = [], []
    for bucket, values in wanted.items():
        for key, value in values.items():
            there = present.get(bucket, {}).get(key)
            if there is None:
                missing.append((bucket, key, value))
            elif there != value:
                different.append((bucket, key, value))
    return sorted(missing, key=_turn), sorted(different, key=_turn)


def _turn(value: Value) -> tuple[int, str]:
    kept = kind_of(value[0], value[1])
    return (KEPT.index(kept) if kept is not None else len(KEPT), value[1])


async def _write(bus: Connection, values: list[Value]) -> None:
    for bucket, key, value in values:
        await KeyValue(bus, bucket, AnyValue).put(key, decode(AnyValue, json.dumps(value).encode(), JSON))


def _refusal(different: list[Value]) -> CliError:
    named = ", ".join(f"{bucket} {key}" for bucket, key, _ in different[:SHOWN])
    more = f" and {len(different) - SHOWN} more" if len(different) > SHOWN else ""
    return CliError(
        f"{plural(len(different), 'value')} on the bus differ from the file: {named}{more}",
        hint="--force overwrites them; --dry-run --force tells how many",
        exit_code=REFUSED,
        reason="not-empty",
        data={"different": [f"{bucket} {key}" for bucket, key, _ in different]},
    )


def _sealed_otherwise(wanted: Buckets, path: Path | None) -> int:
    """How many secrets of the file the key file does not open; 0 where none is named."""
    named = path or (Path(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None)
    if named is None:
        return 0
    ids = KeyRing.load(named).ids
    return sum(value["key_id"] not in ids for value in wanted.get(KV_CREDENTIALS, {}).values())
