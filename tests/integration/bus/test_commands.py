"""Commands end to end: a client, a NATS server, the endpoints of a service."""

import asyncio
import json
import logging

import msgpack
import pytest

from cambus.bus.behalf import ON_BEHALF_OF, PREFERRED_PATH
from cambus.bus.endpoints import Endpoints
from cambus.bus.trace import TRACEPARENT
from cambus.schemas import headers
from cambus.schemas.errors import (
    BadRequest,
    Conflict,
    DeadlineExceeded,
    DeviceRefused,
    ErrorCode,
    Internal,
    NotFound,
    Offline,
    Overloaded,
    TooLarge,
)

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def echo(specs):
    async def answer(context, request):
        return specs.say.reply(text=f"{context.device}:{request.text}")

    return answer


async def test_a_command_reaches_the_handler_and_its_reply_comes_back(endpoints, client, specs, device, echo):
    endpoints.add(specs.say, echo)
    await endpoints.hold(device)
    reply = await client.call(specs.say, specs.say.request(text="hello"), device=device)
    assert reply.text == f"{device}:hello"


async def test_a_device_nobody_holds_is_offline_at_once(client, specs, device):
    with pytest.raises(Offline) as caught:
        await client.call(specs.say, specs.say.request(), device=device, timeout_s=60)
    assert caught.value.retryable


async def test_a_released_device_is_offline(endpoints, client, specs, device, echo):
    endpoints.add(specs.say, echo)
    await endpoints.hold(device)
    await endpoints.release(device)
    with pytest.raises(Offline):
        await client.call(specs.say, specs.say.request(), device=device)
    assert endpoints.held == frozenset()


async def test_json_without_a_header_is_answered_in_json(endpoints, client_bus, specs, device, echo):
    endpoints.add(specs.say, echo)
    await endpoints.hold(device)
    message = await client_bus.request(specs.say.subject(device), b'{"text": "hand"}')
    assert json.loads(message.data)["text"] == f"{device}:hand"
    assert message.headers[headers.CONTENT_TYPE] == "application/json"


async def test_msgpack_is_answered_in_msgpack(endpoints, client_bus, specs, device, echo):
    endpoints.add(specs.say, echo)
    await endpoints.hold(device)
    message = await client_bus.request(specs.say.subject(device), msgpack.packb({"text": "packed"}))
    assert msgpack.unpackb(message.data)["text"] == f"{device}:packed"


async def test_an_error_follows_the_nats_service_convention(endpoints, client_bus, specs, device):
    async def refuse(context, request):
        raise DeviceRefused("the device said no", device_code="118")

    endpoints.add(specs.say, refuse)
    await endpoints.hold(device)
    message = await client_bus.request(specs.say.subject(device), b"{}")
    assert message.headers[headers.SERVICE_ERROR_CODE] == "422"
    assert message.headers[headers.SERVICE_ERROR] == "the device said no"
    body = json.loads(message.data)
    assert (body["code"], body["device_code"], body["retryable"]) == (422, "118", False)


async def test_a_typed_error_arrives_as_the_same_exception(endpoints, client, specs, device):
    async def refuse(context, request):
        raise Conflict("a recording is played", reason="playing")

    endpoints.add(specs.say, refuse)
    await endpoints.hold(device)
    with pytest.raises(Conflict) as caught:
        await client.call(specs.say, specs.say.request(), device=device)
    assert (caught.value.reason, caught.value.text) == ("playing", "a recording is played")


async def test_an_unexpected_exception_leaks_nothing_and_is_logged(endpoints, client, specs, device, caplog):
    async def fail(context, request):
        raise RuntimeError("password is hunter2")

    endpoints.add(specs.say, fail)
    await endpoints.hold(device)
    with caplog.at_level(logging.ERROR), pytest.raises(Internal) as caught:
        await client.call(specs.say, specs.say.request(), device=device)
    assert caught.value.text == "internal error"
    (record,) = [record for record in caplog.records if record.exc_info]
    assert "hunter2" in str(record.exc_info[1])
    assert record.device == device


async def test_a_wrong_reply_of_a_handler_is_an_internal_error(endpoints, client, specs, device):
    async def confused(context, request):
        return request

    endpoints.add(specs.say, confused)
    await endpoints.hold(device)
    with pytest.raises(Internal):
        await client.call(specs.say, specs.say.request(), device=device)


async def test_a_malformed_request_names_the_field(endpoints, client_bus, specs, device, echo):
    endpoints.add(specs.say, echo)
    await endpoints.hold(device)
    message = await client_bus.request(specs.say.subject(device), b'{"text": 5}')
    assert message.headers[headers.SERVICE_ERROR_CODE] == "400"
    assert "text" in json.loads(message.data)["text"]


