"""What runs, what is wrong, and what happens when NATS is not there."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from cambus.bus.assets import ensure_assets
from cambus.bus.connection import Bus
from cambus.bus.endpoints import Endpoints
from cambus.bus.health import Health
from cambus.bus.http import HttpServer
from cambus.bus.metrics import Metrics
from cambus.bus.settings import BusSettings
from cambus.bus.testing import NatsServer
from cambus.cli.doctor import writes
from cambus.cli.doctor.services import WITHOUT
from cambus.client.consumer import EventConsumer
from cambus.client.kv import KeyValue
from cambus.schemas import assets
from cambus.schemas.assets import KV_DEVICES, KV_LEASES, KV_PRESENCE
from cambus.schemas.codec import encode
from cambus.schemas.commands.alarm_cases import SINKS_LIST, SinksListReply, SinkStatus
from cambus.schemas.events import device as device_events
from cambus.schemas.ids import new_ulid
from cambus.schemas.keys import open_outbox
from cambus.schemas.state.dead_letters import DeadLetter
from cambus.schemas.state.devices import DeviceRecord
from cambus.schemas.state.leases import OpenOutbox
from cambus.schemas.state.presence import DeviceState, Presence, PresenceError
from cambus.schemas.subjects import dead_letter_subject


@pytest.fixture
async def site():
    """A NATS of its own, with all services pretended: `bus`, `server`, `metrics`, `health`, `run(name, version)`."""

    class Site:
        pass

    made, ends = Site(), []
    async with NatsServer() as made.server:
        made.bus = await Bus.connect(BusSettings(nats_url=made.server.url, instance="x-0"), name="test")
        await ensure_assets(made.bus)
        made.metrics, made.health = Metrics("recorder"), Health()
        http = HttpServer(made.metrics, made.health)
        await http.start()

        async def sinks_list(_, request):
            del request
            return SinksListReply(replica="alarm-router-0", on_duty=True, sinks=made.sinks)

        made.sinks = []

        async def run(name, version="0.1.0", instance=None, viewers=""):
            settings = BusSettings(nats_url=made.server.url, instance=instance or f"{name}-0")
            connection = await Bus.connect(settings, name=name)
            endpoints = Endpoints(connection, name, version)
            if name == "recorder":
                endpoints.metadata["http"] = http.url
            if viewers:
                endpoints.metadata["viewers"] = viewers
            if name == "alarm-router" and made.sinks:
                endpoints.add(SINKS_LIST, sinks_list)
            await endpoints.start()
            ends.append((endpoints, connection))

        made.run = run
        yield made
        for endpoints, connection in ends:
            await endpoints.drain(timeout_s=0)
            await connection.close()
        await http.stop()
        await made.bus.close()


@pytest.fixture
async def well(site):
    for name in (*WITHOUT, "connector-dvrip"):
        await site.run(name)
    await KeyValue(site.bus, KV_DEVICES, DeviceRecord).put("gate", DeviceRecord(id="gate", protocol="dvrip"))
    online = Presence(
        device="gate", protocol="dvrip", online=True, state=DeviceState.ONLINE, since=datetime.now(UTC)
    )
    await KeyValue(site.bus, KV_PRESENCE, Presence).put("gate", online)
    return site


def problems(ran):
    return [
        (each["subject"], each["text"]) for each in ran.document["findings"] if each["level"] == "problem"
    ]


async def test_a_site_that_is_well_gives_no_problem(cambusctl, well):
    site = well
    ran = await cambusctl("doctor", "--monitor", site.server.monitor_url, nats=site.server.url)
    assert (ran.code, "all is well" in ran.out) == (0, True)
    assert "every write is synced" in ran.out
    quiet = await cambusctl("doctor", "--quiet", "--monitor", site.server.monitor_url, nats=site.server.url)
    assert quiet.out == "\nall is well\n"


async def test_events_that_wait_for_a_service_that_is_gone_are_a_problem(cambusctl, well):
    async def handle(received):
        del received

    consumer = EventConsumer(well.bus, "alarm-router", ["cambus.v1.evt.>"], handle)
    running = asyncio.ensure_future(consumer.run())
    doctor = ("doctor", "--json", "--monitor", well.server.monitor_url)

    async def served():
        return ("events", "handled by alarm-router") in [
            (each["subject"], each["text"])
            for each in (await cambusctl(*doctor, nats=well.server.url)).document["findings"]
        ]

    async with asyncio.timeout(60):
        while not await served():
            pass
    running.cancel()
    await asyncio.wait({running})
    event = device_events.DeviceOffline(
        id=new_ulid(), device="gate", at=datetime.now(UTC), reason="keepalive-lost"
    )
    await well.bus.jetstream.publish(device_events.OFFLINE.subject("gate"), encode(event))
    async with asyncio.timeout(60):
        while not problems(ran := await cambusctl(*doctor, nats=well.server.url)):
            pass
    assert problems(ran) == [("events", "1 event waiting for alarm-router, and nobody takes them")]


async def test_a_receiver_that_takes_no_alarms_is_a_problem(cambusctl, site):
    site.sinks = [SinkStatus(route="night.0", kind="webhook", target="https://ops.example.org/a", away=True)]
    await site.run("alarm-router")
    ran = await cambusctl("doctor", "--json", nats=site.server.url)
    assert any(
        text.startswith("night.0 (webhook https://ops.example.org/a) takes none") for _, text in problems(ran)
    )


async def test_every_problem_says_what_to_do(cambusctl, site, monkeypatch):
    await site.run("recorder", "0.0.9")
    await site.run("media-relay", viewers="http://0.0.0.0:8080")
    await site.run("media-relay")  # a second process under the same name
    site.health.set("disk", ok=False, detail="full")
    site.metrics.gauge("recorder_disk_free_bytes", "Free")().set(1000)
    site.metrics.gauge("nats_sync_always", "Synced")().set(0)
    site.metrics.gauge("clock_seconds", "Clock")().set(0)
    monkeypatch.setattr(writes, "SILENT_S", -1.0)  # whatever was written to the leases was too long ago
    await site.bus.jetstream.publish(f"$KV.{assets.KV_LEASES}.x", b"")
    then = datetime.now(UTC) - timedelta(minutes=5)
    records = KeyValue(site.bus, KV_DEVICES, DeviceRecord)
    presences = KeyValue(site.bus, KV_PRESENCE, Presence)
    for name in ("gate", "yard"):
        await records.put(name, DeviceRecord(id=name, protocol="dvrip", address="127.0.0.1"))
    error = PresenceError(code=401, reason="wrong-password", text="refused user admin", at=then)
    state = DeviceState.CREDENTIALS_REJECTED
    refused = Presence(
        device="gate", protocol="dvrip", online=False, state=state, since=then, last_error=error
    )
    await presences.put("gate", refused)
    for _ in range(3):
        event = device_events.DeviceOffline(id=new_ulid(), device="gate", at=then, reason="keepalive-lost")
        await site.bus.jetstream.publish(device_events.OFFLINE.subject("gate"), encode(event))
    letter = DeadLetter(
        consumer="alarm-router",
        subject="s",
        sequence=1,
        deliveries=5,
        reason="gone",
        text="HTTP 500",
        at=then,
        body=b"",
    )
    await site.bus.jetstream.publish(dead_letter_subject("alarm-router"), encode(letter))
    outboxes = KeyValue(site.bus, KV_LEASES, OpenOutbox)
    for service, replica in (("recorder", "recorder-0"), ("connector-dvrip", "dvrip-7")):
        await outboxes.put(
            open_outbox(service, replica), OpenOutbox(replica=replica, service=service, since=then)
        )

    ran = await cambusctl("doctor", "--json", nats=site.server.url)
    assert ran.code == 1
    found = problems(ran)
    assert all(each["todo"] for each in ran.document["findings"] if each["level"] == "problem")
    assert ran.document["problems"] == len(found)
    texts = {f"{subject}: {text}" for subject, text in found}
    for expected in (
        "JetStream: does not sync every write",
        "JetStream: stores nothing: no lease was renewed for",
        "recorder-0: the clock of its machine is",
        "media-relay-0: tells viewers http://0.0.0.0:8080, which is no address",
        "dead letters: 1 message given up: 1 of alarm-router; the latest: HTTP 500",
        "alarm-router: does not answer",
        "upgrade-manager: does not answer",
        "connector-dvrip: does not answer",
        "media-relay: 2 processes are called media-relay-0",
        "services: several versions run (0.0.9: recorder-0; 0.1.0: media-relay-0",
        "recorder-0: is not ready: disk (full)",
        "recorder-0: 1000 B free on the disk",
        "gate: credentials-rejected for 5 min",
        "gate: went offline 3 times in the last 1 h, last: keepalive-lost",
        "yard: no connector looks after it",
    ):
        assert any(text.startswith(expected) for text in texts), expected
    assert any("refused user admin" in text for text in texts)
    notes = {each["subject"]: each for each in ran.document["findings"] if each["level"] == "note"}
    assert notes["dvrip-7"]["text"].startswith(
        "did not stop in order, and is not back: alarms that connector-dvrip"
    )
    assert "CAMBUS_INSTANCE=dvrip-7" in notes["dvrip-7"]["todo"]
    assert not any(
        "not back" in each["text"] for each in ran.document["findings"] if each["subject"] == "recorder-0"
    )


async def test_a_nats_without_cambus_lacks_everything(cambusctl):
    async with NatsServer() as empty:
        ran = await cambusctl("doctor", "--json", nats=empty.url)
    assert ran.code == 1
    everything = len((*assets.STREAMS, *assets.KV_BUCKETS, *assets.OBJECT_STORES))
    assert any(text.startswith(f"{everything} streams missing") for _, text in problems(ran))


async def test_without_jetstream_that_is_the_finding(cambusctl):
    async with NatsServer(config={"jetstream": False}) as plain:
        ran = await cambusctl("doctor", "--json", nats=plain.url)
    assert (ran.code, problems(ran)[0][0]) == (1, "JetStream")


async def test_without_nats_that_is_the_finding(cambusctl):
    with NatsServer() as server:
        url = server.url
    ran = await cambusctl("doctor", nats=url)
    assert (ran.code, "connection refused" in ran.out) == (1, True)
    listed = await cambusctl("devices", nats=url)
    assert (listed.code, "connection refused" in listed.err) == (6, True)


async def test_a_nats_that_does_not_let_us_in_is_told_from_one_that_is_away(cambusctl):
    users = [{"user": "demo", "password": "right"}]
    async with NatsServer(config={"authorization": {"users": users}}) as server:
        ran = await cambusctl("devices", nats=server.url)
    assert (ran.code, "does not let us in" in ran.err) == (6, True)
    assert "CAMBUS_NATS_USER" in ran.err


async def test_credentials_in_the_address_are_refused_without_repeating_them(cambusctl):
    ran = await cambusctl("devices", nats="nats://me:canary@127.0.0.1:4222")
    assert (ran.code, "canary" in ran.err + ran.out) == (2, False)


async def test_the_services_are_listed_with_what_they_did(cambusctl, site):
    await site.run("recorder")
    shown = (await cambusctl("services", nats=site.server.url)).out
    assert shown.splitlines()[1].split()[:3] == ["recorder", "recorder-0", "0.1.0"]
    (found,) = (await cambusctl("services", "--json", nats=site.server.url)).document
    assert (found["name"], found["requests"]) == ("recorder", 0)
    assert found["metadata"]["http"].startswith("http://127.0.0.1:")
