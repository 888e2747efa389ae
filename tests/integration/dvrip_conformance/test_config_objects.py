"""The typed objects against a recorder: read, change, write; and what is out of range never leaves."""

from dataclasses import replace

import pytest

from cambus.dvrip.errors import Refused, Unsupported
from cambus.dvrip.objects.catalog import MODELS, problems


@pytest.mark.parametrize("name", sorted(MODELS))
async def test_every_object_of_a_recorder_is_read_and_written_as_it_came(recorder, dial, name):
    client = await dial(recorder)
    try:
        before = await client.config.get(name)
    except Unsupported:
        assert recorder.device.config.find(name) is None
        return
    assert list(problems(name, before)) == []
    await client.config.write(name, await client.config.read(name))
    assert await client.config.get(name) == before


async def test_events_are_switched_to_clients_or_the_centre_without_losing_anything(recorder, dial):
    client = await dial(recorder)
    name = "Detect.MotionDetect"
    before = await client.config.get(name)
    channels = await client.config.read(name)
    for index, motion in enumerate(channels):
        channels[index] = replace(motion, handler=replace(motion.handler, to_sessions=False, to_centre=True))
    await client.config.write(name, channels)
    expected = [
        {**each, "EventHandler": {**each["EventHandler"], "MsgtoNetEnable": False, "MessageEnable": True}}
        for each in before
    ]
    assert await client.config.get(name) == expected
    await client.alarms.guard()
    with client.events() as events:
        recorder.raise_alarm("motion", 0)
        recorder.raise_alarm("video_loss", 0)
        assert (await anext(events)).report.event == "video_loss"  # motion goes to the centre only


async def test_out_of_range_is_refused_before_it_is_sent_and_can_be_sent_all_the_same(recorder, dial):
    client = await dial(recorder)
    name = "Detect.MotionDetect.[0]"
    before = await client.config.get(name)
    for attempt in (
        lambda: client.config.set(name, {"Level": 9}),
        lambda: client.config.merge(name, {"Level": 9}),
        lambda: client.config.edit(name, lambda value: {**value, "Level": 9}),
        lambda: client.config.write(name, client_level(before, 9)),
    ):
        with pytest.raises(Refused, match=r"Detect\.MotionDetect\.\[0\]\.Level: 9"):
            await attempt()
    assert await client.config.get(name) == before
    await client.config.merge(name, {"Level": 9}, checked=False)
    assert await client.config.get(name) == {**before, "Level": 9}
    await client.config.merge(name, {"Enable": False})  # what is odd already does not stand in the way
    assert await client.config.get(name) == {**before, "Level": 9, "Enable": False}


def client_level(value, level):
    return replace(MODELS["Detect.MotionDetect"].parse(value), level=level)
