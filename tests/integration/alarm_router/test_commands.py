"""The commands of alarm-router and what they refuse."""

from collections.abc import Awaitable, Callable

import pytest
from alarm_rig import AlarmBus, Receiver

from cambus.schemas.commands import alarm_router as commands
from cambus.schemas.errors import NotFound
from cambus.schemas.state.alarm_rule import AlarmRule

Hook = Callable[..., dict]
Eventually = Callable[..., Awaitable[None]]

SINK = {"kind": "bus", "subject": "ops.alarms"}
MAIL = {"kind": "email", "host": "mail.example.org", "sender": "a@example.org", "to": ["b@example.org"]}
GATEWAY = {"kind": "http", "url": "https://sms.example.org/send"}


async def test_rules_are_put_replaced_listed_and_deleted(router: AlarmBus) -> None:
    async with router.in_process():
        assert await router.rules() == []
        await router.put("b", SINK)
        await router.put("a", SINK)
        await router.put("b", SINK, name="again")
        assert await router.rules() == ["a", "b"]
        await router.delete("a")
        assert await router.rules() == ["b"]
        with pytest.raises(NotFound):
            await router.delete("a")


async def test_rules_survive_the_router(router: AlarmBus) -> None:
    async with router.in_process():
        await router.put("a", SINK)
    async with router.in_process():
        assert await router.rules() == ["a"]


@pytest.mark.parametrize(
    ("sinks", "fields", "reason", "named"),
    [
        (
            [{"kind": "webhook", "url": "http://127.0.0.1:1/x", "secret": "nobody"}],
            {},
            "unknown-secret",
            "sinks[0].secret",
        ),
        ([SINK, {"kind": "webhook", "url": "http://:80/"}], {}, "unusable-rule", "sinks[1].url"),
        ([{"kind": "webhook", "url": "http://h:99999/"}], {}, "unusable-rule", "sinks[0].url"),
        (
            [{"kind": "webhook", "url": "http://h/", "headers": {"Webhook-Id": "1"}}],
            {},
            "unusable-rule",
            "headers.Webhook-Id",
        ),
        (
            [{"kind": "webhook", "url": "http://h/", "headers": {"Host": "other"}}],
            {},
            "unusable-rule",
            "headers.Host",
        ),
        (
            [{"kind": "bus", "subject": "cambus.v1.evt.gate-1.alarm.raised"}],
            {},
            "unusable-rule",
            "sinks[0].subject",
        ),
        ([{"kind": "bus", "subject": "_INBOX.x"}], {}, "unusable-rule", "sinks[0].subject"),
        ([SINK, SINK], {}, "unusable-rule", "sinks[1]"),
        ([SINK], {"match": {"types": ["motion", "moton"]}}, "unusable-rule", "match.types[1]"),
        ([SINK], {"match": {"schedule": {"spans": []}}}, "unusable-rule", "match.schedule"),
        ([], {}, "unusable-rule", "sinks"),
        ([MAIL | {"security": "none", "secret": "x"}], {}, "unusable-rule", "sinks[0].security"),
        ([MAIL | {"subject": "{secret}"}], {}, "unusable-rule", "{secret}"),
        ([MAIL | {"subject": "{type}\r\nBcc: all@example.org"}], {}, "unusable-rule", "sinks[0].subject"),
        ([GATEWAY | {"secret": "x"}], {}, "unusable-rule", "sinks[0].secret"),
        ([GATEWAY | {"method": "GET", "fields": {"a": "b"}}], {}, "unusable-rule", "sinks[0].fields"),
        ([{"kind": "mqtt", "host": "h", "topic": "a/#"}], {}, "unusable-rule", "sinks[0].topic"),
        ([], {"actions": [{"kind": "call", "command": "ptz.fly"}]}, "unusable-rule", "actions[0].command"),
        (
            [],
            {
                "actions": [
                    {"kind": "call", "command": "ptz.move", "args": {"channel": "{channel}", "pam": 1}}
                ]
            },
            "unusable-rule",
            "actions[0].args",
        ),
        (
            [],
            {"escalation": [{"after_s": 9, "sinks": [SINK]}, {"after_s": 1, "sinks": [SINK]}]},
            "unusable-rule",
            "escalation[1].after_s",
        ),
        (
            [],
            {"escalation": [{"after_s": 9, "sinks": [MAIL | {"secret": "nobody"}]}]},
            "unknown-secret",
            "escalation[0].sinks[0].secret",
        ),
        (
            [SINK],
            {"actions": [{"kind": "snapshot"}], "match": {"phases": ["cleared"]}},
            "unusable-rule",
            "actions",
        ),
    ],
)
async def test_a_rule_that_cannot_work_is_refused_with_the_field(
    router: AlarmBus, sinks: list[dict], fields: dict, reason: str, named: str
) -> None:
    async with router.in_process():
        refusal = await router.refused("rule", *sinks, **fields)
        assert (int(refusal.code), refusal.reason) == (400, reason)
        assert named in refusal.text
        assert await router.rules() == []


