"""A recorder from its record to its presence, and the questions one can ask it."""

from cambus.schemas.commands import device as device_commands
from cambus.schemas.model import Empty


async def test_a_recorder_comes_online_and_says_what_it_is(bench, simulator, device):
    presence = await bench.online(device, simulator)
    assert (presence.vendor, presence.serial) == ("Xiongmai", simulator.device.identity.serial)
    assert presence.software_version == simulator.firmware
    assert [channel.channel for channel in presence.channels] == [0, 1]
    assert presence.channels[0].streams == ["main", "sub"]
    assert presence.connection == "dialled"


async def test_info_is_answered_over_the_bus(bench, simulator, device):
    await bench.online(device, simulator)
    reply = await bench.client.call(device_commands.INFO, Empty(), device=device)
    assert reply.serial == simulator.device.identity.serial
    assert reply.channels_total == 2
