"""Commands to services: any replica, a named one, or all of them."""

import asyncio

import pytest

from cambus.bus.endpoints import Endpoints
from cambus.schemas import headers
from cambus.schemas.errors import (
    Conflict,
    NotFound,
    Offline,
    Overloaded,
)


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