async def test_an_unknown_content_type_is_a_bad_request(endpoints, client_bus, specs, device, echo):
    endpoints.add(specs.say, echo)
    await endpoints.hold(device)
    message = await client_bus.request(
        specs.say.subject(device), b"<say/>", headers={headers.CONTENT_TYPE: "text/xml"}
    )
    assert json.loads(message.data)["reason"] == "content-type"


async def test_a_catalogued_command_without_a_handler_is_unsupported(endpoints, client_bus, device):
    await endpoints.hold(device)
    message = await client_bus.request(f"cambus.v1.cmd.{device}.snapshot.take", b"{}")
    assert message.headers[headers.SERVICE_ERROR_CODE] == str(int(ErrorCode.UNSUPPORTED))


async def test_an_unknown_command_to_a_held_device_is_not_found(endpoints, client, client_bus, specs, device):
    await endpoints.hold(device)
    message = await client_bus.request(f"cambus.v1.cmd.{device}.make.coffee.now.please", b"{}")
    assert json.loads(message.data)["reason"] == "no-such-command"
    with pytest.raises(NotFound):
        await client.call(specs.say, specs.say.request(), device=device)


async def test_a_command_of_one_device_only_is_unknown_to_another(endpoints, client, specs, unique, echo):
    await endpoints.hold(f"a-{unique}")
    await endpoints.hold(f"b-{unique}")
    endpoints.add(specs.say, echo, device=f"a-{unique}")
    assert (await client.call(specs.say, specs.say.request(), device=f"a-{unique}")).text
    with pytest.raises(NotFound):
        await client.call(specs.say, specs.say.request(), device=f"b-{unique}")


async def test_a_removed_command_is_no_longer_answered(endpoints, client, specs, device, echo):
    endpoints.add(specs.say, echo)
    await endpoints.hold(device)
    endpoints.remove(specs.say)
    with pytest.raises(NotFound):
        await client.call(specs.say, specs.say.request(), device=device)


async def test_one_command_at_a_time_runs_on_a_device(endpoints, client, specs, device):
    running = most = 0
    proceed = asyncio.Event()

    async def count(context, request):
        nonlocal running, most
        running += 1
        most = max(most, running)
        await proceed.wait()
        running -= 1
        return specs.say.reply(text=request.text)

    endpoints.add(specs.say, count)
    endpoints.add(specs.other, count)
    await endpoints.hold(device)
    calls = [
        asyncio.create_task(client.call(spec, spec.request(text=str(number)), device=device))
        for number, spec in enumerate([specs.say, specs.other] * 5)
    ]
    proceed.set()
    replies = await asyncio.gather(*calls)
    assert [reply.text for reply in replies] == [str(number) for number in range(10)]
    assert most == 1


async def test_beyond_the_queue_of_a_device_calls_are_refused_at_once(bus, client, specs, device):
    endpoints = Endpoints(bus, specs.service, device_queue=2)
    proceed = asyncio.Event()

    async def wait(context, request):
        await proceed.wait()
        return specs.say.reply(text=request.text)

    endpoints.add(specs.say, wait)
    await endpoints.hold(device)
    calls = [
        asyncio.create_task(client.call(specs.say, specs.say.request(text=str(number)), device=device))
        for number in range(5)
    ]
    done, _ = await asyncio.wait(calls, return_when=asyncio.FIRST_EXCEPTION)
    assert all(isinstance(task.exception(), Overloaded) for task in done)
    proceed.set()
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Overloaded"] * 2 + ["Said"] * 3
    await endpoints.drain()


async def test_a_command_that_needs_no_turn_passes_a_busy_device(endpoints, client, specs, device, echo):
    proceed, started = asyncio.Event(), asyncio.Event()

    async def wait(context, request):
        started.set()
        await proceed.wait()
        return specs.say.reply(text="slow")

    endpoints.add(specs.say, wait)
    endpoints.add(specs.other, echo, exclusive=False)
    await endpoints.hold(device)
    slow = asyncio.create_task(client.call(specs.say, specs.say.request(), device=device))
    await started.wait()
    assert (await client.call(specs.other, specs.other.request(text="quick"), device=device)).text
    assert not slow.done()
    proceed.set()
    await slow


