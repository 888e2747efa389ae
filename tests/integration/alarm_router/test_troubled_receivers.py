"""Receivers that are away, slow or odd: nothing is lost, nothing overtakes, nobody else waits."""

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import web
from alarm_rig import AlarmBus, Receiver

Hook = Callable[..., dict]
Eventually = Callable[..., Awaitable[None]]


async def test_what_could_not_be_delivered_arrives_in_order_when_the_receiver_is_back(
    router: AlarmBus, hook: Hook, receiver: Receiver, eventually: Eventually
) -> None:
    async with Receiver().running() as away:
        port = away.port
    sink = {"kind": "webhook", "url": f"{away.url}/hook"}
    async with router.in_process() as running:
        await router.put("all", sink)
        published: dict[str, list[str]] = {f"gate-{number}": [] for number in range(10)}
        for _ in range(5):
            for device, ids in published.items():
                ids.append(await router.raise_alarm(device))
        await eventually(lambda: running.service._router._waiting == 50)
        async with Receiver().running(port) as back:
            await back.until(lambda: len(back.accepted) == 50)
            await eventually(router.all_done)
            for device, ids in published.items():
                told = [event for _, event, body in back.accepted if body["alarm"]["device"] == device]
                assert told == ids
    assert await router.dead_letters() == []


async def test_a_dead_sink_does_not_stop_other_alarms_however_many_wait_for_it(
    router: AlarmBus, receiver: Receiver, hook: Hook, eventually: Eventually
) -> None:
    dead = True
    receiver.scripts["/dead"] = lambda _: 503 if dead else 200
    # give_up_s / 50 is how long what is given back stays away; what a try costs is counted, and 100 are had
    async with router.in_process(alarms_in_memory=8, delivery_give_up_s=60.0) as running:
        await router.put("ill", hook("/dead"), match={"devices": ["ill-*"]})
        await router.put("both", hook("/dead"), hook("/alive"), match={"devices": ["both-*"]})
        await router.put("well", hook("/alive"), match={"devices": ["well-*"]})
        ill = [await router.raise_alarm(f"ill-{number}") for number in range(12)]
        await eventually(lambda: receiver.attempts("/dead") > 0)
        both = [await router.raise_alarm(f"both-{number}") for number in range(12)]
        well = [await router.raise_alarm(f"well-{number}") for number in range(12)]
        await receiver.until(lambda: len(receiver.ids("/alive")) >= 24)
        assert receiver.ids("/dead") == []  # none of those had to wait for it
        assert running.service._router._waiting <= 8
        dead = False
        await receiver.until(lambda: len(receiver.ids("/dead")) >= 24, within_s=60)
        await eventually(router.all_done)
    assert sorted(receiver.ids("/dead")) == sorted(ill + both)
    assert sorted(receiver.ids("/alive")) == sorted(both + well)
    assert await router.dead_letters() == []


async def test_an_alarm_that_is_refused_holds_up_its_device_only(
    router: AlarmBus, receiver: Receiver, hook: Hook, eventually: Eventually
) -> None:
    fixed = False

    def script(_: int) -> int:
        return 200 if fixed or b'"gate-1"' not in receiver.bodies[-1] else 500

    receiver.scripts["/hook"] = script
    async with router.in_process():
        await router.put("all", hook())
        ours = [await router.raise_alarm("gate-1"), await router.clear_alarm("gate-1")]
        await receiver.until(lambda: receiver.attempts() >= 2)
        other = await router.raise_alarm("gate-2")
        await receiver.until(receiver.ids)
        assert receiver.ids() == [other]
        fixed = True
        await eventually(router.all_done)
    assert receiver.ids() == [other, *ours]


async def test_a_slow_receiver_is_tried_again_and_delays_no_other(
    router: AlarmBus, receiver: Receiver, hook: Hook, eventually: Eventually
) -> None:
    released = asyncio.Event()

    async def slow(number: int) -> int:
        if number == 1:
            await released.wait()
        return 200

    receiver.scripts["/slow"] = slow
    async with router.in_process():
        await router.put("slow", hook("/slow", timeout_s=1.0))
        await router.put("quick", hook("/quick"))
        event = await router.raise_alarm("gate-1")
        await receiver.until(lambda: receiver.ids("/quick"))
        await receiver.until(lambda: receiver.ids("/slow"))
        await eventually(router.all_done)
    released.set()
    assert receiver.attempts("/slow") == 2
    assert set(receiver.ids("/slow")) == {event}
    assert [request.headers["webhook-id"] for request in receiver.requests] == [event] * 3


