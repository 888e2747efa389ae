"""`cambusctl alarms rules`: which alarms go where, and what is done about them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from cambus.cli.documents import read_messages
from cambus.cli.failures import FAILED, REFUSED, CliError, UsageError
from cambus.cli.groups import Group
from cambus.cli.invocation import Cli
from cambus.cli.parameters import Yes
from cambus.cli.requests import call, made
from cambus.cli.times import parse_instant
from cambus.client.connection import Connection
from cambus.schemas.alarms import AlarmType, Severity, alarm_key, default_severity
from cambus.schemas.commands import alarm_router
from cambus.schemas.commands.alarm_router import RuleVerdict
from cambus.schemas.events.alarm import AlarmRaised
from cambus.schemas.ids import new_ulid
from cambus.schemas.model import Empty
from cambus.schemas.state.alarm_rule import AlarmMatch, AlarmRule
from cambus.schemas.state.alarm_sinks import (
    AlarmSink,
    BusSink,
    CascadeSink,
    EmailSink,
    HttpSink,
    MqttSink,
    WebhookSink,
)

app = typer.Typer(add_completion=False, cls=Group, help="Which alarms go where, and what is done about them.")

RulesFile = typer.Option("--file", "-f", metavar="FILE", help="One rule or several, as YAML or JSON.")
RuleId = Annotated[str, typer.Argument(metavar="RULE", help="Its id.", show_default=False)]


@app.command()
def apply(
    context: typer.Context,
    file: Annotated[Path, RulesFile],
    *,
    prune: Annotated[
        bool, typer.Option("--prune", help="Delete the rules that are not in the file.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would change.")] = False,
    yes: Yes = False,
) -> None:
    """Make the alarm rules those of a file; they apply from the next alarm on.

    A rule says which alarms (`match`: devices, tags, types, min_severity, schedule, text_contains …), where they go
    (`sinks`: webhook, email, mqtt, http, bus, gb28181), what is done (`actions`) and who is told later (`escalation`):

    {id: night, match: {types: [motion], devices: ["gate-*"]}, sinks: [{kind: webhook, url: "https://…"}]}
    """
    cli = Cli.of(context)
    wanted = read_messages(file, AlarmRule, "rules")
    if not wanted:
        raise UsageError(f"{file} holds no rule")
    twice = {rule.id for rule in wanted if [each.id for each in wanted].count(rule.id) > 1}
    if twice:
        raise UsageError(f"{file}: the rule {', '.join(sorted(twice))} is there twice")

    async def work(bus: Connection) -> None:
        present = {rule.id: rule for rule in await _rules(cli, bus)}
        changes = {rule.id: _change(present.get(rule.id), rule) for rule in wanted}
        gone = sorted(set(present) - set(changes)) if prune else []
        await _check(cli, bus, file, [rule for rule in wanted if changes[rule.id] != "unchanged"])
        if gone and not dry_run:
            cli.confirm(f"Forget {', '.join(gone)}?", yes=yes)
        if not dry_run:
            for rule in wanted:
                if changes[rule.id] != "unchanged":
                    await call(cli, bus, alarm_router.RULES_PUT, alarm_router.RulesPutRequest(rule=rule))
            for rule_id in gone:
                await call(cli, bus, alarm_router.RULES_DELETE, alarm_router.RulesDeleteRequest(id=rule_id))
        changes |= dict.fromkeys(gone, "deleted")
        if cli.json:
            cli.out.document({"applied": not dry_run, "rules": changes})
        else:
            for rule_id, change in changes.items():
                cli.out.line(
                    f"{rule_id}: {change}{' (not done)' if dry_run and change != 'unchanged' else ''}"
                )

    cli.run(work)


async def _check(cli: Cli, bus: Connection, file: Path, rules: list[AlarmRule]) -> None:
    """Raise CliError for what is wrong with any of the rules: all are written, or none."""
    problems = [
        f"{rule.id}: {problem}"
        for rule in rules
        for problem in (
            await call(cli, bus, alarm_router.RULES_CHECK, alarm_router.RulesPutRequest(rule=rule))
        ).problems
    ]
    if problems:
        raise CliError(
            f"{file}: nothing is written\n" + "\n".join(problems), exit_code=REFUSED, reason="unusable-rule"
        )


def _change(before: AlarmRule | None, after: AlarmRule) -> str:
    if before is None:
        return "new"
    return "unchanged" if before == after else "changed"


@app.command("list")
def list_rules(context: typer.Context) -> None:
    """List the alarm rules, in the order in which they are looked at."""
    cli = Cli.of(context)

    async def work(bus: Connection) -> None:
        found = sorted(await _rules(cli, bus), key=lambda rule: (rule.order, rule.id))
        if cli.json:
            cli.out.document(found)
            return
        cli.out.table(
            ("rule", "name", "alarms", "go to", "and"),
            (
                (_id(rule), rule.name, _matched(rule.match), "; ".join(map(_sink, rule.sinks)), _more(rule))
                for rule in found
            ),
            empty="alarms go nowhere but into the stream of events: cambusctl alarms rules apply -f FILE",
        )

    cli.run(work)


@app.command()
def show(context: typer.Context, rule: RuleId) -> None:
    """Show a rule as it is written: what `apply` takes."""
    cli = Cli.of(context)

    async def work(bus: Connection) -> None:
        found = [each for each in await _rules(cli, bus) if each.id == rule]
        if not found:
            raise CliError(
                f"there is no rule {rule}",
                hint="cambusctl alarms rules list",
                exit_code=FAILED,
                reason="not-found",
            )
        cli.out.document(found[0])

    cli.run(work)


@app.command("test")
def try_rules(
    context: typer.Context,
    *,
    device: Annotated[str, typer.Option("--device", "-d", metavar="ID", help="On which device.")],
    kind: Annotated[AlarmType, typer.Option("--type", "-t", help="What it is about.")],
    channel: Annotated[
        int | None, typer.Option("--channel", "-c", min=0, max=65535, help="On which channel.")
    ] = None,
    severity: Annotated[
        Severity | None, typer.Option(help="How bad it is.", show_default="of the type")
    ] = None,
    text: Annotated[str, typer.Option(help="What the device says.")] = "",
    at: Annotated[str, typer.Option("--at", metavar="TIME", help="When.")] = "now",
    phase: Annotated[str, typer.Option(help="raised, cleared or acknowledged.")] = "raised",
    protocol: Annotated[str, typer.Option(help="Heard over which protocol.")] = "cambus",
    file: Annotated[Path | None, RulesFile] = None,
) -> None:
    """Find out which rules and sinks an alarm would reach; nothing is sent.

    With --file the rules of the file are tried instead of those that are written.
    """
    cli = Cli.of(context)
    rules = read_messages(file, AlarmRule, "rules") if file is not None else None
    alarm = made(
        AlarmRaised,
        id=new_ulid(),
        device=device,
        protocol=protocol,
        at=parse_instant(at, now=datetime.now(UTC)),
        channel=channel,
        type=kind,
        severity=severity or default_severity(kind),
        key=alarm_key(kind, channel),
        text=text,
    )
    request = made(alarm_router.RulesTestRequest, alarm=alarm, phase=phase, rules=rules)

    async def work(bus: Connection) -> None:
        found = (await call(cli, bus, alarm_router.RULES_TEST, request)).verdicts
        if cli.json:
            cli.out.document(found)
            return
        cli.out.table(("rule", "applies", "goes to", "and"), map(_verdict, found), empty="there are no rules")

    cli.run(work)


@app.command()
def delete(context: typer.Context, rule: RuleId, *, yes: Yes = False) -> None:
    """Forget a rule."""
    cli = Cli.of(context)

    async def work(bus: Connection) -> None:
        cli.confirm(f"Forget the rule {rule}? Its alarms go nowhere any more.", yes=yes)
        await call(cli, bus, alarm_router.RULES_DELETE, made(alarm_router.RulesDeleteRequest, id=rule))
        if cli.json:
            cli.out.document({"deleted": rule})
        else:
            cli.out.line(f"deleted {rule}")

    cli.run(work)


async def _rules(cli: Cli, bus: Connection) -> Sequence[AlarmRule]:
    return (await call(cli, bus, alarm_router.RULES_LIST, Empty())).rules


def _verdict(verdict: RuleVerdict) -> tuple[object, ...]:
    if not verdict.applies:
        return verdict.rule, Text(f"no: {verdict.why_not}", "dim"), "", ""
    more = [*verdict.actions, *verdict.escalation, *(["no rules behind it"] if verdict.stops else [])]
    return verdict.rule, Text("yes", "green"), "\n".join(verdict.sinks), "\n".join(more)


def _id(rule: AlarmRule) -> str:
    return rule.id if rule.enabled else f"{rule.id} (disabled)"


def _matched(match: AlarmMatch) -> str:
    parts = [f"{' '.join(match.types)} of {' '.join(match.devices)}"]
    parts += [f"tagged {', '.join(match.tags)}"] if match.tags else []
    parts += [f"at least {match.min_severity}"] if match.min_severity is not Severity.INFO else []
    parts += ["on schedule"] if match.schedule is not None else []
    parts += ["with words"] if match.text_contains or match.text_matches else []
    parts += [f"only {match.phases[0]}"] if len(match.phases) == 1 else []
    return ", ".join(parts)


def _more(rule: AlarmRule) -> str:
    parts: list[str] = [action.kind for action in rule.actions]
    parts += [f"escalates after {step.after_s:g} s" for step in rule.escalation[:1]]
    parts += ["stop"] if rule.stop else []
    return ", ".join(parts)


def _sink(sink: AlarmSink) -> str:
    match sink:
        case WebhookSink():
            return f"{sink.url.partition('?')[0]}{f', signed with {sink.secret}' if sink.secret else ''}"
        case HttpSink():
            return f"{sink.method} {sink.url.partition('?')[0].partition('{')[0]}"
        case BusSink():
            return f"subject {sink.subject}"
        case EmailSink():
            return f"e-mail to {', '.join(sink.to)}"
        case MqttSink():
            return f"MQTT {sink.host}: {sink.topic}"
        case CascadeSink():
            return f"platform {sink.link}"
