"""A movement nobody gave an end to ends after half a minute all the same (GB-088)."""

from gb28181_bodies import ptz_codes

from cambus.schemas.commands import ptz


async def test_a_movement_without_a_duration_is_stopped_after_the_longest_there_is(bench, gate, monkeypatch):
    assert ptz.MAX_MOVE_S == 30.0
    monkeypatch.setattr(ptz, "MAX_MOVE_S", 0.1)
    simulator = await bench.online(gate, profile="dahua_ipc")
    await bench.client.call(ptz.MOVE, ptz.PtzMoveRequest(channel=0, pan=0.5), device=gate)
    await simulator.wait_for(lambda: ptz_codes(simulator) == [1, 0])
    assert not simulator.head().moving
