"""Settings asked for and set: a block in each message, some under another name, some never sent (GB-220 to GB-223)."""

import pytest

from cambus.gb28181.errors import OutOfRange, Refused, Unconfirmed
from cambus.gb28181.manscdp import config
from cambus.gb28181.versions import Version
from cambus.gb28181.xml import Element

BLOCKS = {
    "BasicParam": {"Name": "gate", "Expiration": "3600", "HeartBeatInterval": "45", "HeartBeatCount": "4"},
    "VideoParamOpt": {"DownloadSpeed": "1/2/4", "Resolution": "5/6"},
    "SVACEncodeConfig": {
        "ROIParam": {
            "ROIFlag": "1",
            "ROINumber": "1",
            "Item": {"ROISeq": "1", "TopLeft": "2", "BottomRight": "9", "ROIQP": "3"},
        },
        "AudioParam": {"AudioRecognitionFlag": "0"},
    },
    "SVACDecodeConfig": {"SVCParam": {"SVCSTMMode": "2", "SVCSpaceSupportMode": "1"}},
}


def sends(rig, blocks, *, gap_s=0.1, **more):
    def answer(asked):
        for at, (name, tree) in enumerate(blocks):
            made = config.element_of(name, tree) if isinstance(tree, dict) else Element(name, tree)
            rig.answers(asked, [Element("Result", "OK"), made], after_s=0.02 + at * gap_s, **more)

    rig.line.on_send = answer


async def test_blocks_come_in_any_order_and_twice(rig):
    sends(rig, [*reversed(BLOCKS.items()), ("SVACDecodeConfig", BLOCKS["SVACDecodeConfig"])])
    found = await rig.device.config(list(BLOCKS))
    assert {each.block: each.values() for each in found} == BLOCKS
    assert (
        rig.line.sent[0].element.get("ConfigType")
        == "BasicParam/VideoParamOpt/SVACEncodeConfig/SVACDecodeConfig"
    )


async def test_a_block_twice_is_not_taken_for_one_that_is_missing(rig):
    first = ("BasicParam", BLOCKS["BasicParam"])
    sends(rig, [first, first, ("VideoParamOpt", BLOCKS["VideoParamOpt"])])
    found = await rig.device.config(["BasicParam", "VideoParamOpt"])
    assert [each.block for each in found] == ["BasicParam", "VideoParamOpt"]


async def test_a_block_that_never_comes_costs_only_itself(rig, loop):
    sends(rig, [("VideoParamOpt", BLOCKS["VideoParamOpt"])])
    before = loop.time()
    found = await rig.device.config(["BasicParam", "VideoParamOpt"])
    assert [each.block for each in found] == ["VideoParamOpt"]
    assert loop.time() - before == pytest.approx(5.0, abs=0.1)


async def test_no_block_at_all_is_unconfirmed(rig):
    with pytest.raises(Unconfirmed):
        await rig.device.config(["BasicParam"])


async def test_a_block_under_another_name_is_kept_as_it_is(rig):
    sends(rig, [("DeviceParam", {"Odd": "1"})])
    (found,) = await rig.device.config(["BasicParam"])
    assert (found.block, found.values()) == ("DeviceParam", {"Odd": "1"})


async def test_snapshot_has_two_names(rig):
    rig.line.version = Version.GB2022
    sends(rig, [("SnapShot", {"SnapNum": "2"})])
    (found,) = await rig.device.config(["SnapShotConfig"])
    assert (found.block, found.values()) == ("SnapShotConfig", {"SnapNum": "2"})


async def test_the_heartbeat_of_a_device_is_learnt_from_its_settings(rig):
    sends(rig, [("BasicParam", BLOCKS["BasicParam"])])
    await rig.device.config(["BasicParam"])
    assert rig.line.beaten == [(45, 4)]


async def test_the_heartbeat_of_a_device_is_what_it_was_set_to(rig):
    rig.line.on_send = lambda asked: rig.answers(asked, [Element("Result", "OK")])
    await rig.device.configure(config.element_of("BasicParam", {"HeartBeatInterval": "90"}))
    await rig.device.configure(config.element_of("BasicParam", {"Name": "gate"}))
    of_channel = config.element_of("BasicParam", {"HeartBeatInterval": "30"})
    await rig.device.configure(of_channel, "34020000001310000001")  # which sends no keepalives
    assert rig.line.beaten == [(90, None)]


async def test_what_a_device_does_not_take_changes_no_heartbeat(rig):
    rig.line.on_send = lambda asked: rig.answers(asked, [Element("Result", "ERROR")])
    with pytest.raises(Refused):
        await rig.device.configure(config.element_of("BasicParam", {"HeartBeatInterval": "90"}))
    assert rig.line.beaten == []


async def test_what_no_device_takes_is_not_sent(rig):
    with pytest.raises(OutOfRange, match="HeartBeatInterval"):
        await rig.device.configure(config.element_of("BasicParam", {"HeartBeatInterval": "4"}))
    assert not rig.line.sent
