"""`cambusctl alarms`: which alarms are raised, which were, who looks after them, and how the sinks are."""

import getpass
from datetime import datetime
from fnmatch import fnmatchcase
from textwrap import shorten
from typing import Annotated

import typer
from rich.text import Text

from cambus.cli.commands import alarm_rules
from cambus.cli.event_text import event_line
from cambus.cli.failures import UsageError
from cambus.cli.formatting import ago, clean, duration, local, plural
from cambus.cli.groups import Group
from cambus.cli.invocation import Cli
from cambus.cli.requests import call, made
from cambus.cli.times import parse_range
from cambus.client.calling import BusClient
from cambus.client.connection import Connection
from cambus.client.follow import follow as follow_events
from cambus.client.wanted import last_sequence
from cambus.schemas import subjects
from cambus.schemas.alarms import Severity
from cambus.schemas.commands import alarm_cases, alarm_router
from cambus.schemas.commands.alarm_cases import AlarmCase, SinkStatus
from cambus.schemas.events.alarm import AlarmEvent
from cambus.schemas.state.alarms import ActiveAlarm

app = typer.Typer(add_completion=False, cls=Group, invoke_without_command=True)
app.add_typer(alarm_rules.app, name="rules")

TEXT_WIDTH = 100

STYLES = {Severity.MINOR: "", Severity.MAJOR: "yellow", Severity.CRITICAL: "bold red"}

Devices = Annotated[
    list[str] | None,
    typer.Option("--device", "-d", metavar="GLOB", help="Only of these; may be repeated."),
]
Types = Annotated[
    list[str] | None,
    typer.Option("--type", "-t", metavar="GLOB", help="Only motion, storage-* …; may be repeated."),
]
LeastSeverity = Annotated[Severity, typer.Option("--severity", help="At least so bad.")]
Acknowledged = Annotated[
    bool | None,
    typer.Option(
        "--acknowledged/--open", help="Only those somebody looks after, or nobody.", show_default="both"
    ),
]


@app.callback()
def alarms(
    context: typer.Context,
    *,
    device: Devices = None,
    kind: Types = None,
    severity: LeastSeverity = Severity.INFO,
    acknowledged: Acknowledged = None,
) -> None:
    """List the alarms that are raised now, newest first.

    `cambusctl alarms history` tells of those that were; `cambusctl alarms rules` says where alarms go.
    """
    if context.invoked_subcommand is None:
        _list(context, device, kind, severity, acknowledged)


@app.command("list")
def list_alarms(
    context: typer.Context,
    *,
    device: Devices = None,
    kind: Types = None,
    severity: LeastSeverity = Severity.INFO,
    acknowledged: Acknowledged = None,
) -> None:
    """List the alarms that are raised now, newest first."""
    _list(context, device, kind, severity, acknowledged)


def _list(
    context: typer.Context,
    device: list[str] | None,
    kind: list[str] | None,
    severity: Severity,
    acknowledged: bool | None,
) -> None:
    cli = Cli.of(context)
    request = made(
        alarm_router.AlarmsListRequest,
        devices=device or ["*"],
        types=kind or ["*"],
        min_severity=severity,
        acknowledged=acknowledged,
    )

    async def work(bus: Connection) -> None:
        reply = await call(cli, bus, alarm_router.ALARMS_LIST, request)
        if cli.json:
            cli.out.document(reply)
            return
        cli.out.table(
            ("severity", "device", "channel", "type", "raised", "times", "looks after", "text", "id"),
            map(_raised, reply.alarms),
            empty="no alarm is raised",
        )
        if reply.total > len(reply.alarms):
            cli.out.note(f"and {plural(reply.total - len(reply.alarms), 'more alarm')}")

    cli.run(work)


