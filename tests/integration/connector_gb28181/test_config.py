"""Settings of a device over the bus, block by block (GB-220 to GB-223)."""

import pytest
from gb28181_bodies import controls, elements, text_of

from cambus.gb28181.times import Times
from cambus.schemas.commands import config
from cambus.schemas.errors import BadRequest, CambusError, DeviceRefused, Unsupported
from cambus.simulators.gb28181.quirks import Quirks

BLOCKS_2022 = [
    ("VideoParamAttribute", {"Item": [{"StreamNumber": 0, "VideoFormat": 5, "FrameRate": 20}]}),
    ("VideoRecordPlan", {"RecordEnable": False}),
    ("VideoAlarmRecord", {"RecordTime": 60}),
    ("PictureMask", {"On": 1, "SumNum": 9, "RegionList": {"Item": [{"Seq": 1, "Point": "0,0,9,9"}]}}),
    ("FrameMirror", 3),
    ("AlarmReport", {"FieldDetection": 1}),
    ("OSDConfig", {"TimeX": 50}),
]


async def test_a_block_is_read_changed_and_read_back(bench, call):
    simulator = await bench.online(profile="hik_nvr")
    before = (await call(config.GET, name="BasicParam")).value
    assert (before["HeartBeatInterval"], before["HeartBeatCount"]) == ("60", "3")
    after = await call(config.SET, name="basicparam", value={"heartbeatinterval": 30})
    assert after.value == {**before, "HeartBeatInterval": "30"}
    (order,) = controls(simulator, "DeviceConfig")
    names = elements(text_of(simulator.heard("DeviceConfig")[0]))
    assert names[4:] == ["BasicParam", "Name", "Expiration", "HeartBeatInterval", "HeartBeatCount"]
    assert order.code == simulator.code


async def test_what_a_device_is_told_of_its_heartbeat_is_what_it_is_expected_to_do(bench, call):
    simulator = await bench.online(profile="hik_nvr")
    registrar = bench.connectors["replica-1"].service.signalling.platform.registrar
    heard = []
    configure = registrar.configure
    registrar.configure = lambda *given: (heard.append(given), configure(*given))
    await call(config.SET, name="BasicParam", value={"HeartBeatInterval": 5, "HeartBeatCount": 2})
    assert (simulator.code, 5, 2) in heard
    await call(config.GET, name="BasicParam")
    assert heard[-1] == (simulator.code, 5, 2)


async def test_a_channel_has_settings_of_its_own(bench, call):
    simulator = await bench.online(profile="std_2022")
    await bench.listed()
    await call(config.SET, name="FrameMirror", channel=0, value="2")
    assert (await call(config.GET, name="FrameMirror", channel=0)).value == "2"
    assert (await call(config.GET, name="FrameMirror")).value == "0"
    assert controls(simulator, "DeviceConfig")[0].code == simulator.channels[0]


@pytest.mark.parametrize(("name", "value"), BLOCKS_2022)
async def test_blocks_of_2022_are_written_in_the_order_of_the_standard_with_what_was_there(
    bench, call, name, value
):
    simulator = await bench.online(profile="std_2022")
    await bench.listed()
    before = (await call(config.GET, name=name)).value
    after = (await call(config.SET, name=name, value=value)).value
    assert after != before
    if isinstance(value, dict):
        assert {key: after[key] for key in before if key not in {*value, "SumNum"}} == {
            key: before[key] for key in before if key not in {*value, "SumNum"}
        }
    if name == "PictureMask":
        text = text_of(simulator.heard("DeviceConfig")[0])
        assert '<RegionList Num="1">' in text
        assert "<SumNum>1</SumNum>" in text


async def test_blocks_of_2022_are_neither_read_nor_written_on_an_older_device(bench, call):
    simulator = await bench.online(profile="hik_nvr")
    for name, value in BLOCKS_2022:
        for spec, fields in ((config.GET, {}), (config.SET, {"value": value, "merge": False})):
            with pytest.raises(Unsupported) as refused:
                await call(spec, name=name, **fields)
            assert refused.value.reason == "unsupported-version"
    assert not simulator.heard("ConfigDownload")
    assert not simulator.heard("DeviceConfig")


