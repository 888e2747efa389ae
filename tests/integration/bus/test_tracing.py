"""A command's way through the bus and back, as one trace."""

import asyncio
import json
import logging
from contextlib import suppress
from datetime import UTC, datetime
from io import StringIO

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from span_collector import Receiver, collecting

from cambus.bus.assets import ensure_assets
from cambus.bus.endpoints import Endpoints
from cambus.bus.events import EventPublisher
from cambus.bus.logging import configure_logging
from cambus.bus.outbox import Outbox
from cambus.client import tracing
from cambus.client.calling import BusClient
from cambus.client.consumer import EventConsumer
from cambus.client.errors import AssetNotFound
from cambus.client.otlp import export_spans
from cambus.client.trace import span, trace_id
from cambus.schemas.catalog import EVENTS
from cambus.schemas.errors import CambusError
from cambus.schemas.ids import new_ulid

CANARY = "dev1ce-Passw0rd"
OFFLINE = EVENTS["device.offline"]


@pytest.fixture
def spans():
    """What was traced so far, by name and kind."""
    exporter = InMemorySpanExporter()
    export = export_spans("demo", "demo-0", "1.2", exporter)

    def finished():
        export._provider.force_flush()
        return {(each.name, each.kind.name.lower()): each for each in exporter.get_finished_spans()}

    yield finished
    export.close()


@pytest.fixture
async def chain(bus, client_bus, specs, device, tmp_path, unique):
    """A service that answers for a device by asking another, and tells an event that a third handles."""
    await ensure_assets(bus)
    handled = asyncio.get_running_loop().create_future()

    async def ask(context, request):
        return specs.ask.reply(text=f"{request.text} {context.traceparent}")

    async with EventPublisher(bus, Outbox(tmp_path / "outbox.db")) as publisher:

        async def say(context, request):
            if request.text == "fail":
                raise ValueError(CANARY)
            gone = OFFLINE.model(
                id=new_ulid(),
                device=context.device,
                protocol="dvrip",
                at=datetime.now(UTC),
                reason="x",
                text=CANARY,
            )
            await publisher.publish(OFFLINE, gone)
            return await BusClient(bus).call(specs.ask, request)

        async def handle(received):
            handled.set_result((received.name, trace_id()))

        first, second = Endpoints(bus, "first"), Endpoints(client_bus, specs.service)
        first.add(specs.say, say)
        second.add(specs.ask, ask)
        await asyncio.gather(first.start(), second.start())
        await first.hold(device)
        consumer = EventConsumer(client_bus, unique, [f"cambus.v1.evt.{device}.>"], handle)
        running = asyncio.ensure_future(consumer.run())
        yield handled
        consumer.stop()
        await running
        await asyncio.gather(first.drain(0), second.drain(0))
    with suppress(AssetNotFound):
        await bus.jetstream.call(f"CONSUMER.DELETE.CAMBUS_EVENTS.{unique}")


async def test_a_command_and_all_it_leads_to_is_one_trace(chain, spans, client, specs, device):
    with span("root", "internal"):
        root = trace_id()
        reply = await client.call(specs.say, specs.say.request(text=CANARY), device=device)
    assert await chain == ("device.offline", root)
    assert reply.text.split()[1].split("-")[1] == root

    async with asyncio.timeout(30):
        while ("device.offline", "consumer") not in (told := spans()):  # noqa: ASYNC110 - it ends after the handler
            await asyncio.sleep(0.01)
    assert {f"{each.context.trace_id:032x}" for each in told.values()} == {root}
    parents = {
        name: next(
            (
                other
                for other, its in told.items()
                if each.parent and its.context.span_id == each.parent.span_id
            ),
            None,
        )
        for name, each in told.items()
    }
    say, ask, gone = specs.say.key, specs.ask.key, "device.offline"
    assert parents == {
        ("root", "internal"): None,
        (say, "client"): ("root", "internal"),
        (say, "server"): (say, "client"),
        (gone, "producer"): (say, "server"),
        (gone, "consumer"): (gone, "producer"),
        (ask, "client"): (say, "server"),
        (ask, "server"): (ask, "client"),
    }
    assert told[say, "server"].attributes["cambus.device"] == device
    assert CANARY not in "".join(each.to_json() for each in told.values())


async def test_a_defect_is_marked_at_both_ends_and_tells_nothing(chain, spans, client, specs, device):
    with pytest.raises(CambusError):
        await client.call(specs.say, specs.say.request(text="fail"), device=device)
    told = spans()
    assert {told[specs.say.key, kind].attributes["error.type"] for kind in ("client", "server")} == {"500"}
    assert CANARY not in "".join(each.to_json() for each in told.values())


async def test_log_lines_carry_the_trace(spans):
    stream = StringIO()
    configure_logging("demo", stream=stream)
    with span("work", "internal"):
        logging.getLogger("demo").info("inside")
        inside = trace_id()
    logging.getLogger("demo").info("outside")
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [(line["event"], line.get("trace_id")) for line in lines] == [
        ("inside", inside),
        ("outside", None),
    ]
    del spans


@pytest.fixture
def collector():
    with collecting() as server:
        yield server


async def test_spans_are_sent_by_http(collector, monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    monkeypatch.delenv("OTEL_SERVICE_NAME", raising=False)
    export = tracing.enable("connector-demo", instance="connector-demo-0", version="1.2")
    with span("ptz.move", "client", device="gate-1"):
        pass
    await asyncio.to_thread(export.close, 30.0)
    (path, request), *rest = collector.taken
    assert (path, rest) == ("/v1/traces", [])
    resource = {each.key: each.value.string_value for each in request.resource_spans[0].resource.attributes}
    assert resource["service.name"] == "connector-demo"
    assert resource["service.instance.id"] == "connector-demo-0"
    sent = request.resource_spans[0].scope_spans[0].spans
    assert [each.name for each in sent] == ["ptz.move"]
    with span("after", "client"):
        assert trace_id() is None  # it is off again


async def test_nobody_who_takes_them_disturbs_nobody(
    collector, monkeypatch, client, chain, specs, device, caplog
):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.2")
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "4")
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "2")
    monkeypatch.setattr(Receiver, "do_POST", lambda self: self.send_error(500))
    export = tracing.enable("demo")
    for _ in range(20):
        with span("much", "internal"):
            pass
    await client.call(specs.say, specs.say.request(text="x"), device=device)
    await chain
    await asyncio.to_thread(export.close, 30.0)
    told = [
        record
        for record in caplog.records
        if "traces" in record.getMessage() and record.levelno >= logging.WARNING
    ]
    assert [record.getMessage() for record in told] == ["traces cannot be sent; they are dropped"]
