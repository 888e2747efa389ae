"""A simulated camera that publishes: its streams are on the bus, and come back after it was gone."""

import av
import pytest
from rtsp_rig import SMALL, USER
from tls_contexts import tls_contexts

from cambus.media.frame import Codec, Kind
from cambus.simulators.rtsp import publisher
from cambus.simulators.rtsp.publisher import PublishingCamera

KEY = "s7ream k3y/+"


def both(presence):
    return presence.online and len(presence.channels[0].streams) == 2


def enough(frames):
    pictures = sum(frame.kind is Kind.VIDEO for frame in frames)
    return pictures >= 15 and sum(frame.kind is Kind.AUDIO for frame in frames) >= 10


def decoded(frames, codec):
    """How many pictures FFmpeg makes of them."""
    decoder = av.CodecContext.create("hevc" if codec is Codec.H265 else "h264", "r")
    packets = [av.Packet(frame.payload) for frame in frames if frame.kind is Kind.VIDEO]
    return sum(len(decoder.decode(packet)) for packet in [*packets, None])


@pytest.mark.parametrize(("by", "codec"), [("rtsp", Codec.H264), ("rtmp", Codec.H265), ("rtsps", Codec.H264)])
async def test_its_streams_are_on_the_bus_and_come_back(bench, by, codec, tmp_path, monkeypatch):
    monkeypatch.setattr(publisher, "RETRY_S", 0.1)
    _, trusting = tls_contexts(tmp_path)
    secure = {"rtsps_publish_port": 0, "publish_certificate_file": tmp_path / "platform.pem"}
    publishing = await bench.publisher("stage", password=KEY, **secure)
    url = f"{by}://127.0.0.1:{publishing.port(by)}/live/stage"
    async with PublishingCamera(
        url, user=USER, password=KEY, media=SMALL.coded(codec), trust=trusting
    ) as camera:
        await bench.shown("stage", both)
        frames = await (await bench.view("stage")).until(enough)
        assert {frame.codec for frame in frames} == {codec, Codec.PCMA}
        assert decoded(frames, codec) >= 14
        assert (camera.pushing, camera.attempts, camera.last_error) == (2, 2, "")
        camera.reboot()
        await camera.wait_for(lambda: camera.attempts >= 4 and camera.pushing == 2)
        await bench.shown("stage", both)
        await (await bench.view("stage", stream="sub")).until(enough)
    await bench.shown("stage", lambda presence: not presence.online)


@pytest.mark.parametrize(("by", "told"), [("rtsp", "AuthRefused"), ("rtmp", "NetStream.Publish.Denied")])
async def test_one_with_the_wrong_password_says_so_and_goes_on_trying(bench, by, told, monkeypatch):
    monkeypatch.setattr(publisher, "RETRY_S", 0.05)
    publishing = await bench.publisher("stage", password=KEY)
    url = f"{by}://127.0.0.1:{publishing.port(by)}/live/stage"
    async with PublishingCamera(url, user=USER, password="wrong", media=SMALL) as camera:
        await camera.wait_for(lambda: camera.attempts >= 3 and told in camera.last_error)
        assert camera.pushing == 0
        assert "wrong" not in camera.last_error.replace("the user or the password is wrong", "")


@pytest.mark.parametrize(
    "url", ["http://h/live/x", "rtsp://a:b@h/live/x", "rtmp://h/live", "rtmp://u@h/live/x"]
)
def test_an_address_nothing_can_be_pushed_to_is_refused(url):
    with pytest.raises(ValueError, match=r"wanted|credentials"):
        PublishingCamera(url, user=USER, password=KEY)
