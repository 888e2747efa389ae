"""The configuration of a device is read and written, whatever form its answers take."""

import pytest
from scripted_settings import MOTION

from cambus.dvrip.errors import DeviceError, Refused, Unsupported


@pytest.mark.parametrize(
    "name", ["NetWork", "NetWork.NetCommon", "NetWork.NetCommon.HostName", "Detect.MotionDetect.[0]"]
)
async def test_configuration_is_read_by_root_leaf_field_and_element(settings, client, name):
    assert await client.config.get(name) == settings.tree[name]
    assert await client.config.default(name) == settings.tree[name]


async def test_a_reply_under_the_last_part_of_the_name_is_read(scripted, client):
    scripted.on[1042] = lambda message: message.reply({"Comm": [1]})
    assert await client.config.get("Uart.Comm") == [1]


async def test_a_denied_leaf_is_taken_from_its_root(scripted, settings, client):
    settings.denied = {"Detect.MotionDetect", "Detect.MotionDetect.[1]"}
    assert await client.config.get("Detect.MotionDetect") == MOTION
    assert await client.config.get("Detect.MotionDetect.[1]") == MOTION[1]
    names = [message.body["Name"] for message in scripted.messages(1042)]
    assert names == ["Detect.MotionDetect", "Detect", "Detect.MotionDetect.[1]", "Detect"]


async def test_a_silent_root_is_read_element_by_element_and_the_session_lives(
    scripted, settings, make_client
):
    settings.denied = {"Detect.MotionDetect"}
    settings.silent = {"Detect"}
    client = make_client(config_root=0.1)
    await client.connect()
    assert await client.config.get("Detect.MotionDetect") == MOTION
    assert client.is_online
    # The late answer of the root is not taken for another name's.
    settings.tree["Detect.Late"] = 1
    get = scripted.on[1042]

    def late(message):
        settings.held[0].reply({"Detect": "late"})
        get(message)

    scripted.on[1042] = late
    assert await client.config.get("Detect.Late") == 1


async def test_what_is_nowhere_is_unsupported(settings, client):
    with pytest.raises(Unsupported):
        await client.config.get("NetWork.Nothing")
    with pytest.raises(Unsupported):
        await client.config.get("Nothing")


async def test_a_merge_changes_only_what_it_names(settings, client):
    written = await client.config.merge("Detect.MotionDetect.[0]", {"EventHandler": {"BeepEnable": True}})
    assert settings.written == [
        (
            "Detect.MotionDetect.[0]",
            {"Enable": False, "Level": 3, "EventHandler": {"BeepEnable": True, "Vendor9": "0x00FF"}},
        )
    ]
    assert (written.code, written.restart_needed) == (100, False)


async def test_encode_settings_change_only_the_given_fields(settings, client):
    video = {"Compression": "H.265", "BitRate": 4096, "FPS": 25, "Strange": {"x": 1}}
    settings.tree["Simplify.Encode.[2]"] = {
        "MainFormat": {"AudioEnable": True, "Video": video},
        "ExtraFormat": {"y": 2},
    }
    await client.config.merge("Simplify.Encode.[2]", {"MainFormat": {"Video": {"BitRate": 2048}}})
    ((_, value),) = settings.written
    assert value == {
        "MainFormat": {"AudioEnable": True, "Video": {**video, "BitRate": 2048}},
        "ExtraFormat": {"y": 2},
    }


@pytest.mark.parametrize(("code", "restart"), [(100, False), (150, True), (602, True), (603, True)])
async def test_success_codes_of_a_write_tell_whether_a_restart_is_needed(settings, client, code, restart):
    settings.set_code = code
    written = await client.config.set("NetWork.NetCommon.HostName", "door")
    assert (written.code, written.restart_needed) == (code, restart)


async def test_a_refused_write_is_an_error(settings, client):
    settings.set_code = 604
    with pytest.raises(DeviceError) as caught:
        await client.config.set("NetWork.NetCommon.HostName", "door")
    assert caught.value.code == 604


async def test_reset_needs_a_confirmation(scripted, settings, client):
    with pytest.raises(Refused) as caught:
        await client.config.reset("NetWork.NetCommon")
    assert caught.value.reason == "confirm_required"
    assert scripted.messages(1044) == []
    await client.config.reset("NetWork.NetCommon", confirm=True)
    assert settings.written == [("NetWork.NetCommon", settings.tree["NetWork.NetCommon"])]


async def test_channel_titles_are_written_whole(scripted, client):
    titles = ["CAM01", "前门", "", "x"]
    scripted.on[1048] = lambda message: message.reply({"ChannelTitle": titles})
    assert await client.config.channel_titles() == titles
    await client.config.set_channel_titles([*titles[:3], "new"])
    assert (await scripted.hears(1046)).body["ChannelTitle"] == ["CAM01", "前门", "", "new"]


async def test_replies_in_150_byte_parts_are_read(scripted, settings, client):
    from cambus.dvrip.payload import encode_body
    from cambus.dvrip.wire import fragment

    value = {"HostName": "n" * 2000}

    def parts(message):
        body = encode_body({"Name": message.body["Name"], "NetWork.NetCommon": value, "Ret": 100})
        for part in fragment(1043, body, session_id=0x57, sequence=9, version=1, size=150):
            message.peer.send_raw(part)

    scripted.on[1042] = parts
    assert await client.config.get("NetWork.NetCommon") == value