async def test_the_handler_is_cancelled_at_the_deadline(endpoints, client, specs, device):
    cancelled = asyncio.Event()

    async def hang(context, request):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    endpoints.add(specs.say, hang)
    await endpoints.hold(device)
    with pytest.raises(DeadlineExceeded) as caught:
        await client.call(specs.say, specs.say.request(), device=device, timeout_s=0.05)
    await cancelled.wait()
    assert not caught.value.retryable  # the handler's own 504: it may have been done


async def test_a_call_whose_deadline_has_passed_is_not_run(endpoints, client_bus, specs, device):
    calls = []

    async def record(context, request):
        calls.append(request)
        return specs.say.reply(text="ran")

    endpoints.add(specs.say, record)
    await endpoints.hold(device)
    message = await client_bus.request(specs.say.subject(device), b"{}", headers={headers.DEADLINE_MS: "0"})
    assert message.headers[headers.SERVICE_ERROR_CODE] == "504"
    assert json.loads(message.data)["retryable"] is True
    assert calls == []


async def test_a_call_that_waited_past_its_deadline_is_not_run(endpoints, client, client_bus, specs, device):
    proceed, started, texts = asyncio.Event(), asyncio.Event(), []

    async def wait(context, request):
        texts.append(request.text)
        started.set()
        await proceed.wait()
        return specs.say.reply(text=request.text)

    endpoints.add(specs.say, wait)
    await endpoints.hold(device)
    first = asyncio.create_task(client.call(specs.say, specs.say.request(text="first"), device=device))
    await started.wait()
    with pytest.raises(DeadlineExceeded):
        await client.call(specs.say, specs.say.request(text="late"), device=device, timeout_s=0.5)
    proceed.set()
    await first
    await client.call(specs.say, specs.say.request(text="last"), device=device)
    assert texts == ["first", "last"]


async def test_for_whom_and_by_which_way_is_handed_on_from_command_to_command(
    endpoints, client, specs, device
):
    seen = []

    async def look(context, request):
        seen.append((context.on_behalf_of, PREFERRED_PATH.get()))
        if request.text == "first":
            await client.call(specs.say, specs.say.request(text="second"), device=f"{device}-2")
        return specs.say.reply(text="")

    endpoints.add(specs.say, look)
    for name in (device, f"{device}-2"):
        await endpoints.hold(name)
    tokens = ON_BEHALF_OF.set("some\x7fbody"), PREFERRED_PATH.set("1-2")
    await client.call(specs.say, specs.say.request(text="first"), device=device)
    ON_BEHALF_OF.reset(tokens[0])
    PREFERRED_PATH.reset(tokens[1])
    await client.call(specs.say, specs.say.request(text="last"), device=device)
    assert seen == [("somebody", "1-2"), ("somebody", "1-2"), ("", None)]


async def test_the_handler_knows_its_budget_and_the_trace(endpoints, client, specs, device):
    seen = []

    async def look(context, request):
        seen.append((context.remaining_s, context.traceparent, TRACEPARENT.get(), context.command))
        return specs.say.reply(text="")

    endpoints.add(specs.say, look)
    await endpoints.hold(device)
    token = TRACEPARENT.set(TRACE)
    await client.call(specs.say, specs.say.request(), device=device, timeout_s=7)
    TRACEPARENT.reset(token)
    ((remaining_s, trace, ambient, command),) = seen
    assert 0 < remaining_s <= 7
    assert (trace, ambient, command) == (TRACE, TRACE, "test.say")


async def test_replies_name_the_owner(endpoints, client_bus, specs, device, echo):
    endpoints.add(specs.say, echo)
    await endpoints.hold(device, reply_headers={headers.OWNER: "replica-1", headers.EPOCH: "17"})
    message = await client_bus.request(specs.say.subject(device), b"{}")
    assert (message.headers[headers.OWNER], message.headers[headers.EPOCH]) == ("replica-1", "17")


@pytest.mark.parametrize("target", ["$KV.cambus-devices.gate-1", "cambus.v1.cmd.other.device.reboot"])
async def test_an_answer_is_never_published_where_only_services_write(
    endpoints, bus, client_bus, specs, device, target
):
    ran = asyncio.Event()

    async def record(context, request):
        ran.set()
        return specs.say.reply(text="")

    endpoints.add(specs.say, record)
    await endpoints.hold(device)
    inbox = await client_bus.inbox("cambus.v1.cmd.other.>")
    await client_bus.publish(specs.say.subject(device), b"{}", reply=target)
    await client_bus.publish(f"cambus.v1.cmd.{device}.no.such", b"{}", reply=target)
    await client_bus.request(specs.say.subject(device), b"{}")
    assert ran.is_set()
    assert b"cambus_commands_unroutable_total 1.0" in bus.metrics.render()
    await inbox.close()
    assert [message async for message in inbox] == []


