"""What the rules would do with an alarm, told without doing it."""

from collections.abc import Iterable

from cambus.alarm_router.rule_check import problems
from cambus.alarm_router.rules import ordered
from cambus.alarm_router.sinks import target_of
from cambus.schemas.commands.alarm_router import RuleVerdict
from cambus.schemas.events.alarm import AlarmRaised
from cambus.schemas.state.alarm_actions import AlarmAction, CallAction, OutputAction, PresetAction
from cambus.schemas.state.alarm_rule import AlarmRule, Phase
from cambus.schemas.state.alarm_sinks import AlarmSink


def verdicts(
    rules: Iterable[AlarmRule], alarm: AlarmRaised, *, phase: Phase, tags: list[str]
) -> list[RuleVerdict]:
    """What each rule does with an alarm of a device with these tags, in their order.

    Intervals and limits are not looked at: whether one keeps the alarm back depends on those before it.
    """
    stopped = False
    found = []
    for rule in ordered(rules):
        misfit = rule.match.misfit(alarm, phase=phase, tags=tags)
        unusable = problems(rule)
        if not rule.enabled:
            why_not = "disabled"
        elif unusable:
            why_not = f"unusable: {unusable[0]}"
        elif stopped:
            why_not = "stopped"
        else:
            why_not = misfit or ""
            stopped = rule.stop and misfit in {None, "phases"}
        found.append(_verdict(rule, why_not, phase))
    return found


def _verdict(rule: AlarmRule, why_not: str, phase: Phase) -> RuleVerdict:
    applies = not why_not
    raised = applies and phase == "raised"
    return RuleVerdict(
        rule=rule.id,
        applies=applies,
        why_not=why_not,
        stops=applies and rule.stop,
        sinks=[_sink(sink) for sink in rule.sinks] if applies else [],
        actions=[_action(action) for action in rule.actions] if raised else [],
        escalation=[
            f"after {step.after_s:g} s unless {' or '.join(step.until)}: {'; '.join(map(_sink, step.sinks))}"
            for step in rule.escalation
        ]
        if raised
        else [],
    )


def _sink(sink: AlarmSink) -> str:
    return f"{sink.kind} {target_of(sink)}"


def _action(action: AlarmAction) -> str:
    match action:
        case CallAction():
            what = action.command
        case PresetAction():
            what = f"preset {action.preset}"
        case OutputAction():
            what = f"output {action.output} {'on' if action.active else 'off'}"
        case _:
            what = action.kind
    return f"{what} on {action.device}" if action.device else what
