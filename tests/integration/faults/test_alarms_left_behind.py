"""Alarms that were on when their connector was killed: the next owner ends each once, or goes on with it.

Processes, as in production: the connector is killed by SIGKILL, another one of another name takes the device over.
"""

import signal

import pytest
from accounting_rig import world
from connector_bench import Heard
from connector_process import launcher

from cambus.bus.testing import NatsServer
from cambus.client.kv import KeyValue
from cambus.schemas import assets, keys
from cambus.schemas.commands import alarm
from cambus.schemas.state.alarms import ActiveAlarm
from cambus.schemas.state.devices import DeviceRecord
from cambus.schemas.state.presence import Presence

HOLD_S = 2.0


class Dvrip:
    """A recorder: it tells when an alarm ends."""

    module, device, world = "cambus.connector_dvrip", "recorder-0", {"dvrip": 1, "gb28181": 0}
    cause = "ended"

    def __init__(self, made):
        self.simulator = made.dvrip[0].simulator

    async def tells(self, event):
        await self.simulator.wait_for(lambda: any(each.guarded for each in self.simulator.sessions))
        self.simulator.raise_alarm(event, 0)

    async def ends(self, event, _made):
        self.simulator.raise_alarm(event, 0, "Stop")


class Gb28181:
    """A camera: its alarms end when they are reset, or are not told again."""

    module, device, world = "cambus.connector_gb28181", "camera-0", {"dvrip": 0, "gb28181": 1}
    cause = "reset"

    def __init__(self, made):
        self.simulator = made.gb28181[0].simulator

    async def tells(self, event):
        self.simulator.raise_alarm(type_={"motion": 2, "tamper": 13}[event])

    async def ends(self, _event, made):
        await made.router.client.call(alarm.RESET, alarm.AlarmResetRequest(), device=self.device)


async def found(bucket, condition):
    """Wait until a bucket has an entry that is as wanted, and return its value."""
    async for _, entry in bucket.watch():
        if entry is not None and condition(entry.value):
            return entry.value
    raise AssertionError


async def owned_by(made, device, replica):
    def is_there(presence):
        return (presence.device, presence.online, presence.replica) == (device, True, replica)

    return await found(KeyValue(made.bus, assets.KV_PRESENCE, Presence), is_there)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", [Dvrip, Gb28181], ids=["dvrip", "gb28181"])
async def test_alarms_of_a_killed_connector_end_once_or_go_on_with_the_next_owner(tmp_path, kind):
    async with (
        NatsServer() as nats,
        world(nats, tmp_path, 0, **kind.world, pause_s=0, lease_ttl_s=4) as made,
        launcher(kind.module, made, tmp_path) as launch,
        made.router.in_process(),
        Heard(made.bus, kind.device) as heard,
    ):
        await made.begin(made.stack)
        device, protocol = kind(made), kind.module.rpartition("_")[2]
        records = KeyValue(made.bus, assets.KV_DEVICES, DeviceRecord)
        record = (await records.get(kind.device)).value
        options = record.options | {"alarm_hold_s": 3600}  # who is killed would not have ended them
        await records.put(kind.device, record.model_copy(update={"options": options}))

        def starts(name):
            start = made.launching(launch, name, alarm_left_behind_s=HOLD_S)
            return start()

        first = await starts(f"connector-{protocol}-1")
        await owned_by(made, kind.device, f"connector-{protocol}-1")
        begun = {}
        for event in ("motion", "tamper"):
            await device.tells(event)
            begun[event] = await heard.until("alarm.raised", lambda raised, event=event: raised.type == event)
        stored = KeyValue(made.bus, assets.KV_ALARMS, ActiveAlarm)
        for raised in begun.values():  # the router has heard of them
            await found(stored, lambda active, raised=raised: active.raised.id == raised.id)
        assert await first.end(signal.SIGKILL) == -signal.SIGKILL

        await starts(f"connector-{protocol}-2")
        await owned_by(made, kind.device, f"connector-{protocol}-2")
        await device.tells("motion")  # that is on still
        again = await heard.until("alarm.raised")
        assert again.key == begun["motion"].key

        over = await heard.until("alarm.cleared")
        assert (over.key, over.raised, over.cause) == (begun["tamper"].key, begun["tamper"].id, "timeout")
        while await stored.get(keys.active_alarm(kind.device, over.key)) is not None:
            await anext(aiter(stored.watch()))

        # for as long again as it took to end that one, neither is touched: only what is left behind now
        later = begun["tamper"].model_copy(update={"key": "other:0:later"})
        await stored.put(
            keys.active_alarm(kind.device, later.key), ActiveAlarm(raised=later, last_at=later.at)
        )
        ends = [over]
        while ends[-1].key != later.key:
            ends.append(await heard.until("alarm.cleared"))
        assert {(each.key, each.id) for each in ends[:-1]} == {(over.key, over.id)}

        await device.ends("motion", made)
        ended = await heard.until("alarm.cleared", lambda cleared: cleared.key == again.key)
        assert (ended.raised, ended.cause) == (again.id, kind.cause)
