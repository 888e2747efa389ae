"""Whether those who are to be told of alarms take them."""

from collections.abc import Iterable, Sequence
from typing import Final

from cambus.cli.doctor.finding import Finding, note, ok, problem
from cambus.cli.formatting import clean, duration, plural
from cambus.client.calling import BusClient
from cambus.client.connection import Connection
from cambus.client.discovery import Instance
from cambus.client.errors import BusError
from cambus.schemas.commands import alarm_cases
from cambus.schemas.commands.alarm_cases import SinksListReply, SinkStatus
from cambus.schemas.commands.alarm_router import SERVICE
from cambus.schemas.errors import CambusError

SUBJECT: Final = "alarms"
SHOWN: Final = 10
ANSWER_S: Final = 2.0
QUIET_S: Final = 0.3


async def read_sinks(bus: Connection, instances: Iterable[Instance]) -> list[SinksListReply]:
    """What each replica of alarm-router says; nothing where none runs, or who asks may not."""
    expected = sum(1 for each in instances if each.name == SERVICE)
    if not expected:
        return []
    try:
        return await BusClient(bus).broadcast(
            alarm_cases.SINKS_LIST,
            alarm_cases.SinksListRequest(),
            expected=expected,
            quiet_s=QUIET_S,
            timeout_s=ANSWER_S,
        )
    except (BusError, CambusError):
        return []


def check_sinks(replies: Sequence[SinksListReply]) -> list[Finding]:
    """Which receivers take no alarms now, and what waits for them."""
    on_duty = next((each for each in replies if each.on_duty), None)
    if on_duty is None:
        todo = "right after a start it takes a lease; else see its log"
        return [note(SUBJECT, "no replica of alarm-router delivers any", todo)] if replies else []
    away = [each for each in on_duty.sinks if each.away]
    if not away:
        taken = f"taken by all {plural(len(on_duty.sinks), 'receiver')}"
        return [ok(SUBJECT, taken)] if on_duty.sinks else []
    findings = [_away(each) for each in away[:SHOWN]]
    if len(away) > SHOWN:
        rest = plural(len(away) - SHOWN, "more receiver")
        findings.append(problem(SUBJECT, f"{rest} away", "cambusctl alarms sinks"))
    return findings


def _away(sink: SinkStatus) -> Finding:
    text = f"{sink.route} ({sink.kind} {clean(sink.target)}) takes none: {clean(sink.last_error)}"
    if sink.waiting:
        oldest = f", the oldest for {duration(sink.oldest_s)}" if sink.oldest_s is not None else ""
        text += f"; {plural(sink.waiting, 'alarm')} waiting{oldest}"
    return problem(
        SUBJECT, text, "repair what receives them; what waits is sent then: cambusctl alarms sinks"
    )