async def test_values_out_of_range_are_not_sent_unless_that_is_wanted(bench, call):
    simulator = await bench.online(profile="std_2022")
    with pytest.raises(BadRequest, match=r"BasicParam.HeartBeatCount"):
        await call(config.SET, name="BasicParam", value={"HeartBeatCount": 11})
    assert not simulator.heard("DeviceConfig")
    reply = await call(config.SET, name="BasicParam", value={"HeartBeatCount": 11}, unchecked=True)
    assert reply.value["HeartBeatCount"] == "11"


async def test_several_blocks_come_in_one_answer_each_and_a_missing_one_is_null_alone(
    bench, call, monkeypatch
):
    simulator = await bench.online(profile="std_2022", quirks=Quirks(config_missing={"VideoParamOpt"}))
    monkeypatch.setattr(bench.session("gate").remote, "_times", Times(config_gap_s=3.0))
    reply = await call(config.GET, name="BasicParam/VideoParamOpt/SVACEncodeConfig/SVACDecodeConfig")
    assert reply.value["VideoParamOpt"] is None
    assert reply.value["BasicParam"]["HeartBeatInterval"] == "60"
    assert reply.value["SVACEncodeConfig"]["ROIParam"]["ROIFlag"] == "0"
    assert reply.value["SVACDecodeConfig"]["SVCParam"]["SVCSTMMode"] == "0"
    assert len(simulator.heard("ConfigDownload")) == 1


async def test_what_a_device_can_is_read_and_not_written(bench, call):
    await bench.online(profile="hik_nvr")
    assert (await call(config.GET, name="VideoParamOpt")).value["DownloadSpeed"] == "1/2/4/8"
    with pytest.raises(DeviceRefused):
        await call(config.SET, name="VideoParamOpt", value={"DownloadSpeed": "64"})


async def test_a_block_under_another_name_is_taken_by_its_place(bench, call):
    await bench.online(profile="std_2022", quirks=Quirks(config_misnamed=True))
    assert (await call(config.GET, name="BasicParam")).value["HeartBeatInterval"] == "60"
    several = (await call(config.GET, name="BasicParam/OSDConfig")).value
    assert several["BasicParam"] is None
    assert several["OwnBasicParam"]["HeartBeatInterval"] == "60"
    assert several["OwnOSDConfig"]["TimeX"] == "10"


async def test_a_block_nobody_knows_is_the_devices_affair(bench, call):
    simulator = await bench.online(profile="hik_nvr")
    simulator.device.settings["VendorThing"] = {"Depth": {"Level": "3"}}
    assert (await call(config.GET, name="VendorThing")).value == {"Depth": {"Level": "3"}}
    reply = await call(config.SET, name="VendorThing", value={"Depth": {"Level": "4"}})
    assert reply.value == {"Depth": {"Level": "4"}}
    with pytest.raises(DeviceRefused) as refused:
        await call(config.GET, name="NoSuchThing")
    assert refused.value.reason == "no-such-block"


async def test_secrets_are_not_shown_and_blanks_leave_them_as_they_are(bench, call):
    simulator = await bench.online(profile="std_2022")
    simulator.device.settings["SnapShotConfig"] |= {
        "UploadURL": "http://192.0.2.1/t0ken",
        "SessionID": "s" * 32,
    }
    simulator.device.settings["BasicParam"]["Password"] = "s3cret"
    shown = (await call(config.GET, name="SnapShotConfig")).value
    assert (shown["UploadURL"], shown["SessionID"]) == ("***", "***")
    assert "Password" not in (await call(config.GET, name="BasicParam")).value
    await call(config.SET, name="BasicParam", value={"Name": "门"})
    assert simulator.device.settings["BasicParam"]["Password"] == "s3cret"
    assert simulator.device.settings["BasicParam"]["Name"] == "门"


@pytest.mark.parametrize(
    ("spec", "fields"),
    [
        (config.GET, {"name": "Basic Param"}),
        (config.GET, {"name": "A/../B"}),
        (config.SET, {"name": "BasicParam/OSDConfig", "value": {}}),
        (config.SET, {"name": "BasicParam", "value": {"a><b": "1"}, "merge": False}),
        (config.SET, {"name": "BasicParam", "value": {"Name": None}}),
        (config.GET, {"name": "BasicParam", "default": True}),
    ],
)
async def test_what_is_no_block_and_no_value_is_refused_here(bench, call, spec, fields):
    simulator = await bench.online(profile="hik_nvr")
    with pytest.raises(CambusError) as refused:
        await call(spec, **fields)
    assert int(refused.value.code) in {400, 501}
    assert not simulator.heard("DeviceConfig")
