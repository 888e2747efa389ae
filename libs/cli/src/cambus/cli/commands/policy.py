"""`cambusctl recordings policy`: what is recorded, and for how long it is kept."""

from pathlib import Path
from typing import Annotated, Any

import typer

from cambus.cli.documents import read_messages
from cambus.cli.failures import UsageError
from cambus.cli.formatting import duration, plural, size
from cambus.cli.groups import Group
from cambus.cli.invocation import Cli
from cambus.cli.parameters import Yes
from cambus.cli.requests import call, made
from cambus.cli.sizes import parse_size
from cambus.cli.times import parse_span
from cambus.client.connection import Connection
from cambus.schemas.commands import recorder
from cambus.schemas.matching import DeviceMatch
from cambus.schemas.model import Empty
from cambus.schemas.state.recording_policy import AlarmRecording, RecordingPolicy, Retention

app = typer.Typer(add_completion=False, cls=Group, help="What is recorded, and for how long it is kept.")

Policy = Annotated[str, typer.Argument(metavar="POLICY", help="Its name.", show_default=False)]


@app.command("set")
def set_policy(
    context: typer.Context,
    name: Annotated[
        str | None, typer.Argument(metavar="POLICY", help="Its name; not with -f.", show_default=False)
    ] = None,
    *,
    file: Annotated[
        Path | None, typer.Option("--file", "-f", metavar="FILE", help="One or several, as YAML or JSON.")
    ] = None,
    device: Annotated[
        list[str] | None, typer.Option(metavar="GLOB", help="Devices, such as 'gate-*'; may be repeated.")
    ] = None,
    tag: Annotated[
        list[str] | None, typer.Option(help="Only devices with this tag; may be repeated.")
    ] = None,
    channel: Annotated[list[int] | None, typer.Option(help="Only this channel; may be repeated.")] = None,
    stream: Annotated[list[str] | None, typer.Option(help="main, sub …; may be repeated.")] = None,
    keep: Annotated[str | None, typer.Option(metavar="SPAN", help="For how long, such as 30d.")] = None,
    keep_size: Annotated[
        str | None, typer.Option(metavar="SIZE", help="Most of each stream, such as 50G.")
    ] = None,
    on_alarm: Annotated[
        list[str] | None,
        typer.Option(metavar="TYPE", help="Only around alarms: motion, analytics.* …; may be repeated."),
    ] = None,
    before: Annotated[str, typer.Option(metavar="SPAN", help="With --on-alarm: kept from before.")] = "10s",
    after: Annotated[
        str, typer.Option(metavar="SPAN", help="With --on-alarm: recorded after its end.")
    ] = "20s",
    upload: Annotated[
        str | None,
        typer.Option(
            metavar="WHAT", help="Copy recordings to the object storage: all, or alarm for those with alarms."
        ),
    ] = None,
    upload_as: Annotated[
        str, typer.Option(metavar="CONTAINER", help="With --upload: mp4, faststart or ts.")
    ] = "mp4",
    disabled: Annotated[bool, typer.Option("--disabled", help="Keep it, and do not follow it.")] = False,
) -> None:
    """Record around the clock, or around alarms, what the options say; without any, everything.

    Schedules and pictures are written in a file.

    cambusctl recordings policy set gates --device 'gate-*' --keep 30d
    cambusctl recordings policy set motion --on-alarm motion --before 10s --after 30s
    """
    cli = Cli.of(context)
    if (name is None) == (file is None):
        raise UsageError("give either a name or --file")
    if file is not None:
        policies = read_messages(file, RecordingPolicy, "policies")
    else:
        match = made(DeviceMatch, devices=device or ["*"], tags=tag or [], channels=channel or None)
        retention = made(
            Retention,
            max_age_s=None if keep is None else int(parse_span(keep).total_seconds()),
            max_bytes=None if keep_size is None else parse_size(keep_size),
        )
        fields: dict[str, Any] = {"streams": stream} if stream else {}
        if on_alarm:
            fields["mode"] = "alarm"
            fields["alarm"] = made(
                AlarmRecording,
                types=on_alarm,
                pre_roll_s=parse_span(before).total_seconds(),
                post_roll_s=parse_span(after).total_seconds(),
            )
        if upload is not None:
            fields |= {"upload": True, "upload_what": upload, "upload_as": upload_as}
        policies = [
            made(RecordingPolicy, id=name, match=match, retention=retention, enabled=not disabled, **fields)
        ]

    async def work(bus: Connection) -> None:
        for policy in policies:
            await call(cli, bus, recorder.POLICY_SET, recorder.PolicySetRequest(policy=policy))
        if cli.json:
            cli.out.document({"set": [policy.id for policy in policies]})
        else:
            cli.out.line(f"set {', '.join(policy.id for policy in policies)}")

    cli.run(work)


@app.command("list")
def list_policies(context: typer.Context) -> None:
    """List the recording policies."""
    cli = Cli.of(context)

    async def work(bus: Connection) -> None:
        policies = (await call(cli, bus, recorder.POLICY_LIST, Empty())).policies
        if cli.json:
            cli.out.document(policies)
            return
        cli.out.table(
            ("policy", "records", "streams", "when", "keeps", "copies"),
            (
                (
                    each.id,
                    _matched(each.match),
                    " ".join(each.streams),
                    _when(each),
                    _kept(each.retention),
                    _copied(each),
                )
                for each in policies
            ),
            empty="nothing is recorded: cambusctl recordings policy set everything",
        )

    cli.run(work)


@app.command()
def delete(context: typer.Context, name: Policy, *, yes: Yes = False) -> None:
    """Forget a policy; what it recorded stays until its time is over."""
    cli = Cli.of(context)

    async def work(bus: Connection) -> None:
        cli.confirm(f"Stop recording what {name} says?", yes=yes)
        await call(cli, bus, recorder.POLICY_DELETE, made(recorder.PolicyDeleteRequest, id=name))
        if cli.json:
            cli.out.document({"deleted": name})
        else:
            cli.out.line(f"deleted {name}")

    cli.run(work)


def _matched(match: DeviceMatch) -> str:
    parts = [" ".join(match.devices)]
    parts += [f"tagged {', '.join(match.tags)}"] if match.tags else []
    parts += [f"speaking {', '.join(match.protocols)}"] if match.protocols else []
    if match.channels is not None:
        parts.append(
            f"{'channel' if len(match.channels) == 1 else 'channels'} {', '.join(map(str, match.channels))}"
        )
    return ", ".join(parts)


def _when(policy: RecordingPolicy) -> str:
    if not policy.enabled:
        return "never (disabled)"
    spans = policy.schedule and plural(len(policy.schedule.spans), "span")
    return policy.mode if not spans else f"{policy.mode}, {spans} a week"


def _copied(policy: RecordingPolicy) -> str:
    return f"{policy.upload_what}, as {policy.upload_as}" if policy.upload else ""


def _kept(retention: Retention) -> str:
    parts = [duration(retention.max_age_s)] if retention.max_age_s else []
    parts += [f"{size(retention.max_bytes)} a stream"] if retention.max_bytes else []
    return ", ".join(parts) or "until the disk is full"
