"""`cambusctl device`: one device, looked at closely or removed."""

import typer
from rich.text import Text

from cambus.cli.device_plan import Action, Step
from cambus.cli.device_status import DeviceBoard, DeviceStatus, utc_now
from cambus.cli.device_writer import DeviceWriter
from cambus.cli.failures import REFUSED, CliError
from cambus.cli.formatting import ago, clean, local
from cambus.cli.groups import Group
from cambus.cli.invocation import Cli
from cambus.cli.output import table
from cambus.cli.parameters import Device, Yes
from cambus.client.connection import Connection
from cambus.client.kv import KeyValue
from cambus.schemas.assets import KV_CREDENTIALS
from cambus.schemas.channels import ChannelInfo
from cambus.schemas.state.credentials import SealedCredentials
from cambus.schemas.state.presence import PresenceError

app = typer.Typer(add_completion=False, cls=Group, help="Look at one device, or remove it.")

CHANNEL_COLUMNS = ("channel", "name", "state", "streams", "ptz", "sound")


@app.command()
def get(context: typer.Context, device: Device) -> None:
    """Show everything that is known of a device; its credentials stay sealed."""
    cli = Cli.of(context)

    async def work(bus: Connection) -> None:
        status = (await DeviceBoard.read(bus)).get(device)
        if status.record is None and status.presence is None:
            raise _unknown(device)
        name = status.record.credentials.name if status.record and status.record.credentials else None
        sealed = await KeyValue(bus, KV_CREDENTIALS, SealedCredentials).get(name) if name else None
        if cli.json:
            cli.out.document(
                {**status.as_json(), "credentials": None if sealed is None else _seal(sealed.value)}
            )
            return
        _show(cli, status, sealed.value if sealed else None)

    cli.run(work)


@app.command()
def delete(context: typer.Context, device: Device, *, yes: Yes = False) -> None:
    """Remove a device and its credentials; its recordings stay as long as their policy says."""
    cli = Cli.of(context)

    async def work(bus: Connection) -> None:
        writer = DeviceWriter(bus, None)
        present = await writer.present()
        entry = present.records.get(device)
        if entry is None:
            raise _unknown(device)
        cli.confirm(f"Remove {device} ({entry.value.name or entry.value.protocol})?", yes=yes)
        drop = device if entry.value.credentials and entry.value.credentials.name == device else None
        await writer.write([Step(device, Action.REMOVE, revision=entry.revision, drop=drop)])
        if cli.json:
            cli.out.document({"removed": device})
        else:
            cli.out.line(f"removed {device}")

    cli.run(work)


def _unknown(device: str) -> CliError:
    return CliError(
        f"there is no device {device}",
        hint="cambusctl devices",
        exit_code=REFUSED,
        code=404,
        reason="no-such-device",
    )


def _seal(sealed: SealedCredentials) -> dict[str, str]:
    return {"key_id": sealed.key_id, "updated_at": sealed.updated_at.isoformat()}


def _show(cli: Cli, status: DeviceStatus, sealed: SealedCredentials | None) -> None:
    facts = table(("", ""), [(Text(name, "bold"), value) for name, value in _facts(status, sealed) if value])
    facts.show_header = False
    cli.out.show(facts)
    if status.presence is not None and status.presence.channels:
        cli.out.line()
        cli.out.table(CHANNEL_COLUMNS, (_channel(channel) for channel in status.presence.channels))


def _facts(status: DeviceStatus, sealed: SealedCredentials | None) -> list[tuple[str, str | Text]]:
    record, presence, now = status.record, status.presence, utc_now()
    facts: list[tuple[str, str | Text]] = [("device", status.device)]
    if record is not None:
        facts += [
            ("name", clean(record.name or "")),
            ("protocol", record.protocol),
            ("address", record.address or "(dials us)"),
            ("tags", ", ".join(record.tags)),
            ("options", ", ".join(f"{key}={clean(value)}" for key, value in record.options.items())),
        ]
    sealed_at = f"sealed with {sealed.key_id}, {local(sealed.updated_at)}" if sealed else "none"
    facts += [("credentials", sealed_at), ("state", status.row(now)[2])]
    if presence is not None:
        error = presence.last_error
        facts += [
            ("since", f"{local(presence.since)} ({ago(presence.since)} ago)"),
            ("held by", f"{presence.replica or '?'}, epoch {presence.epoch}"),
            ("model", clean(f"{presence.vendor} {presence.model}")),
            ("serial", clean(presence.serial)),
            ("firmware", clean(presence.software_version)),
            ("does not work", ", ".join(presence.degraded)),
            ("clock", "" if presence.drift_s is None else f"{presence.drift_s:+.1f} s from ours"),
            ("last error", "" if error is None else _error(error)),
        ]
    return facts


def _error(error: PresenceError) -> str:
    return f"{error.code} {error.reason}: {clean(error.text)} ({ago(error.at)} ago)"


def _channel(channel: ChannelInfo) -> list[str]:
    known = {True: "yes", False: "no", None: "?"}
    state = "off" if not channel.enabled else "online" if channel.online else "away"
    return [
        str(channel.channel),
        clean(channel.name),
        state,
        " ".join(channel.streams),
        known[channel.ptz],
        known[channel.audio],
    ]
