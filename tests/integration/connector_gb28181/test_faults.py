"""Devices that say that something of them is broken, and devices that go in the middle of things."""

import asyncio

import pytest

from cambus.gb28181.manscdp.presence import FaultyCodes, Keepalive
from cambus.media.frame import Flag
from cambus.schemas.alarms import Severity
from cambus.schemas.commands import device as commands
from cambus.schemas.errors import CambusError
from cambus.schemas.model import Empty
from cambus.simulators.gb28181.quirks import Quirks


def states(*online):
    return lambda presence: [each.online for each in presence.channels] == list(online)


async def test_channels_a_keepalive_names_are_shown_as_broken_until_it_names_them_no_more(bench, gate):
    simulator = await bench.online(gate, profile="hik_nvr", channels=3)
    await bench.shown(gate, states(True, True, True))
    heard = await bench.heard(gate)
    broken = simulator.channels[1]
    simulator.tell(Keepalive(ok=True, faulty=FaultyCodes((broken,))))
    event = await heard.until("channel.changed", lambda event: event.change == "offline")
    assert (event.channel, event.info.native["faulty"]) == (1, True)
    await bench.shown(gate, states(True, False, True))
    report = await (await bench.heard(gate)).until("exception.reported")
    assert (report.code, report.severity, report.detail["codes"]) == (
        "device-report",
        Severity.MAJOR,
        [broken],
    )
    simulator.tell(Keepalive(ok=True))
    await heard.until("channel.changed", lambda event: event.change == "online")
    presence = await bench.shown(gate, states(True, True, True))
    assert "faulty" not in presence.channels[1].native


async def test_a_keepalive_that_says_error_is_told_once(bench, gate):
    simulator = await bench.online(gate, profile="hik_nvr")
    heard = await bench.heard(gate)
    simulator.tell(Keepalive(ok=False))
    report = await heard.until("exception.reported")
    assert report.code == "device-report"
    simulator.tell(Keepalive(ok=False))
    simulator.tell(Keepalive(ok=True))
    simulator.tell(Keepalive(ok=False, faulty=FaultyCodes((simulator.channels[0],))))
    report = await heard.until("exception.reported")
    assert report.detail["codes"] == [simulator.channels[0]]  # not the repeat
    await bench.shown(gate, states(False))


async def test_a_fault_of_a_camera_that_has_told_no_catalog_makes_no_channel(bench, gate):
    await bench.connector()
    await bench.add(gate)
    simulator = await bench.simulator(quirks=Quirks(drop={"Catalog"}))
    await bench.shown(gate)
    simulator.tell(Keepalive(ok=True, faulty=FaultyCodes((simulator.code,))))
    await (await bench.heard(gate)).until("exception.reported")
    assert not bench.session(gate).channels.channels


async def test_a_device_that_goes_ends_its_streams_and_the_commands_that_wait_for_it(bench, gate):
    simulator = await bench.online(gate)
    watched = await bench.view(gate)
    before = len(await watched.until(lambda frames: frames))
    media = bench.session(gate).media
    (session,) = media.of(simulator.code)
    heard = await bench.heard(gate)
    simulator.quirks.drop = {"DeviceInfo"}
    asked = len(simulator.heard("DeviceInfo"))
    waiting = asyncio.create_task(bench.client.call(commands.INFO, Empty(), device=gate))
    await simulator.wait_for(lambda: len(simulator.heard("DeviceInfo")) > asked)
    await simulator.restart(unregister=True)
    with pytest.raises(CambusError) as error:
        await waiting
    assert (error.value.code, error.value.reason) == (503, "device-offline")
    await heard.until("device.offline")
    assert session not in media.of(simulator.code)
    await watched.until(lambda frames: any(Flag.DISCONTINUITY in frame.flags for frame in frames[before:]))
