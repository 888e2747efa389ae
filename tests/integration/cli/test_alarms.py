"""`cambusctl alarms`: who looks after them, what became of them, and how the sinks are."""

import pytest

from cambus.schemas.commands import alarm_cases as cases
from cambus.schemas.commands import alarm_router
from cambus.schemas.commands.alarm_router import RulesTestReply, RuleVerdict
from cambus.schemas.events.alarm import AlarmCleared, AlarmRaised
from cambus.schemas.events.alarm_handling import Acknowledgement, AlarmActed, AlarmEscalated
from cambus.schemas.ids import new_ulid

AT = "2026-02-01T12:17:22Z"


def event(model, **fields):
    facts = {
        "id": new_ulid(),
        "device": "gate",
        "at": AT,
        "channel": 0,
        "type": "motion",
        "severity": "major",
    }
    return model.model_validate({**facts, "key": "motion:0", **fields})


@pytest.fixture
async def case(service):
    """A router with one alarm of which much became."""
    raised = event(AlarmRaised, text="at the gate")
    anna = Acknowledgement(by="anna", note="on my way", at=AT)
    acted = {"raised": raised.id, "rule": "night", "index": 0, "action": "snapshot", "outcome": "failed"}
    full = cases.AlarmCase(
        raised=raised,
        cleared=event(AlarmCleared, raised=raised.id, duration_s=90.0),
        duration_s=90.0,
        acknowledged=anna,
        actions=[event(AlarmActed, **acted, error="no picture")],
        escalated=[event(AlarmEscalated, alarm=raised, rule="night", step=0, reason="lasting")],
    )
    said = []

    async def acknowledge(_, request):
        said.append(request)
        return cases.AlarmsAcknowledgeReply(acknowledged=anna, already=len(said) > 1)

    async def show(_, __):
        return full

    async def history(_, __):
        return cases.AlarmsHistoryReply(alarms=[full], complete_until=AT)

    async def sinks(_, __):
        status = cases.SinkStatus(
            route="night.0",
            kind="bus",
            target="ops",
            waiting=3,
            oldest_s=9.0,
            away=True,
            last_error="HTTP 503",
        )
        return cases.SinksListReply(replica="one", on_duty=True, sinks=[status])

    async def verdicts(_, request):
        said.append(request)
        return RulesTestReply(
            verdicts=[
                RuleVerdict(rule="night", applies=True, sinks=["bus ops"], stops=True),
                RuleVerdict(rule="day", applies=False, why_not="stopped"),
            ]
        )

    for spec, handler in (
        (cases.ALARMS_ACKNOWLEDGE, acknowledge),
        (cases.ALARMS_SHOW, show),
        (cases.ALARMS_HISTORY, history),
        (cases.SINKS_LIST, sinks),
        (alarm_router.RULES_TEST, verdicts),
    ):
        service.add(spec, handler)
    await service.start()
    return raised, said


async def test_an_alarm_is_acknowledged_once(cambusctl, case):
    raised, said = case
    ran = await cambusctl("alarms", "ack", raised.id, "--note", "on my way", "--by", "anna")
    assert ran.out == "acknowledged by anna: on my way\n"
    assert (said[0].id, said[0].by, said[0].note) == (raised.id, "anna", "on my way")
    assert "anna looks after it since" in (await cambusctl("alarms", "ack", raised.id, "--by", "bert")).out
    assert (await cambusctl("alarms", "ack", "nonsense")).code == 2


async def test_several_alarms_are_acknowledged_at_once(cambusctl, case):
    ids = ["01KGE5C8QXG1Z5X0N3V7M4T2RB", "01KGE5CZ5ZN2QK7V2X4W9D3M8S"]
    ran = await cambusctl("alarms", "ack", *ids, ids[0], "--by", "anna")
    assert [line.partition(" ")[0] for line in ran.out.splitlines()] == ["acknowledged", "anna"]


async def test_who_has_no_name_here_says_who_looks_after_an_alarm(cambusctl, monkeypatch):
    def nobody():
        raise KeyError("uid not found")

    monkeypatch.setattr("getpass.getuser", nobody)
    ran = await cambusctl("alarms", "ack", "01KGE5C8QXG1Z5X0N3V7M4T2RB")
    assert (ran.code, "--by NAME" in ran.err) == (2, True)


async def test_all_that_became_of_an_alarm_is_shown(cambusctl, case):
    shown = (await cambusctl("alarms", "show", case[0].id)).out
    for part in (
        "at the gate",
        "snapshot by rule night: failed: no picture",
        "step 1: lasting",
        "anna",
        "over: ended",
    ):
        assert part in shown
    listed = await cambusctl("alarms", "history", "--device", "gate*", "--from", "-2d", "--acknowledged")
    for part in ("gate", "motion", "anna", "snapshot failed", case[0].id):
        assert part in listed.out
    assert "there are more" in listed.err


async def test_sinks_and_rules_say_how_they_are(cambusctl, case):
    shown = (await cambusctl("alarms", "sinks")).out
    for part in ("night.0", "bus ops", "away", "HTTP 503"):
        assert part in shown
    tried = (
        await cambusctl("alarms", "rules", "test", "--device", "gate", "--type", "motion", "-c", "1")
    ).out
    for part in ("night", "bus ops", "no: stopped", "no rules behind it"):
        assert part in tried
    assert (case[1][0].alarm.channel, case[1][0].alarm.key, case[1][0].phase) == (1, "motion:1", "raised")
