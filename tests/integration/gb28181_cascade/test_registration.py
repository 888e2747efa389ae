"""Links register at upper platforms, stay registered, and leave (GB-240, GB-249, GB-250)."""

from cascade_rig import OURS

from cambus.client.kv import KeyValue
from cambus.schemas import keys
from cambus.schemas.assets import KV_POLICIES
from cambus.schemas.state.cascade import CascadeStatus


async def test_a_link_registers_and_leaves_when_it_is_deleted(rig):
    upper = await rig.upper()
    link = await rig.linked(upper)
    await rig.forget(link.id)
    await upper.wait_for(lambda: not upper.registered(OURS))


async def test_how_a_link_is_can_be_read_on_the_bus(rig, eventually):
    upper = await rig.upper()
    link = await rig.linked(upper)
    statuses = KeyValue(rig.bus, KV_POLICIES, CascadeStatus)

    async def told():
        entry = await statuses.get(keys.cascade_status(link.id))
        return entry is not None and entry.value.registered and entry.value.nodes == 1

    await eventually(told)