@app.command()
def ack(
    context: typer.Context,
    alarm: Annotated[
        list[str],
        typer.Argument(metavar="ID...", help="The alarms, as `list` shows them.", show_default=False),
    ],
    *,
    note: Annotated[str, typer.Option("--note", "-n", metavar="TEXT", help="What others are to know.")] = "",
    by: Annotated[
        str | None, typer.Option("--by", metavar="NAME", help="Who.", show_default="your login")
    ] = None,
) -> None:
    """Say that you look after an alarm, or several; the first who says so stays."""
    cli = Cli.of(context)
    who = by or _login()
    requests = [
        made(alarm_cases.AlarmsAcknowledgeRequest, id=each, by=who, note=note)
        for each in dict.fromkeys(alarm)
    ]

    async def work(bus: Connection) -> None:
        for request in requests:
            reply = await call(cli, bus, alarm_cases.ALARMS_ACKNOWLEDGE, request)
            if not cli.json:
                cli.out.line(_acknowledged(reply))
            elif len(requests) > 1:
                cli.out.record(reply)
            else:
                cli.out.document(reply)

    cli.run(work)


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run as a user nobody gave a name
        raise UsageError("who looks after it? your user has no name here: --by NAME") from None


def _acknowledged(reply: alarm_cases.AlarmsAcknowledgeReply) -> str:
    who = reply.acknowledged
    said = f": {clean(who.note)}" if who.note else ""
    if reply.already:
        return f"{clean(who.by)} looks after it since {local(who.at)}{said}"
    return f"acknowledged by {clean(who.by)}{said}"


@app.command()
def show(
    context: typer.Context,
    alarm: Annotated[str, typer.Argument(metavar="ID", help="The alarm.", show_default=False)],
) -> None:
    """Show one alarm and all that became of it."""
    cli = Cli.of(context)
    request = made(alarm_cases.AlarmsShowRequest, id=alarm)

    async def work(bus: Connection) -> None:
        case = await call(cli, bus, alarm_cases.ALARMS_SHOW, request)
        if cli.json:
            cli.out.document(case)
            return
        for line in _story(case):
            cli.out.line(line)

    cli.run(work)


@app.command()
def history(
    context: typer.Context,
    *,
    device: Devices = None,
    kind: Types = None,
    severity: LeastSeverity = Severity.INFO,
    acknowledged: Acknowledged = None,
    since: Annotated[str, typer.Option("--from", metavar="TIME", help="Begun from when on.")] = "-1d",
    until: Annotated[str, typer.Option("--to", metavar="TIME", help="Begun until when.")] = "now",
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 200,
) -> None:
    """Search the alarms that were, oldest first; they are kept for a week."""
    cli = Cli.of(context)
    start, end = parse_range(since, until)
    request = made(
        alarm_cases.AlarmsHistoryRequest,
        devices=device or ["*"],
        types=kind or ["*"],
        min_severity=severity,
        acknowledged=acknowledged,
        since=start,
        until=end,
        limit=limit,
    )

    async def work(bus: Connection) -> None:
        reply = await call(cli, bus, alarm_cases.ALARMS_HISTORY, request)
        if cli.json:
            cli.out.document(reply)
            return
        cli.out.table(
            ("raised", "severity", "device", "channel", "type", "lasted", "looks after", "done", "id"),
            map(_case, reply.alarms),
            empty="there was no such alarm in that time",
        )
        if reply.complete_until is not None:
            cli.out.note(f"there are more from {local(reply.complete_until)} on: --from, or a larger --limit")

    cli.run(work)


@app.command()
def watch(
    context: typer.Context,
    *,
    device: Devices = None,
    kind: Types = None,
    severity: LeastSeverity = Severity.INFO,
) -> None:
    """Show alarms, and what is done about them, as it happens."""
    cli = Cli.of(context)
    request = made(
        alarm_router.AlarmsListRequest, devices=device or ["*"], types=kind or ["*"], min_severity=severity
    )

    async def work(bus: Connection) -> None:
        after = await last_sequence(bus)
        async for received in follow_events(bus, [subjects.events(noun="alarm")], after_seq=after):
            event = received.event
            if not isinstance(event, AlarmEvent) or not _wanted(event, request):
                continue
            if cli.json:
                cli.out.record({"name": received.name, "stored": received.stored, "event": event})
            else:
                cli.out.text(event_line(received))

    cli.run(work)


