"""One call at a time runs on a device, within its deadline; what is held is drained."""

import asyncio
import json

import pytest

from cambus.bus.endpoints import Endpoints
from cambus.schemas import headers
from cambus.schemas.errors import (
    DeadlineExceeded,
    Offline,
    Overloaded,
)


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
