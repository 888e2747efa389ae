"""What happened and what happens, and where alarms go."""

import asyncio
import json
import signal
import sys
from datetime import UTC, datetime, timedelta

import pytest

from cambus.client.jetstream import JetStream
from cambus.schemas.alarms import AlarmType, NativeAlarm, Severity
from cambus.schemas.codec import encode
from cambus.schemas.commands import alarm_router
from cambus.schemas.events import alarm, device
from cambus.schemas.ids import new_ulid
from cambus.schemas.model import Done
from cambus.schemas.state.alarms import ActiveAlarm


def raised(name, **fields):
    facts = {
        "type": AlarmType.MOTION,
        "severity": Severity.MAJOR,
        "key": "motion:0",
        "channel": 0,
        "at": datetime.now(UTC),
        **fields,
    }
    return alarm.AlarmRaised(id=new_ulid(), device=name, **facts)


def offline(name):
    return device.DeviceOffline(
        id=new_ulid(), device=name, at=datetime.now(UTC), reason="closed", text="it hung up"
    )


@pytest.fixture
def publish(bus):
    async def put(spec, event):
        await JetStream(bus).publish(spec.subject(event.device), encode(event))

    return put


async def test_the_last_hour_is_shown_oldest_first_one_event_a_line(cambusctl, publish, unique):
    await publish(alarm.RAISED, raised(unique, text="Motion at \x1b[1mNorth gate"))
    await publish(device.OFFLINE, offline(unique))
    ran = await cambusctl("events", "--device", unique)
    first, second = ran.out.splitlines()
    assert f"{unique}/0" in first
    assert "alarm.raised" in first
    assert first.endswith("motion, major: Motion at  [1mNorth gate")
    assert second.split()[2:] == ["device.offline", "closed:", "it", "hung", "up"]


async def test_events_are_chosen_by_device_and_type(cambusctl, publish, unique):
    await publish(alarm.RAISED, raised(unique))
    await publish(device.OFFLINE, offline(unique))
    await publish(device.OFFLINE, offline(f"{unique}-2"))
    arguments = ("events", "-d", unique, "-d", f"{unique}-2", "--json")
    names = [each["name"] for each in (await cambusctl(*arguments)).records]
    assert names == ["alarm.raised", "device.offline", "device.offline"]
    only = (await cambusctl(*arguments, "--type", "alarm", "--type", "alarm.raised")).records
    assert [each["event"]["device"] for each in only] == [unique]
    assert (await cambusctl("events", "--type", "alarm.vanished")).code == 2


async def test_older_ones_are_left_out_and_that_is_said(cambusctl, publish, unique):
    for number in range(3):
        await publish(alarm.RAISED, raised(unique, channel=number))
    ran = await cambusctl("events", "-d", unique, "--limit", "1")
    assert f"{unique}/2" in ran.out
    assert "2 older events left out" in ran.err


async def test_quiet_times_are_no_failure(cambusctl, bus, unique):
    ran = await cambusctl("events", "-d", unique, "--since", "-1m")
    assert (ran.code, ran.out) == (0, "nothing happened in that time\n")


async def test_following_shows_the_past_first_and_then_what_happens(nats_server, publish, unique):
    await publish(alarm.RAISED, raised(unique, channel=1))
    follower = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", "from cambus.cli.main import main; main()"),
        *("events", "--follow", "--since", "-1m", "-d", unique, "--json", "--nats", nats_server.url),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(30):
        assert json.loads(await follower.stdout.readline())["event"]["channel"] == 1
        await publish(alarm.RAISED, raised(unique, channel=2))
        assert json.loads(await follower.stdout.readline())["event"]["channel"] == 2
        follower.send_signal(signal.SIGINT)
        _, errors = await follower.communicate()
    assert (follower.returncode, errors.strip()) == (130, b"")


