"""Discovery as the standard tools ask for it (ADR-32)."""

import json

import pytest


@pytest.fixture
async def service(endpoints, client, specs, device):
    async def answer(context, request):
        if request.text == "fail":
            raise RuntimeError
        return specs.say.reply(text=request.text)

    endpoints.add(specs.say, answer)
    endpoints.add(specs.ask, answer)
    endpoints.add(specs.all, answer)
    await endpoints.start()
    await endpoints.hold(device)
    return specs.service


async def ask(bus, subject):
    return json.loads((await bus.request(subject)).data)


@pytest.mark.parametrize("verb", ["PING", "INFO", "STATS"])
async def test_a_service_answers_by_name_by_id_and_to_everyone(service, client_bus, verb):
    for scope in (f".{service}", f".{service}.replica-1"):
        answer = await ask(client_bus, f"$SRV.{verb}{scope}")
        assert answer["type"] == f"io.nats.micro.v1.{verb.lower()}_response"
        assert (answer["name"], answer["id"], answer["version"]) == (service, "replica-1", "1.2.3")
        assert answer["metadata"] == {}
    everyone = await client_bus.gather(f"$SRV.{verb}", timeout_s=5, quiet_s=0.2)
    assert service in {json.loads(message.data)["name"] for message in everyone}


async def test_what_is_found_out_later_is_told_too(service, endpoints, client_bus):
    endpoints.metadata["rtsp"] = "rtsp://127.0.0.1:8554"
    assert (await ask(client_bus, f"$SRV.PING.{service}"))["metadata"] == {"rtsp": "rtsp://127.0.0.1:8554"}


async def test_info_lists_the_commands(service, client_bus):
    endpoints = {item["name"]: item for item in (await ask(client_bus, f"$SRV.INFO.{service}"))["endpoints"]}
    assert endpoints["test-say"]["subject"] == "cambus.v1.cmd.*.test.say"
    asked = endpoints[f"{service}-test-ask"]
    assert (asked["subject"], asked["queue_group"]) == (f"cambus.v1.svc.{service}.test.ask", service)
    assert endpoints[f"{service}-test-all"]["queue_group"] == ""
    assert asked["metadata"]["summary"] == "Ask one replica."


async def test_stats_count_requests_and_errors(service, client, client_bus, specs, device):
    await client.call(specs.say, specs.say.request(text="x"), device=device)
    for _ in range(2):
        with pytest.raises(Exception, match="internal"):
            await client.call(specs.say, specs.say.request(text="fail"), device=device)
    stats = await ask(client_bus, f"$SRV.STATS.{service}")
    (say,) = [item for item in stats["endpoints"] if item["name"] == "test-say"]
    assert (say["num_requests"], say["num_errors"], say["last_error"]) == (3, 2, "500:internal error")
    assert say["processing_time"] > 0
    assert say["average_processing_time"] == say["processing_time"] // 3
    assert stats["started"].endswith("Z")


async def test_another_service_does_not_answer(service, client_bus):
    from cambus.client.errors import NoResponders

    with pytest.raises(NoResponders):
        await client_bus.request(f"$SRV.PING.{service}.nobody")
