"""Encoders of devices of 2022 over the bus."""

import pytest
from gb28181_bodies import controls, text_of

from cambus.schemas.commands import video
from cambus.schemas.errors import BadRequest, NotFound, Unsupported
from cambus.simulators.gb28181.quirks import Quirks


async def test_encoders_are_read_of_one_channel_or_of_all(bench, call):
    simulator = await bench.online(profile="std_2022", channels=2)
    await bench.listed(2)
    encoders = (await call(video.GET)).encoders
    assert [(each.channel, each.stream) for each in encoders] == [
        (n, s) for n in (0, 1) for s in ("main", "sub")
    ]
    main = encoders[0]
    assert (main.codec, main.width, main.height, main.fps) == ("h264", 1280, 720, 25.0)
    assert (main.rate_control, main.bitrate_kbps) == ("cbr", 2048)
    (sub,) = (await call(video.GET, channel=1, stream="sub")).encoders
    assert (sub.channel, sub.width) == (1, 352)
    assert controls(simulator, "ConfigDownload")[-1].code == simulator.channels[1]


async def test_only_what_is_named_is_changed(bench, call):
    simulator = await bench.online(profile="std_2022")
    await bench.listed()
    reply = await call(
        video.SET,
        channel=0,
        stream="sub",
        codec="h265",
        width=640,
        height=360,
        fps=12.4,
        rate_control="vbr",
        bitrate_kbps=512,
    )
    settings = reply.settings
    assert (settings.codec, settings.width, settings.height) == ("h265", 640, 360)
    assert (settings.fps, settings.rate_control, settings.bitrate_kbps) == (12.0, "vbr", 512)
    main, sub = simulator.device.settings_of(simulator.channels[0])["VideoParamAttribute"]["Item"]
    assert main["VideoFormat"] == "2"
    assert sub["Resolution"] == "640x360"
    assert '<VideoParamAttribute Num="2">' in text_of(simulator.heard("DeviceConfig")[0])


@pytest.mark.parametrize(
    "fields", [{"gop_s": 2.0}, {"audio": True}, {"width": 640}, {"codec": "mjpeg"}, {"fps": 120}]
)
async def test_what_the_protocol_has_no_word_for_is_refused_and_nothing_sent(bench, call, fields):
    simulator = await bench.online(profile="std_2022")
    await bench.listed()
    with pytest.raises(BadRequest) as refused:
        await call(video.SET, channel=0, **fields)
    assert next(iter(fields)) in refused.value.text
    assert not simulator.heard("DeviceConfig")


async def test_a_stream_that_is_not_there_is_none(bench, call):
    await bench.online(profile="std_2022")
    await bench.listed()
    with pytest.raises(NotFound):
        await call(video.SET, channel=0, stream="third", fps=10)


async def test_an_older_device_is_not_asked(bench, call):
    simulator = await bench.online(profile="hik_nvr", channels=2)
    await bench.listed(2)
    for spec, fields in (
        (video.GET, {}),
        (video.GET, {"channel": 0}),
        (video.SET, {"channel": 0, "fps": 10}),
    ):
        with pytest.raises(Unsupported) as refused:
            await call(spec, **fields)
        assert refused.value.reason == "unsupported-version"
    assert not simulator.heard("ConfigDownload")


async def test_channels_that_do_not_answer_are_left_out(bench, call, monkeypatch):
    monkeypatch.setattr("cambus.connector_gb28181.handlers.video.ALL_S", 0.5)
    await bench.online(profile="std_2022", channels=2, quirks=Quirks(config_missing={"VideoParamAttribute"}))
    await bench.listed(2)
    assert (await call(video.GET)).encoders == []