@app.command()
def sinks(context: typer.Context) -> None:
    """Show which sinks take alarms, what waits for them, and why."""
    cli = Cli.of(context)

    async def work(bus: Connection) -> None:
        replies = await BusClient(bus).broadcast(
            alarm_cases.SINKS_LIST,
            alarm_cases.SinksListRequest(),
            quiet_s=0.5,
            timeout_s=cli.options.timeout_s,
        )
        on_duty = [reply for reply in replies if reply.on_duty]
        if cli.json:
            cli.out.document(replies)
            return
        if not on_duty:
            cli.out.note("no replica is on duty: nothing is delivered; cambusctl doctor")
            return
        cli.out.table(
            ("sink", "where", "state", "waiting", "oldest", "taken", "failed", "last error"),
            map(_sink, on_duty[0].sinks),
            empty="there are no rules with sinks: cambusctl alarms rules apply -f FILE",
        )
        if on_duty[0].given_back:
            cli.out.note(f"{plural(on_duty[0].given_back, 'more alarm')} wait in NATS")

    cli.run(work)


def _wanted(event: AlarmEvent, request: alarm_router.AlarmsListRequest) -> bool:
    return (
        any(fnmatchcase(event.device, pattern) for pattern in request.devices)
        and any(fnmatchcase(event.type.value, pattern) for pattern in request.types)
        and event.severity.rank >= request.min_severity.rank
    )


def _styled(severity: Severity) -> Text:
    return Text(severity, STYLES.get(severity, "dim"))


def _raised(active: ActiveAlarm) -> tuple[object, ...]:
    alarm = active.raised
    return (
        _styled(alarm.severity),
        alarm.device,
        alarm.channel,
        alarm.type,
        f"{ago(alarm.at)} ago",
        active.count,
        clean(active.acknowledged.by) if active.acknowledged is not None else "",
        shorten(clean(alarm.text), TEXT_WIDTH, placeholder="…"),
        alarm.id,
    )


def _case(case: AlarmCase) -> tuple[object, ...]:
    event = case.raised or case.cleared
    if event is None:
        return ()
    done = [f"{each.action} {each.outcome}" for each in case.actions]
    done += [f"escalated {plural(len(case.escalated), 'time')}"] if case.escalated else []
    return (
        local(event.at) if case.raised is not None else f"before {local(event.at)}",
        _styled(event.severity),
        event.device,
        event.channel,
        event.type,
        _lasted(case),
        clean(case.acknowledged.by) if case.acknowledged is not None else "",
        ", ".join(done),
        event.id,
    )


def _lasted(case: AlarmCase) -> str:
    if case.raised is not None and case.raised.momentary:
        return ""
    if case.cleared is None:
        return "goes on"
    return duration(case.duration_s) if case.duration_s is not None else "start unknown"


def _story(case: AlarmCase) -> list[str]:
    """What happened to an alarm, a line each, in the order of time."""
    lines: list[tuple[datetime, str]] = []
    if case.raised is not None:
        raised = case.raised
        where = raised.device if raised.channel is None else f"{raised.device}/{raised.channel}"
        lines.append(
            (
                raised.at,
                f"raised: {raised.type}, {raised.severity} on {where}: {clean(raised.text)}".rstrip(": "),
            )
        )
    for done in case.actions:
        why = f": {clean(done.error)}" if done.error else ""
        picture = f": {done.picture.object}" if done.picture is not None else ""
        lines.append((done.at, f"{done.action} by rule {done.rule}: {done.outcome}{why}{picture}"))
    lines += [
        (told.at, f"escalated by rule {told.rule}, step {told.step + 1}: {told.reason}")
        for told in case.escalated
    ]
    if case.acknowledged is not None:
        who = case.acknowledged
        lines.append((who.at, f"acknowledged by {clean(who.by)}: {clean(who.note)}".rstrip(": ")))
    if case.cleared is not None:
        lines.append((case.cleared.at, f"over: {case.cleared.cause}, lasted {_lasted(case)}"))
    return [f"{local(at)}  {text}" for at, text in sorted(lines)]


def _sink(status: SinkStatus) -> tuple[object, ...]:
    state = Text("away", "bold red") if status.away else Text("takes alarms", "green")
    if not status.away and not status.delivered:
        state = Text("not used yet", "dim")
    error = f"{clean(status.last_error)}, {ago(status.last_error_at)} ago" if status.last_error else ""
    return (
        status.route,
        f"{status.kind} {clean(status.target)}",
        state,
        status.waiting or "",
        duration(status.oldest_s) if status.oldest_s is not None else "",
        status.delivered,
        status.failed or "",
        error,
    )
