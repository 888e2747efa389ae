"""Faults the bus is told of: cameras a keepalive calls faulty, two devices with one code (GB-052, GB-059)."""

from cambus.gb28181.manscdp.presence import FaultyCodes, Keepalive


def has(count):
    return lambda presence: presence.online and len(presence.channels) == count


async def registered_again(simulator, times):
    """Have a device register anew, so that it has so many times."""
    simulator.agent.register_again()
    await simulator.wait_for(lambda: len(simulator.heard("200 REGISTER")) >= times)


async def test_what_a_keepalive_calls_faulty_is_shown_until_it_is_well_again(bench):
    simulator = await bench.online(profile="hik_nvr", channels=2)
    await bench.shown("gate", has(2))
    simulator.tell(Keepalive(ok=True, faulty=FaultyCodes((simulator.channels[1],))))
    presence = await bench.shown("gate", lambda each: has(2)(each) and not each.channels[1].online)
    assert (presence.channels[0].online, presence.channels[1].native["faulty"]) == (True, True)
    simulator.tell(Keepalive(ok=True))
    await bench.shown("gate", lambda each: has(2)(each) and each.channels[1].online)


async def test_two_devices_with_one_code_are_told_of(bench):
    one = await bench.online()
    two = await bench.simulator()
    heard = await bench.heard("gate")
    await two.wait_for(lambda: two.registered)
    for turn in range(2, 5):
        for device in (one, two):
            await registered_again(device, turn)
    event = await heard.until("exception.reported", lambda event: event.code == "duplicate-code")
    assert "two devices" in event.text
