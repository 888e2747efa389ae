"""Settings by leaf, root, index and field, and the channel numbers of devices that count from 1."""

import pytest

from cambus.dvrip.messages.ptz import Move
from cambus.dvrip.profile import Profile


async def roots_apart(client, *names):
    return {name: await client.config.get(name) for name in names}


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("General", ("General", "MachineName")),
        ("General.General", ("MachineName",)),
        ("General.General.MachineName", ()),
        ("Detect.MotionDetect.[1]", ("Level",)),
        ("Detect.MotionDetect.[1].Level", ()),
        ("Detect.MotionDetect", (1, "Level")),
    ],
)
async def test_a_value_is_written_by_root_leaf_index_and_field(recorder, dial, name, path):
    client = await dial(recorder)
    before = await roots_apart(client, "General", "Detect", "NetWork")
    value = await client.config.get(name)
    new = 5 if name.startswith("Detect") else "written"
    if path:
        inner = value
        for step in path[:-1]:
            inner = inner[step]
        inner[path[-1]] = new
    else:
        value = new
    written = await client.config.set(name, value)
    assert (written.code, written.restart_needed) == (100, False)
    assert await client.config.get(name) == value
    after = await roots_apart(client, "General", "Detect", "NetWork")
    place = ("Detect", "MotionDetect", 1, "Level") if new == 5 else ("General", "General", "MachineName")
    expected = before
    for step in place[:-1]:
        expected = expected[step]
    expected[place[-1]] = new
    assert after == before  # which differs from what it was in that one place


@pytest.mark.parametrize(
    "name", ["General", "General.General", "Detect.MotionDetect.[0]", "General.General.MachineName"]
)
async def test_a_default_is_read_by_root_leaf_index_and_field_and_written_back(recorder, dial, name):
    client = await dial(recorder)
    default = await client.config.default(name)
    assert default == await client.config.get(name)
    recorder.device.config.set("General.General.MachineName", "changed")
    recorder.device.config.set("Detect.MotionDetect.[0].Level", 6)
    assert await client.config.get(name) != default == await client.config.default(name)
    await client.config.reset(name, confirm=True)
    assert await client.config.get(name) == default


@pytest.mark.parametrize(("length", "count"), [(16_000, 0), (40_000, 3), (1_000_000, 62)])
async def test_a_long_value_leaves_in_parts_and_is_whole_at_the_device(recorder, dial, parts, length, count):
    client = await dial(recorder)
    text = "".join(chr(ord("a") + at % 23) for at in range(length))
    await client.config.set("General.PwdSafety", {"Note": text})
    assert recorder.device.config.get("General.PwdSafety.Note") == text
    assert parts[1040] == count
    assert await client.config.get("General.PwdSafety.Note") == text


@pytest.mark.parametrize("base", [0, 1])
async def test_a_device_that_counts_channels_from_one_is_asked_so_in_every_operation(
    recorder, dial, base, monkeypatch
):
    """The second camera of ours is number 1 or 2 of theirs; the recorder is made to count as the profile says."""
    asked = []
    handle = recorder.role._handle

    def translated(request):
        for section in request.body.values() if request.payload[:1] == b"{" else ():
            if isinstance(section, dict):
                for place in (section, section.get("Parameter")):
                    if isinstance(place, dict) and "Channel" in place:
                        asked.append((request.message_id, place["Channel"]))
                        place["Channel"] -= base
        handle(request)

    monkeypatch.setattr(recorder.role, "_handle", translated)
    client = await dial(recorder, Profile(channel_base=base))
    live = await client.open_live(1, "Extra1")
    frame = await anext(live)
    assert (frame.width, frame.height) == (160, 128)
    client.force_key_frame(1, "Extra1")
    await live.stop()
    await client.ptz.start(1, Move.RIGHT)
    await client.ptz.stop(1, Move.RIGHT)
    await client.ptz.set_preset(1, 3)
    assert recorder.head(1).presets
    assert not recorder.head(0).history
    assert (await client.snapshot(1)).startswith(b"\xff\xd8")
    record = recorder.device.recordings(1, 0, "h264")[0]
    playback = await client.open_playback(1, record.file_name, download=True)
    await anext(playback)
    await playback.close()
    assert {channel for _, channel in asked} == {1 + base}
    assert {1410, 1413, 1562, 1400, 1560, 1420, 1424} == {message_id for message_id, _ in asked}