async def test_all_that_is_wrong_with_a_rule_is_told_without_writing_it(router: AlarmBus) -> None:
    sinks = [MAIL | {"secret": "nobody"}, {"kind": "mqtt", "host": "h", "topic": "a/#"}]
    rule = AlarmRule(id="rule", sinks=sinks, match={"types": ["moton"]})
    async with router.in_process():
        for wanted, fields in (
            (rule, ["match.types[0]", "sinks[1].topic", "sinks[0].secret"]),
            (AlarmRule(id="rule", sinks=[SINK]), []),
        ):
            reply = await router.client.call(commands.RULES_CHECK, commands.RulesPutRequest(rule=wanted))
            assert [problem.partition(":")[0] for problem in reply.problems] == fields
        assert await router.rules() == []


async def test_a_router_without_a_key_file_refuses_signed_webhooks(router: AlarmBus, hook: Hook) -> None:
    async with router.in_process(credentials_key_file=None):
        refusal = await router.refused("all", hook(secret="ops"))
        assert refusal.reason == "no-key-file"
        await router.put("all", hook())


async def test_a_secret_that_is_no_base64_behind_its_mark_is_refused(router: AlarmBus, hook: Hook) -> None:
    await router.store_secret("ops", token="whsec_???")
    async with router.in_process():
        refusal = await router.refused("all", hook(secret="ops"))
    assert refusal.reason == "malformed-secret"
    assert "???" not in refusal.text


async def test_a_rule_written_past_the_command_that_cannot_work_is_ignored(
    router: AlarmBus, receiver: Receiver, hook: Hook, eventually: Eventually
) -> None:
    await router.store("loop", {"kind": "bus", "subject": "cambus.v1.evt.gate-1.alarm.raised"})
    await router.store("all", hook())
    async with router.in_process():
        event = await router.raise_alarm("gate-1")
        await eventually(router.all_done)
        assert await router.rules() == ["all", "loop"]
    assert receiver.ids() == [event]
    assert await router.dead_letters() == []


async def test_raised_alarms_are_listed_until_they_are_cleared(
    router: AlarmBus, eventually: Eventually
) -> None:
    async with router.in_process():
        await router.raise_alarm("gate-1")
        await router.raise_alarm("gate-1")
        await router.raise_alarm("gate-1", key="motion:1")
        await router.raise_alarm("gate-2", type="tamper", key="tamper:0", severity="critical")
        await router.raise_alarm("gate-3", momentary=True)
        await eventually(router.all_done)
        assert await router.active() == [("gate-1", 1), ("gate-1", 2), ("gate-2", 1)]
        assert await router.active(devices=["gate-2"]) == [("gate-2", 1)]
        assert await router.active(types=["tam*"]) == [("gate-2", 1)]
        assert await router.active(min_severity="major") == [("gate-2", 1)]
        await router.clear_alarm("gate-1")
        await router.clear_alarm("gate-2", type="tamper", key="tamper:0", severity="critical")
        await eventually(router.all_done)
        assert await router.active() == [("gate-1", 1)]
        await router.raise_alarm("gate-2", type="tamper", key="tamper:0", severity="critical")
        await eventually(router.all_done)
        assert await router.active() == [("gate-1", 1), ("gate-2", 1)]


async def test_a_long_list_is_cut_and_says_how_long_it_is(router: AlarmBus, eventually: Eventually) -> None:
    async with router.in_process():
        published = [await router.raise_alarm(f"gate-{number}") for number in range(5)]
        await eventually(router.all_done)
        reply = await router.client.call(commands.ALARMS_LIST, commands.AlarmsListRequest(limit=2))
    assert reply.total == 5
    assert [alarm.raised.id for alarm in reply.alarms] == published[:-3:-1]


async def test_an_end_that_is_older_than_the_beginning_ends_nothing(
    router: AlarmBus, eventually: Eventually
) -> None:
    late_end = router.cleared("gate-1")
    async with router.in_process():
        await router.raise_alarm("gate-1")
        await router.publish(late_end)
        await eventually(router.all_done)
        assert await router.active() == [("gate-1", 1)]


async def test_what_another_router_wrote_is_taken_up(router: AlarmBus, eventually: Eventually) -> None:
    async with router.in_process():
        await router.raise_alarm("gate-1")
        await eventually(router.all_done)
    async with router.in_process(instance="router-2"):
        await router.raise_alarm("gate-1")
        await eventually(router.all_done)
        assert await router.active() == [("gate-1", 2)]
        await router.clear_alarm("gate-1")
        await eventually(router.all_done)
        assert await router.active() == []
