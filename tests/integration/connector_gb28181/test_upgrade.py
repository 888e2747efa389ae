"""Firmware: a device fetches it from us and comes back with another version, whatever it tells of that and when."""

import asyncio
import hashlib
import logging
import os

import aiohttp
import pytest

from cambus.client.kv import KeyValue
from cambus.client.objects import ObjectStore
from cambus.connector_gb28181 import upgrade_run
from cambus.gb28181.manscdp.notices import UpgradeResult
from cambus.schemas import keys
from cambus.schemas.assets import KV_UPGRADES, OBJECTS_FIRMWARE
from cambus.schemas.commands import device as device_commands
from cambus.schemas.commands import upgrade
from cambus.schemas.errors import CambusError, Conflict, NotFound, Unsupported
from cambus.schemas.model import Empty
from cambus.schemas.state.upgrades import UpgradeAttempt
from cambus.schemas.upgrades import UpgradeState
from cambus.simulators.gb28181.quirks import Quirks
from cambus.simulators.gb28181.transfers import fetch_firmware

IMAGE = os.urandom(300_001)
NEW = "V9.9"


@pytest.fixture(autouse=True)
def look_often(monkeypatch):
    """The version is looked at every moment, not every ten seconds."""
    monkeypatch.setattr(upgrade_run, "LOOK_S", 0.2)


@pytest.fixture
def gate(unique):
    """A device nobody has upgraded before."""
    return f"gate-{unique}"


@pytest.fixture
async def stored(bench):
    return await ObjectStore(bench.bus, OBJECTS_FIRMWARE).put("gate/next.bin", IMAGE)


@pytest.fixture
def order(bench, gate, stored):
    async def send(job="job-1", **fields):
        values = {
            "job": job,
            "object": "gate/next.bin",
            "sha256": stored.sha256,
            "size_bytes": len(IMAGE),
            "expected_version": NEW,
            "confirm": True,
            **fields,
        }
        return await bench.client.call(upgrade.START, upgrade.UpgradeStartRequest(**values), device=gate)

    return send


async def device_of(bench, gate, *, options=None, **quirks):
    """A device of the edition of 2022 that behaves like that, and what the bus hears of it."""
    simulator = await bench.online(
        gate,
        profile="std_2022",
        quirks=Quirks(reboot_s=0.2, **quirks),
        record={"options": {"upgrade_return_s": 60.0, **(options or {})}},
    )
    return simulator, await bench.heard(gate)


async def end_of(heard, job="job-1"):
    return await heard.until("upgrade.finished", lambda event: event.job == job)


async def info(bench, gate):
    return await bench.client.call(upgrade.INFO, Empty(), device=gate)


def ordered(simulator):
    """The orders to upgrade that the device got."""
    bodies = (each.message.body for each in simulator.messages if each.direction == "in")
    return [body for body in bodies if b"<DeviceUpgrade>" in body]


def url_given(simulator):
    """The address the device was told to fetch from."""
    return ordered(simulator)[-1].partition(b"<FileURL>")[2].partition(b"</FileURL>")[0].decode()


async def test_a_device_fetches_the_image_restarts_and_tells(bench, gate, order):
    simulator, heard = await device_of(bench, gate)
    before = simulator.device.firmware
    reply = await order()
    assert (reply.state, reply.joined) == (UpgradeState.PREPARING, False)
    states, percent = [], 0.0
    while True:
        name, event = await heard.next()
        if name == "upgrade.progressed":
            states.append(event.state)
            percent = max(percent, event.percent or 0.0)
        if name == "upgrade.finished":
            break
    assert (event.state, event.version_before, event.version_after) == ("succeeded", before, NEW)
    assert event.image_sent
    assert states[0] is UpgradeState.PREPARING
    assert UpgradeState.TRANSFERRING in states
    assert percent > 50
    assert simulator.fetched == [(len(IMAGE), hashlib.sha256(IMAGE).hexdigest())]
    assert (await info(bench, gate)).software_version == NEW


async def test_a_result_that_comes_before_the_restart_waits_for_the_version(bench, gate, order):
    simulator, heard = await device_of(bench, gate, upgrade_result_first=True)
    await order()
    event = await end_of(heard)
    assert (event.state, event.version_after) == ("succeeded", NEW)
    assert simulator.device.boots == 2


