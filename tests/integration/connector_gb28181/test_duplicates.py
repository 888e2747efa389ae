"""Two devices that use one code take turns; somebody is told, and the last that proved itself is commanded (GB-059)."""

from cambus.schemas.commands import ptz


async def registered_again(simulator, times):
    """Have a device register anew, so that it has so many times."""
    simulator.agent.register_again()
    await simulator.wait_for(lambda: len(simulator.heard("200 REGISTER")) >= times)


async def test_two_devices_with_one_code_are_told_of_and_the_last_one_is_commanded(bench, gate):
    one = await bench.online(gate)
    two = await bench.simulator()
    heard = await bench.heard(gate)
    await two.wait_for(lambda: two.registered)
    for times in range(2, 5):
        for device in (one, two):
            await registered_again(device, times)
    event = await heard.until("exception.reported", lambda event: event.code == "duplicate-id")
    assert "two devices" in event.text
    commanded = [len(each.heard("DeviceControl")) for each in (one, two)]
    await bench.client.call(ptz.STOP, ptz.PtzChannelRequest(channel=0), device=gate)
    assert [len(each.heard("DeviceControl")) for each in (one, two)] == [commanded[0], commanded[1] + 1]
