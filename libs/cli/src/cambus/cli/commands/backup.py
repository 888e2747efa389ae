"""`cambusctl backup`: what people have set up, in one file."""

from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from cambus.cli.backup_file import KEPT, AnyValue, Buckets, kind_of, write
from cambus.cli.files import check_target
from cambus.cli.invocation import Cli
from cambus.client.connection import Connection
from cambus.client.kv import KeyValue

app = typer.Typer(add_completion=False)


@app.command()
def backup(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to keep it.", show_default=False)],
    *,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file if it is there.")] = False,
) -> None:
    """Write what people have set up into one file: devices, secrets, policies, rules, links.

    Secrets stay sealed: the file is of no use without the key file, which is to be kept elsewhere. Nothing is held up
    while it is made. Recordings and events are not in it. `cambusctl restore` reads it.
    """
    cli = Cli.of(context)
    check_target(file, overwrite=overwrite)

    async def work(bus: Connection) -> None:
        buckets = await stored(bus)
        digest = write(file, datetime.now(UTC), version("cambus-cli"), buckets)
        counted = counts(buckets)
        if cli.json:
            cli.out.document({"file": str(file), "sha256": digest, "values": counted})
            return
        told = ", ".join(f"{count} {called}" for called, count in counted.items()) or "nothing"
        cli.out.line(f"{file}: {told}")
        if "sealed secrets" in counted:
            cli.out.note(
                "secrets open only with the key file: keep a copy of it, in another place than this one"
            )

    cli.run(work)


async def stored(bus: Connection) -> Buckets:
    """Everything on the bus that is backed up."""
    buckets: Buckets = {}
    for bucket in dict.fromkeys(kept.bucket for kept in KEPT):
        entries = await KeyValue(bus, bucket, AnyValue).items()
        values = {
            key: entry.value.model_dump(mode="json") for key, entry in entries.items() if kind_of(bucket, key)
        }
        if values:
            buckets[bucket] = dict(sorted(values.items()))
    return buckets


def counts(buckets: Buckets) -> dict[str, int]:
    """How many there are of each kind, by what people call it."""
    found = [kind_of(bucket, key) for bucket, values in buckets.items() for key in values]
    return {kept.called: number for kept in reversed(KEPT) if (number := found.count(kept))}
