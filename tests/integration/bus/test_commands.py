"""Commands to devices and services: calls, answers, errors, and who holds what."""

import asyncio
import json
import logging

import msgpack
import pytest

from cambus.client.behalf import ON_BEHALF_OF, PREFERRED_PATH
from cambus.client.trace import TRACEPARENT
from cambus.schemas import headers
from cambus.schemas.errors import (
    BadRequest,
    Conflict,
    DeviceRefused,
    ErrorCode,
    Internal,
    NotFound,
    Offline,
    TooLarge,
)

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


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