async def test_without_a_result_the_version_tells(bench, gate, order):
    _, heard = await device_of(bench, gate, upgrade="silent")
    await order()
    event = await end_of(heard)
    assert (event.state, event.version_after, event.text) == ("succeeded", NEW, "by the version it runs")


@pytest.mark.parametrize(
    ("code", "reason"),
    [("01", "download-timeout"), ("02", "bad-package"), ("03", "system-error"), ("99", "device-failed")],
)
async def test_a_device_that_fails_says_why(bench, gate, order, code, reason):
    simulator, heard = await device_of(bench, gate, upgrade=code)
    before = simulator.device.firmware
    await order()
    event = await end_of(heard)
    assert (event.state, event.reason, event.device_code) == ("failed", reason, code)
    assert simulator.device.firmware == before
    assert (await info(bench, gate)).state is UpgradeState.FAILED


async def test_a_device_that_does_not_come_back_in_time_is_told(bench, gate, order):
    simulator, heard = await device_of(bench, gate, options={"upgrade_timeout_s": 6.0}, upgrade="silent")
    simulator.quirks.reboot_s = 600.0
    await order()
    event = await end_of(heard)
    assert event.reason == "timeout"
    assert event.state in {"not-back", "unknown"}  # by UDP it is missed only after three keepalives
    assert event.image_sent


async def test_a_device_that_fetches_nothing_in_time_is_told(bench, gate, order, monkeypatch):
    monkeypatch.setattr("cambus.simulators.gb28181.acting.Acting.upgrade", lambda self, order: None)
    _, heard = await device_of(bench, gate, options={"upgrade_timeout_s": 1.0})
    await order()
    event = await end_of(heard)
    assert (event.state, event.reason, event.image_sent) == ("failed", "timeout", False)


async def test_a_result_nobody_waits_for_changes_nothing(bench, gate, order):
    simulator, heard = await device_of(bench, gate)
    for session in ("0" * 64, upgrade_run.session_name(gate, "job-1")):
        await simulator.agent.send(simulator.body(UpgradeResult(session, True, NEW)))
        await simulator.agent.send(simulator.body(UpgradeResult(session, False, NEW, "99")))
    assert (await info(bench, gate)).state is None
    await order()
    assert (await end_of(heard)).state == "succeeded"


async def test_a_result_of_another_upgrade_does_not_end_this_one_and_a_repeated_one_changes_nothing(
    bench, gate, order, monkeypatch
):
    monkeypatch.setattr("cambus.simulators.gb28181.acting.Acting.upgrade", lambda self, order: None)
    simulator, heard = await device_of(bench, gate)
    await order()
    await simulator.wait_for(lambda: ordered(simulator))
    await simulator.agent.send(simulator.body(UpgradeResult("0" * 64, False, NEW, "02")))
    mine = simulator.body(UpgradeResult(upgrade_run.session_name(gate, "job-1"), False, NEW, "03"))
    await simulator.agent.send(mine)
    assert (await end_of(heard)).reason == "system-error"
    await simulator.agent.send(simulator.body(UpgradeResult(upgrade_run.session_name(gate, "job-1"), True)))
    assert (await info(bench, gate)).state is UpgradeState.FAILED


async def test_one_upgrade_at_a_time_and_the_same_one_is_joined(bench, gate, order, monkeypatch):
    monkeypatch.setattr("cambus.simulators.gb28181.acting.Acting.upgrade", lambda self, order: None)
    simulator, heard = await device_of(bench, gate)
    await order()
    await heard.until("upgrade.progressed", lambda event: event.state is UpgradeState.TRANSFERRING)
    assert (await order()).joined
    with pytest.raises(Conflict):
        await order("job-2")
    with pytest.raises(Conflict) as refused:
        await bench.client.call(
            device_commands.REBOOT, device_commands.DeviceRebootRequest(confirm=True), device=gate
        )
    assert refused.value.reason == "upgrade-under-way"
    reply = await info(bench, gate)
    assert (reply.job, reply.native) == ("job-1", {"Step": "accepted"})
    presence = await bench.shown(gate, lambda presence: presence.state == "upgrading")
    assert presence.online
    url = url_given(simulator)
    await bench.client.call(upgrade.CANCEL, upgrade.UpgradeCancelRequest(job="job-1"), device=gate)
    assert (await end_of(heard)).state == "cancelled"
    async with aiohttp.ClientSession() as http, http.get(url) as response:
        assert response.status == 404  # what was withdrawn is not there any more
    with pytest.raises(NotFound):
        await bench.client.call(upgrade.CANCEL, upgrade.UpgradeCancelRequest(job="job-9"), device=gate)