async def test_a_command_without_a_reply_subject_is_carried_out(endpoints, client_bus, specs, device):
    done = asyncio.Event()

    async def act(context, request):
        done.set()
        return specs.say.reply(text="")

    endpoints.add(specs.say, act)
    await endpoints.hold(device)
    await client_bus.publish(specs.say.subject(device), b"{}")
    await done.wait()


async def test_a_reply_beyond_max_payload_is_a_typed_error(endpoints, client, bus, specs, device):
    async def verbose(context, request):
        return specs.say.reply(text="x" * (bus.max_payload + 1))

    endpoints.add(specs.say, verbose)
    await endpoints.hold(device)
    with pytest.raises(TooLarge):
        await client.call(specs.say, specs.say.request(), device=device)


async def test_a_bad_device_id_is_a_bad_request(client, specs):
    with pytest.raises(BadRequest):
        await client.call(specs.say, specs.say.request(), device="a.*")


async def test_a_device_is_held_only_once(endpoints, device):
    await endpoints.hold(device)
    with pytest.raises(ValueError, match="held already"):
        await endpoints.hold(device)


async def test_release_refuses_what_waits_and_lets_the_running_call_finish(
    endpoints, client, specs, device, eventually
):
    proceed, started = asyncio.Event(), asyncio.Event()

    async def wait(context, request):
        started.set()
        await proceed.wait()
        return specs.say.reply(text=request.text)

    endpoints.add(specs.say, wait)
    await endpoints.hold(device)
    running = asyncio.create_task(client.call(specs.say, specs.say.request(text="a"), device=device))
    await started.wait()
    waiting = asyncio.create_task(client.call(specs.say, specs.say.request(text="b"), device=device))
    await eventually(lambda: endpoints._held[device].gate.waiting == 1)
    await endpoints.release(device)
    with pytest.raises(Offline) as caught:
        await waiting
    assert caught.value.retryable
    proceed.set()
    assert (await running).text == "a"


async def test_drain_answers_everything_under_way(endpoints, client, specs, device):
    proceed, started = asyncio.Event(), asyncio.Event()

    async def wait(context, request):
        started.set()
        await proceed.wait()
        return specs.say.reply(text=request.text)

    endpoints.add(specs.say, wait)
    await endpoints.hold(device)
    calls = [
        asyncio.create_task(client.call(specs.say, specs.say.request(text=str(n)), device=device))
        for n in range(5)
    ]
    await started.wait()
    drained = asyncio.create_task(endpoints.drain())
    proceed.set()
    assert [reply.text for reply in await asyncio.gather(*calls)] == ["0", "1", "2", "3", "4"]
    await drained
    assert endpoints.in_flight == 0
    with pytest.raises(Offline):
        await client.call(specs.say, specs.say.request(), device=device)


async def test_drain_cuts_off_what_does_not_end_and_says_so(endpoints, client, specs, device, eventually):
    started = asyncio.Event()

    async def hang(context, request):
        started.set()
        await asyncio.Event().wait()

    endpoints.add(specs.say, hang)
    await endpoints.hold(device)
    calls = [
        asyncio.create_task(client.call(specs.say, specs.say.request(), device=device)) for _ in range(3)
    ]
    await started.wait()
    await eventually(lambda: endpoints._held[device].gate.waiting == 2)
    await endpoints.drain(timeout_s=0.01)
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [Offline] * 3
    assert [outcome.retryable for outcome in outcomes] == [False, True, True]
    assert endpoints.in_flight == 0


