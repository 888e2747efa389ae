"""`cambusctl alarms`: which alarms are raised, and where alarms go."""

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from cambus.bus.connection import Bus
from cambus.cli.documents import read_messages
from cambus.cli.failures import UsageError
from cambus.cli.formatting import ago, clean, plural
from cambus.cli.groups import Group
from cambus.cli.invocation import Cli
from cambus.cli.parameters import Yes
from cambus.cli.requests import call, made
from cambus.schemas.alarms import Severity
from cambus.schemas.commands import alarm_router
from cambus.schemas.model import Empty
from cambus.schemas.state.alarm_rule import AlarmMatch, AlarmRule, AlarmSink, WebhookSink

app = typer.Typer(add_completion=False, cls=Group, invoke_without_command=True)
rules = typer.Typer(add_completion=False, cls=Group, help="Which alarms go where.")
app.add_typer(rules, name="rules")

STYLES = {Severity.MINOR: "", Severity.MAJOR: "yellow", Severity.CRITICAL: "bold red"}


@app.callback()
def alarms(
    context: typer.Context,
    *,
    device: Annotated[
        list[str] | None,
        typer.Option("--device", "-d", metavar="GLOB", help="Only of these; may be repeated."),
    ] = None,
    kind: Annotated[
        list[str] | None,
        typer.Option("--type", "-t", metavar="GLOB", help="Only motion, storage-* …; may be repeated."),
    ] = None,
    severity: Annotated[Severity, typer.Option(help="At least so bad.")] = Severity.INFO,
) -> None:
    """List the alarms that are raised now, newest first.

    `cambusctl events --type alarm` tells of those that are over; `cambusctl alarms rules` says where alarms go.
    """
    if context.invoked_subcommand is not None:
        return
    cli = Cli.of(context)
    request = made(
        alarm_router.AlarmsListRequest, devices=device or ["*"], types=kind or ["*"], min_severity=severity
    )

    async def work(bus: Bus) -> None:
        reply = await call(cli, bus, alarm_router.ALARMS_LIST, request)
        if cli.json:
            cli.out.document(reply)
            return
        cli.out.table(
            ("severity", "device", "channel", "type", "raised", "times", "text"),
            (
                (
                    Text(each.raised.severity, STYLES.get(each.raised.severity, "dim")),
                    each.raised.device,
                    each.raised.channel,
                    each.raised.type,
                    f"{ago(each.raised.at)} ago",
                    each.count,
                    clean(each.raised.text),
                )
                for each in reply.alarms
            ),
            empty="no alarm is raised",
        )
        if reply.total > len(reply.alarms):
            cli.out.note(f"and {plural(reply.total - len(reply.alarms), 'more alarm')}")

    cli.run(work)


@rules.command("put")
def put_rules(
    context: typer.Context,
    file: Annotated[
        Path, typer.Option("--file", "-f", metavar="FILE", help="One rule or several, as YAML or JSON.")
    ],
) -> None:
    """Write alarm rules; each replaces the one of the same id.

    A rule says which alarms (`match`: devices, tags, types, min_severity, schedule) go where (`sinks`: a
    webhook, or a subject of the bus):

    {id: night, match: {types: [motion], devices: ["gate-*"]}, sinks: [{kind: webhook, url: "https://…"}]}
    """
    cli = Cli.of(context)
    wanted = read_messages(file, AlarmRule, "rules")
    if not wanted:
        raise UsageError(f"{file} holds no rule")

    async def work(bus: Bus) -> None:
        for rule in wanted:
            await call(cli, bus, alarm_router.RULES_PUT, alarm_router.RulesPutRequest(rule=rule))
        if cli.json:
            cli.out.document({"put": [rule.id for rule in wanted]})
        else:
            cli.out.line(f"put {', '.join(rule.id for rule in wanted)}")

    cli.run(work)


@rules.command("list")
def list_rules(context: typer.Context) -> None:
    """List the alarm rules."""
    cli = Cli.of(context)

    async def work(bus: Bus) -> None:
        found = (await call(cli, bus, alarm_router.RULES_LIST, Empty())).rules
        if cli.json:
            cli.out.document(found)
            return
        cli.out.table(
            ("rule", "name", "alarms", "go to"),
            (
                (_id(rule), rule.name, _matched(rule.match), "; ".join(map(_sink, rule.sinks)))
                for rule in found
            ),
            empty="alarms go nowhere but into the stream of events: cambusctl alarms rules put -f FILE",
        )

    cli.run(work)


@rules.command()
def delete(
    context: typer.Context,
    rule: Annotated[str, typer.Argument(metavar="RULE", help="Its id.", show_default=False)],
    *,
    yes: Yes = False,
) -> None:
    """Forget a rule."""
    cli = Cli.of(context)

    async def work(bus: Bus) -> None:
        cli.confirm(f"Forget the rule {rule}? Its alarms go nowhere any more.", yes=yes)
        await call(cli, bus, alarm_router.RULES_DELETE, made(alarm_router.RulesDeleteRequest, id=rule))
        if cli.json:
            cli.out.document({"deleted": rule})
        else:
            cli.out.line(f"deleted {rule}")

    cli.run(work)


def _id(rule: AlarmRule) -> str:
    return rule.id if rule.enabled else f"{rule.id} (disabled)"


def _matched(match: AlarmMatch) -> str:
    parts = [f"{' '.join(match.types)} of {' '.join(match.devices)}"]
    parts += [f"tagged {', '.join(match.tags)}"] if match.tags else []
    parts += [f"at least {match.min_severity}"] if match.min_severity is not Severity.INFO else []
    parts += ["on schedule"] if match.schedule is not None else []
    parts += [f"only {match.phases[0]}"] if len(match.phases) == 1 else []
    return ", ".join(parts)


def _sink(sink: AlarmSink) -> str:
    if isinstance(sink, WebhookSink):
        return f"{sink.url.partition('?')[0]}{f', signed with {sink.secret}' if sink.secret else ''}"
    return f"subject {sink.subject}"
