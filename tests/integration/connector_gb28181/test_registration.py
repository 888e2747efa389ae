"""Devices come, go and come back, as the bus sees it."""

from cambus.schemas.commands import device as commands
from cambus.schemas.model import Empty


def has_channels(count):
    return lambda presence: presence.online and len(presence.channels) == count


async def test_a_device_that_registers_is_online_and_shows_its_channels(bench, gate):
    await bench.online(gate, channels=2, profile="hik_nvr")
    presence = await bench.shown(gate, has_channels(2))
    assert presence.connection == "registered"
    assert [channel.channel for channel in presence.channels] == [0, 1]
    reply = await bench.client.call(commands.INFO, Empty(), device=gate)
    assert reply.vendor
    assert reply.channels_total == 2


async def test_a_wrong_password_is_told_and_shown(bench, gate):
    await bench.connector()
    await bench.add(gate)
    heard = await bench.heard(gate)
    await bench.simulator(password="another password")
    event = await heard.until("device.auth-failed")
    assert event.reason == "wrong-password"
    presence = await bench.shown(gate, lambda presence: presence.last_error is not None)
    assert not presence.online


async def test_who_signs_off_is_offline_and_who_registers_anew_is_online(bench, gate):
    simulator = await bench.online(gate)
    heard = await bench.heard(gate)
    await heard.until("device.online")
    await simulator.restart(unregister=True)
    assert (await heard.until("device.offline")).reason == "forced-logout"
    await heard.until("device.online")


async def test_after_a_restart_registered_devices_answer_without_registering(bench, gate):
    simulator = await bench.online(gate, channels=2, profile="hik_nvr")
    await bench.shown(gate, has_channels(2))
    before = len(simulator.said("REGISTER"))
    port = bench.connectors["replica-1"].service.signalling.platform.port
    await bench.connectors["replica-1"].stop()
    await bench.shown(gate, lambda presence: not presence.online)
    await bench.connector(gb28181_port=port)
    presence = await bench.shown(gate, has_channels(2))
    assert [channel.channel for channel in presence.channels] == [0, 1]
    await bench.client.call(commands.INFO, Empty(), device=gate)
    assert len(simulator.said("REGISTER")) == before