@pytest.fixture
async def router(service):
    """An alarm router that keeps what it is told."""
    rules, alarms = {}, []

    async def put(context, request):
        rules[request.rule.id] = request.rule
        return Done()

    async def check(context, request):
        wrong = ["match.types[0]: no such type"] if "moton" in request.rule.match.types else []
        return alarm_router.RulesCheckReply(problems=wrong)

    async def listed(context, request):
        return alarm_router.RulesListReply(rules=list(rules.values()))

    async def delete(context, request):
        del rules[request.id]
        return Done()

    async def active(context, request):
        return alarm_router.AlarmsListReply(alarms=alarms, total=len(alarms))

    for spec, handler in (
        (alarm_router.RULES_PUT, put),
        (alarm_router.RULES_CHECK, check),
        (alarm_router.RULES_LIST, listed),
        (alarm_router.RULES_DELETE, delete),
        (alarm_router.ALARMS_LIST, active),
    ):
        service.add(spec, handler)
    await service.start()
    return rules, alarms


async def test_raised_alarms_are_listed(cambusctl, router):
    assert (await cambusctl("alarms")).out == "no alarm is raised\n"
    native = NativeAlarm(code="VideoMotion")
    event = raised("gate", text="Motion", native=native, at=datetime.now(UTC) - timedelta(minutes=2))
    router[1].append(ActiveAlarm(raised=event, last_at=event.at, count=3))
    row = (await cambusctl("alarms")).out.splitlines()[1].split()
    assert row == ["major", "gate", "0", "motion", "2", "min", "ago", "3", "Motion", event.id]
    assert (await cambusctl("alarms", "--json")).document["total"] == 1
    assert (await cambusctl("alarms", "--severity", "awful")).code == 2


RULES = """\
rules:
  - id: night
    name: Night watch
    match: {devices: ["gate-*"], types: [motion], phases: [raised]}
    sinks:
      - {kind: webhook, url: "http://127.0.0.1:1/alarms?key=canary", secret: ops}
  - {id: all, sinks: [{kind: bus, subject: ops.alarms}]}
"""


async def test_rules_are_put_listed_and_deleted(cambusctl, router, tmp_path):
    file = tmp_path / "rules.yaml"
    file.write_text(RULES)
    assert (await cambusctl("alarms", "rules", "apply", "-f", str(file))).out == "night: new\nall: new\n"
    assert router[0]["night"].match.phases == ["raised"]
    shown = (await cambusctl("alarms", "rules", "list")).out
    assert "motion of gate-*, only raised" in shown
    assert "http://127.0.0.1:1/alarms, signed with ops" in shown
    assert "canary" not in shown
    assert "subject ops.alarms" in shown
    assert (await cambusctl("alarms", "rules", "delete", "all", "--yes")).code == 0
    assert list(router[0]) == ["night"]


@pytest.mark.parametrize("option", [[], ["--dry-run"]])
async def test_of_rules_one_of_which_cannot_work_none_is_put(cambusctl, router, tmp_path, option):
    file = tmp_path / "rules.yaml"
    file.write_text(RULES.replace("{id: all, ", "{id: all, match: {types: [moton]}, "))
    ran = await cambusctl("alarms", "rules", "apply", "-f", str(file), *option)
    assert (ran.code, "all: match.types[0]: no such type" in ran.err) == (3, True)
    assert router[0] == {}


async def test_a_rule_with_a_mistake_is_not_put(cambusctl, router, tmp_path):
    file = tmp_path / "rules.yaml"
    file.write_text(RULES.replace("kind: bus, subject: ops.alarms", "kind: fax"))
    ran = await cambusctl("alarms", "rules", "apply", "-f", str(file))
    assert (ran.code, "number 2: sinks.0" in ran.err) == (2, True)
    file.write_text("{id: x, sink: []}")
    ran = await cambusctl("alarms", "rules", "apply", "-f", str(file))
    assert (ran.code, "no field sink" in ran.err) == (2, True)
    assert router[0] == {}