async def test_a_redirect_is_not_followed(router: AlarmBus, receiver: Receiver, hook: Hook) -> None:
    def script(number: int) -> object:
        return web.Response(status=307, headers={"Location": "/elsewhere"}) if number == 1 else 200

    receiver.scripts["/hook"] = script
    async with router.in_process():
        await router.put("all", hook())
        await router.raise_alarm("gate-1")
        await receiver.until(receiver.ids)
    assert {request.path for request in receiver.requests} == {"/hook"}


async def test_the_status_decides_whatever_follows_it(
    router: AlarmBus, receiver: Receiver, hook: Hook, eventually: Eventually
) -> None:
    class Endless(web.StreamResponse):
        """Says 200 and goes on for ever."""

        async def write_eof(self, data: bytes = b"") -> None:
            while True:
                await self.write(b"x" * 65536)

    class Silent(web.StreamResponse):
        """Says 200, begins a body and never ends it."""

        async def write_eof(self, data: bytes = b"") -> None:
            await self.write(b"x")
            await asyncio.Event().wait()

    receiver.scripts["/endless"] = lambda _: Endless()
    receiver.scripts["/silent"] = lambda _: Silent()
    async with router.in_process():
        await router.put("all", hook("/endless"), hook("/silent"))
        await router.raise_alarm("gate-1")
        await router.raise_alarm("gate-2")
        await eventually(router.all_done)
    assert receiver.attempts("/endless") == receiver.attempts("/silent") == 2


async def test_a_compressed_answer_is_not_unpacked_and_cookies_are_not_kept(
    router: AlarmBus, receiver: Receiver, hook: Hook, eventually: Eventually
) -> None:
    headers = {"Content-Encoding": "gzip", "Set-Cookie": "session=1"}
    receiver.scripts["/hook"] = lambda _: web.Response(body=b"no gzip at all", headers=headers)
    async with router.in_process():
        await router.put("all", hook())
        await router.raise_alarm("gate-1")
        await router.raise_alarm("gate-1")
        await eventually(router.all_done)
    assert len(receiver.ids()) == 2
    assert all("Cookie" not in request.headers for request in receiver.requests)


async def test_waiting_alarms_go_to_the_corrected_address(
    router: AlarmBus, receiver: Receiver, hook: Hook, eventually: Eventually
) -> None:
    receiver.scripts["/wrong"] = lambda _: 404
    async with router.in_process(delivery_first_delay_s=3600.0, delivery_longest_delay_s=3600.0):
        await router.put("all", hook("/wrong"))
        published = [await router.raise_alarm("gate-1"), await router.clear_alarm("gate-1")]
        await receiver.until(lambda: receiver.attempts("/wrong") == 1)
        await router.put("all", hook("/right"))
        await eventually(router.all_done)
    assert receiver.ids("/right") == published


async def test_what_waits_for_a_sink_that_is_taken_out_goes_to_no_other(
    router: AlarmBus, receiver: Receiver, hook: Hook, eventually: Eventually
) -> None:
    receiver.scripts["/dead"] = lambda _: 503
    async with router.in_process():
        await router.put("all", hook("/dead"), hook("/live"), hook("/later"))
        event = await router.raise_alarm("gate-1")
        await receiver.until(lambda: receiver.attempts("/dead") >= 2 and receiver.ids("/later"))
        await router.put("all", hook("/new"), hook("/later"), hook("/live"))  # in place of the dead one
        await receiver.until(lambda: receiver.ids("/new"))
        await router.put("all", hook("/dead"), hook("/live"))
        other = await router.raise_alarm("gate-1")
        await receiver.until(lambda: len(receiver.ids("/live")) == 2)
        await router.put("all", hook("/live"))
        await eventually(router.all_done)
    took = {path: receiver.ids(path) for path in ("/dead", "/new", "/live", "/later")}
    assert took == {"/dead": [], "/new": [event], "/live": [event, other], "/later": [event]}


