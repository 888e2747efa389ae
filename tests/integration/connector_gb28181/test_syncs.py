"""Devices that come all together are asked what they are a few at a time, and none is forgotten (GB-263)."""

from gb28181_rig import DEVICE

from cambus.simulators.gb28181.quirks import Quirks
from cambus.simulators.gb28181.storm import numbered

COUNT, LIMIT, SLOW_S = 9, 2, 0.2


def asked(simulator):
    """From when to when a device was asked: its first question to the end of its catalog, which is late."""
    begun = next(
        each.at for each in simulator.messages if (each.direction, each.name) == ("in", "DeviceInfo")
    )
    told = [each.at for each in simulator.messages if (each.direction, each.name) == ("out", "Catalog")]
    return begun, told[-1] + SLOW_S


async def test_no_more_are_asked_at_a_time_than_allowed_and_each_in_the_end(bench):
    await bench.connector(gb28181_syncs=LIMIT)
    codes = {f"gate-{number}": numbered(DEVICE, number) for number in range(COUNT)}
    for device, code in codes.items():
        await bench.add(device, code)
    simulators = [
        await bench.simulator(code, quirks=Quirks(delay_s={"Catalog": SLOW_S})) for code in codes.values()
    ]
    for device in codes:
        await bench.shown(device, lambda presence: presence.online and presence.channels)
    spans = [asked(simulator) for simulator in simulators]
    together = [sum(begun <= at < over for begun, over in spans) for at, _ in spans]
    assert max(together) == LIMIT
    assert all(len(simulator.heard("Catalog")) == 1 for simulator in simulators)


async def test_how_much_is_let_in_at_a_time_can_be_set(bench):
    made = await bench.connector(
        gb28181_registers_per_s=7, gb28181_requests_per_s=3, gb28181_connections_per_address=5
    )
    set_ = made.service.signalling.platform.settings.admission
    assert (set_.registers_per_s, set_.others_per_s, set_.connections_per_source) == (7, 3, 5)