class TestServiceCommands:
    async def test_one_replica_answers(self, new_bus, client, specs):
        async def answer(context, request):
            return specs.ask.reply(text=str(context.device))

        replicas = [Endpoints(await new_bus(f"r{n}"), specs.service) for n in range(3)]
        for replica in replicas:
            replica.add(specs.ask, answer)
            await replica.start()
        assert (await client.call(specs.ask, specs.ask.request())).text == "None"
        assert sum(route.requests for replica in replicas for route in replica.routes()) == 1
        for replica in replicas:
            await replica.drain()

    async def test_every_replica_answers_a_broadcast_once(self, new_bus, client, specs):
        replicas = [Endpoints(await new_bus(f"r{n}"), specs.service) for n in range(3)]

        def handler(name):
            async def answer(context, request):
                return specs.all.reply(text=request.text, replica=name)

            return answer

        for number, replica in enumerate(replicas):
            replica.add(specs.all, handler(f"r{number}"))
            await replica.start()
        replies = await client.broadcast(specs.all, specs.all.request(text="?"), expected=3)
        assert sorted(reply.replica for reply in replies) == ["r0", "r1", "r2"]
        later = await client.broadcast(specs.all, specs.all.request(), quiet_s=0.2)
        assert len(later) == 3
        for replica in replicas:
            await replica.drain()

    async def test_a_replica_that_refuses_does_not_hide_the_others(self, new_bus, client, specs):
        async def refuse(context, request):
            raise NotFound("no such recording")

        async def find(context, request):
            return specs.all.reply(text="found")

        replicas = [Endpoints(await new_bus(f"r{n}"), specs.service) for n in range(2)]
        for replica, handler in zip(replicas, [refuse, find], strict=True):
            replica.add(specs.all, handler)
            await replica.start()
        replies = await client.broadcast(specs.all, specs.all.request(), expected=2)
        assert [reply.text for reply in replies] == ["found"]
        outcomes = await client.broadcast_all(specs.all, specs.all.request(), expected=2)
        assert sorted(type(outcome).__name__ for outcome in outcomes) == ["NotFound", "Said"]
        await replicas[1].drain()
        with pytest.raises(NotFound):
            await client.broadcast(specs.all, specs.all.request(), expected=1)
        await replicas[0].drain()

    async def test_the_one_replica_that_knows_answers_for_all(self, new_bus, client, specs):
        """Whatever the others say, before it or behind it."""

        async def refuse(context, request):
            raise NotFound("not here")

        async def know(context, request):
            if request.text == "busy":
                raise Conflict("not now")
            if request.text == "nobody":
                raise NotFound("nowhere")
            return specs.all.reply(text="here")

        replicas = [Endpoints(await new_bus(f"r{n}"), specs.service) for n in range(3)]
        for replica, handler in zip(replicas, [refuse, know, refuse], strict=True):
            replica.add(specs.all, handler)
            await replica.start()
        for _ in range(20):
            assert (await client.call_holder(specs.all, specs.all.request(text="?"))).text == "here"
        with pytest.raises(Conflict):
            await client.call_holder(specs.all, specs.all.request(text="busy"))
        with pytest.raises(NotFound):
            await client.call_holder(specs.all, specs.all.request(text="nobody"), quiet_s=0.1)
        for replica in replicas:
            await replica.drain()
        with pytest.raises(Offline):
            await client.call_holder(specs.all, specs.all.request())

    async def test_a_broadcast_without_replicas_is_offline(self, client, specs):
        with pytest.raises(Offline):
            await client.broadcast(specs.all, specs.all.request())

    async def test_an_unknown_command_to_a_service_is_not_found(self, endpoints, client_bus, specs):
        async def answer(context, request):
            return specs.ask.reply(text="")

        endpoints.add(specs.ask, answer)
        await endpoints.start()
        message = await client_bus.request(f"cambus.v1.svc.{specs.service}.no.such", b"")
        assert message.headers[headers.SERVICE_ERROR_CODE] == "404"

    async def test_a_service_command_has_its_own_bound(self, endpoints, client, specs):
        proceed = asyncio.Event()

        async def wait(context, request):
            await proceed.wait()
            return specs.ask.reply(text="")

        endpoints.add(specs.ask, wait, concurrency=1, queue=1)
        await endpoints.start()
        calls = [asyncio.create_task(client.call(specs.ask, specs.ask.request())) for _ in range(3)]
        done, _ = await asyncio.wait(calls, return_when=asyncio.FIRST_EXCEPTION)
        assert [type(task.exception()) for task in done] == [Overloaded]
        proceed.set()
        await asyncio.gather(*calls, return_exceptions=True)


async def test_a_thousand_devices_cost_no_task_and_one_subscription_each(
    bus, client, endpoints, specs, unique, echo
):
    endpoints.add(specs.say, echo)
    tasks, subscriptions = len(asyncio.all_tasks()), len(bus.nc._subs)
    devices = [f"d{number}-{unique}" for number in range(1000)]
    await asyncio.gather(*(endpoints.hold(device) for device in devices))
    assert len(asyncio.all_tasks()) == tasks
    assert len(bus.nc._subs) == subscriptions + 1000
    for device in devices[::100]:
        assert (
            await client.call(specs.say, specs.say.request(text="x"), device=device)
        ).text == f"{device}:x"
    await endpoints.drain()
    assert len(bus.nc._subs) == subscriptions
    with pytest.raises(Offline):
        await client.call(specs.say, specs.say.request(), device=devices[0])