async def test_what_is_not_as_ordered_is_never_offered(bench, gate, order):
    simulator, heard = await device_of(bench, gate)
    wrong = (
        ({"sha256": "0" * 64}, "digest-mismatch"),
        ({"size_bytes": 7}, "size-mismatch"),
        ({"object": "no/such.bin"}, "no-such-object"),
    )
    for number, (fields, reason) in enumerate(wrong):
        await order(f"job-{number}", **fields)
        event = await end_of(heard, f"job-{number}")
        assert (event.state, event.reason) == ("failed", reason)
    await order("job-9", expected_version=simulator.device.firmware)
    assert (await end_of(heard, "job-9")).state == "skipped"
    assert ordered(simulator) == []


async def test_an_older_device_takes_no_upgrade(bench, gate, order):
    await bench.online(gate, profile="hik_nvr")
    with pytest.raises(Unsupported) as refused:
        await order()
    assert refused.value.reason == "unsupported-version"


@pytest.mark.parametrize(("ending", "told"), [("crash", True), ("crash", False), ("stop", True)])
async def test_after_a_crash_or_a_restart_the_upgrade_is_watched_to_its_end(
    bench, gate, order, monkeypatch, ending, told
):
    async def fetch(self, order):
        await fetch_firmware(order.url)

    monkeypatch.setattr("cambus.simulators.gb28181.acting.Acting._upgrade", fetch)
    simulator, heard = await device_of(bench, gate)
    await order()
    attempts = KeyValue(bench.bus, KV_UPGRADES, UpgradeAttempt)
    async for key, entry in attempts.watch():
        if key == keys.upgrade_job(gate) and entry is not None and entry.value.image_sent:
            break
    before = bench.connectors.pop("replica-1")
    port = before.service.signalling.platform.port
    await getattr(before, ending)()
    await bench.connector(gb28181_port=port)
    while True:
        try:
            reply = await info(bench, gate)
            break
        except CambusError:
            await asyncio.sleep(0.1)  # nobody tells when the commands of a device are answered again
    assert (reply.job, reply.state) == ("job-1", UpgradeState.FLASHING)
    if told:
        session = upgrade_run.session_name(gate, "job-1")
        await simulator.agent.send(simulator.body(UpgradeResult(session, False, NEW, "02")))
        event = await end_of(heard)
        assert (event.state, event.reason, event.image_sent) == ("failed", "bad-package", True)
    else:
        simulator.device.firmware = NEW
        event = await end_of(heard)
        assert (event.state, event.version_after, event.image_sent) == ("succeeded", NEW, True)
    entry = await attempts.get(keys.upgrade_job(gate))
    assert entry.value.state is event.state


async def test_the_address_of_an_image_is_told_to_its_device_alone(bench, gate, order, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    simulator, heard = await device_of(bench, gate, upgrade="02")
    await order()
    event = await end_of(heard)
    token = url_given(simulator).rpartition("/")[2]
    assert len(token) == 32
    shown = [event.model_dump_json(), (await info(bench, gate)).model_dump_json()]
    shown.append(bench.connectors["replica-1"].runtime.metrics.render().decode())
    attempts = await KeyValue(bench.bus, KV_UPGRADES, UpgradeAttempt).items("job.*")
    shown += [entry.value.model_dump_json() for entry in attempts.values()]
    ours = [
        each for each in caplog.records if each.name.startswith(("cambus.connector", "cambus.bus", "aiohttp"))
    ]
    shown += [f"{each.getMessage()} {vars(each)}" for each in ours]
    out, err = capfd.readouterr()
    assert token not in "".join([*shown, out, err])