async def test_what_is_written_down_for_a_sink_finds_it_in_its_new_place(
    router: AlarmBus, receiver: Receiver, hook: Hook, eventually: Eventually
) -> None:
    away = True
    receiver.scripts["/slow"] = lambda _: 503 if away else 200
    async with router.in_process():
        await router.put("all", hook("/live"), hook("/slow"))
        event = await router.raise_alarm("gate-1")
        await eventually(lambda: router.owed(event))
    await router.store("all", hook("/slow"), hook("/live"), hook("/new"))
    away = False
    async with router.in_process():
        await eventually(router.all_done)
    assert (receiver.ids("/live"), receiver.ids("/slow"), receiver.ids("/new")) == ([event], [event], [])


async def test_waiting_alarms_are_dropped_with_their_rule(
    router: AlarmBus, receiver: Receiver, hook: Hook, eventually: Eventually
) -> None:
    receiver.scripts["/hook"] = lambda _: 503
    async with router.in_process(delivery_first_delay_s=3600.0, delivery_longest_delay_s=3600.0):
        await router.put("all", hook())
        await router.raise_alarm("gate-1")
        await router.clear_alarm("gate-1")
        await receiver.until(lambda: receiver.attempts() == 1)
        await router.delete("all")
        await eventually(router.all_done)
    assert receiver.attempts() == 1
    assert await router.dead_letters() == []


async def test_what_a_sink_does_not_take_in_time_becomes_a_dead_letter(
    router: AlarmBus, receiver: Receiver, hook: Hook, eventually: Eventually
) -> None:
    receiver.scripts["/bad"] = lambda _: 400
    async with router.in_process(delivery_give_up_s=0.3):
        await router.put("both", hook("/bad"), hook("/good"))
        event = await router.raise_alarm("gate-1")
        await eventually(router.dead_letters)
        await eventually(router.all_done)
        (letter,) = await router.dead_letters()
        assert await router.active() == [("gate-1", 1)]
        await router.clear_alarm("gate-1")
        await eventually(router.all_done)
        assert await router.active() == []  # whether anybody could be told or not
    assert (letter.consumer, letter.reason) == ("alarm-router", "refused")
    assert letter.text == "both.0: HTTP 400"
    assert letter.subject == "cambus.v1.evt.gate-1.alarm.raised"
    assert event.encode() in letter.body
    assert receiver.attempts("/bad") >= 2
    assert receiver.told("/good") == [("alarm.raised", "gate-1"), ("alarm.cleared", "gate-1")]


async def test_an_alarm_nobody_can_read_becomes_a_dead_letter_and_others_go_on(
    router: AlarmBus, receiver: Receiver, hook: Hook, eventually: Eventually
) -> None:
    async with router.in_process():
        await router.put("all", hook())
        await router.bus.jetstream.publish("cambus.v1.evt.gate-1.alarm.raised", b"{nonsense")
        event = await router.raise_alarm("gate-1")
        await eventually(router.all_done)
        (letter,) = await router.dead_letters()
    assert letter.reason == "unreadable"
    assert receiver.ids() == [event]


async def test_alarms_are_listed_as_they_are_while_their_sink_is_away(
    router: AlarmBus, receiver: Receiver, hook: Hook, eventually: Eventually
) -> None:
    receiver.scripts["/hook"] = lambda _: 503
    async with router.in_process():
        await router.put("all", hook())
        await router.raise_alarm("gate-1")
        await router.clear_alarm("gate-1")
        await router.raise_alarm("gate-2")

        async def listed() -> bool:
            return await router.active() == [("gate-2", 1)]

        await eventually(listed)
        again = await router.raise_alarm("gate-1")

        async def raised_anew() -> bool:
            return await router.active() == [("gate-1", 1), ("gate-2", 1)]

        await eventually(raised_anew)
        receiver.scripts["/hook"] = lambda _: 200
        await eventually(router.all_done)
        assert await router.active() == [("gate-1", 1), ("gate-2", 1)]
    assert again in receiver.ids()


async def test_an_outage_of_nats_loses_nothing(
    router: AlarmBus, receiver: Receiver, hook: Hook, eventually: Eventually, nats_server
) -> None:
    async with router.in_process():
        await router.put("all", hook())
        published = [await router.raise_alarm(f"gate-{number}") for number in range(20)]
        await nats_server.restart()
        await router.bus.wait_connected(20)
        published += [await router.clear_alarm(f"gate-{number}") for number in range(20)]
        await receiver.until(lambda: set(receiver.ids()) == set(published))
        await eventually(router.all_done)
        assert await router.active() == []
