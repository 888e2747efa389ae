"""`cambusctl apply`: the devices on the bus become those of a file."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from cambus.cli.device_plan import Action, Step, not_in_file, plan, wanted_devices
from cambus.cli.device_writer import DeviceWriter, StoppedHalfWayError
from cambus.cli.devices_file import load_devices
from cambus.cli.explain import explain
from cambus.cli.failures import FAILED, CliError
from cambus.cli.formatting import plural
from cambus.cli.invocation import Cli
from cambus.cli.keyfile import CredentialsKey, key_ring
from cambus.cli.parameters import Yes
from cambus.client.connection import Connection

app = typer.Typer(add_completion=False)

STYLES: Final = {
    Action.CREATE: "green",
    Action.CHANGE: "yellow",
    Action.KEEP: "dim",
    Action.REMOVE: "red",
}


@app.command()
def apply(
    context: typer.Context,
    file: Annotated[
        Path, typer.Option("--file", "-f", metavar="FILE", help="The devices.yaml; - is standard input.")
    ],
    *,
    credentials_key: CredentialsKey = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")] = False,
    prune: Annotated[bool, typer.Option("--prune", help="Remove devices that are not in the file.")] = False,
    yes: Yes = False,
) -> None:
    """Make the devices on the bus those of a devices.yaml.

    The whole file is checked before anything is written. Devices that are as the file wants them are left
    alone, so it can be applied again at any time; connectors notice changes at once. Passwords are sealed
    with the key file before they leave this machine.
    """
    cli = Cli.of(context)
    wanted = wanted_devices(file, load_devices(file))
    keys = key_ring(credentials_key) if any(each.credentials for each in wanted) else None

    async def work(bus: Connection) -> None:
        writer = DeviceWriter(bus, keys)
        present = await writer.present()
        steps = plan(wanted, present, keys, prune=prune)
        left_alone = [] if prune else not_in_file(wanted, present)
        if dry_run:
            _report(cli, steps, left_alone, dry_run=True)
            return
        _confirm_removals(cli, steps, yes=yes)
        try:
            await writer.write(steps)
        except StoppedHalfWayError as stopped:
            raise _half_way(cli, stopped) from None
        _report(cli, steps, left_alone, dry_run=False)

    cli.run(work)


def _confirm_removals(cli: Cli, steps: Sequence[Step], *, yes: bool) -> None:
    removed = [step.device for step in steps if step.action is Action.REMOVE]
    if removed:
        cli.confirm(f"Remove {plural(len(removed), 'device')}: {', '.join(removed)}?", yes=yes)


def _report(cli: Cli, steps: Sequence[Step], left_alone: Sequence[str], *, dry_run: bool) -> None:
    if cli.json:
        cli.out.document({**_summary(steps), "dry_run": dry_run, "not_in_file": list(left_alone)})
        return
    for step in steps:
        if step.action is not Action.KEEP:
            _line(cli, step)
    counts = Counter(step.action for step in steps)
    said = ", ".join(f"{counts[action]} {action}" for action in Action if counts[action]) or "no devices"
    cli.out.line(f"{'would be: ' if dry_run else ''}{said}", "bold")
    if left_alone:
        names = ", ".join(left_alone[:10]) + (" …" if len(left_alone) > 10 else "")
        cli.out.note(f"not in the file, left alone (--prune removes them): {names}")


def _line(cli: Cli, step: Step) -> None:
    what = ", ".join(step.fields)
    if step.record is not None and step.action is Action.CREATE:
        what = f"{step.record.protocol} {step.record.address or '(dials us)'}"
    cli.out.line(f"{step.action:<10} {step.device}  {what}".rstrip(), STYLES[step.action])


def _summary(steps: Sequence[Step]) -> dict[str, Any]:
    summary: dict[str, Any] = {action.value: [] for action in Action}
    for step in steps:
        shown = {"device": step.device, "fields": list(step.fields)}
        summary[step.action.value].append(shown if step.action is Action.CHANGE else step.device)
    return summary


def _half_way(cli: Cli, stopped: StoppedHalfWayError) -> CliError:
    """Say exactly what was applied, what failed and what was not reached."""
    cause = explain(stopped.cause)
    left = [step.device for step in stopped.left]
    if not cli.json:
        for step in stopped.done:
            _line(cli, step)
    text = (
        f"{stopped.failed.device} could not be written: {cause.text}\n"
        f"  applied before it: {', '.join(step.device for step in stopped.done) or 'nothing'}\n"
        f"  not applied: {', '.join([stopped.failed.device, *left])}"
    )
    return CliError(
        text,
        hint="apply the file again: it goes on where it stopped",
        exit_code=cause.exit_code or FAILED,
        reason=cause.reason,
        data={"applied": _summary(stopped.done), "failed": stopped.failed.device, "not_applied": left},
    )
