"""Devices that publish inside of TLS: FFmpeg pushes by rtsps and rtmps; certificates are renewed."""

import asyncio
import logging
import ssl

import pytest
from publishers import Publisher
from rtsp_rig import USER
from tls_contexts import tls_contexts

from cambus.connector_rtsp.publish import server
from cambus.media.frame import Kind

KEY = "s7ream-k3y"


@pytest.fixture
def certificate(tmp_path):
    """A file with a certificate and its key, and who trusts it."""
    _, trusting = tls_contexts(tmp_path)
    return tmp_path / "platform.pem", trusting


@pytest.fixture
def publisher(bench, certificate):
    """Makes a connector that listens inside of TLS only, or beside it, for a device."""

    def make(**settings):
        return bench.publisher(
            "stage",
            password=KEY,
            rtsps_publish_port=0,
            rtmps_publish_port=0,
            publish_certificate_file=certificate[0],
            **settings,
        )

    return make


async def test_what_is_published_inside_of_tls_is_on_the_bus(bench, publisher, caplog):
    caplog.set_level(logging.DEBUG)
    publishing = await publisher()
    assert None not in [publishing.port(by) for by in ("rtsp", "rtmp", "rtsps", "rtmps")]
    by_rtsp = f"rtsps://{USER}:{KEY}@127.0.0.1:{publishing.port('rtsps')}/live/stage"
    by_rtmp = f"rtmps://127.0.0.1:{publishing.port('rtmps')}/live/stage/sub/{KEY}"
    async with (
        Publisher(by_rtsp, "rtsp", options={"rtsp_transport": "tcp"}),
        Publisher(by_rtmp, "flv"),
    ):
        await bench.shown(
            "stage", lambda presence: presence.online and len(presence.channels[0].streams) == 2
        )
        for stream in ("main", "sub"):
            frames = await (await bench.view("stage", stream=stream)).until(
                lambda seen: (
                    sum(frame.kind is Kind.VIDEO for frame in seen) >= 20
                    and sum(frame.kind is Kind.AUDIO for frame in seen) >= 10
                )
            )
            assert next(frame for frame in frames if frame.kind is Kind.VIDEO).keyframe
    await bench.shown("stage", lambda presence: not presence.online)
    assert KEY not in caplog.text


async def hello(port, trusting):
    """The first line of the answer to an RTSP request inside of TLS; empty if there is none."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting)
    except (ssl.SSLError, ConnectionError) as error:
        return type(error).__name__
    try:
        writer.write(b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n")
        return (await reader.readline()).decode().strip()
    finally:
        writer.close()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)


async def test_a_certificate_is_renewed_while_everything_runs(
    publisher, certificate, tmp_path, monkeypatch, eventually
):
    monkeypatch.setattr(server, "LOOK_S", 0.02)
    publishing = await publisher()
    file, trusting = certificate
    port = publishing.port("rtsps")
    assert await hello(port, trusting) == "RTSP/1.0 200 OK"
    (tmp_path / "new").mkdir()
    _, trusts_new = tls_contexts(tmp_path / "new")
    file.write_bytes((tmp_path / "new" / "platform.pem").read_bytes())

    async def shown():
        return await hello(port, trusts_new) == "RTSP/1.0 200 OK"

    await eventually(shown)
    assert await hello(port, trusting) == "SSLCertVerificationError"


async def test_who_does_not_agree_on_tls_is_a_guest_as_any(publisher, certificate, eventually):
    publishing = await publisher(publish_guests_per_address=1)
    port = publishing.port("rtsps")
    _, writer = await asyncio.open_connection("127.0.0.1", port)  # and says nothing
    await eventually(lambda: publishing.gate.guests.full("127.0.0.1"))
    assert await hello(port, certificate[1]) != "RTSP/1.0 200 OK"
    writer.write(b"OPTIONS * RTSP/1.0\r\n\r\n")  # no TLS: hung up on
    await eventually(lambda: not publishing.gate.guests.full("127.0.0.1"))
    assert await hello(port, certificate[1]) == "RTSP/1.0 200 OK"
    writer.close()
    await asyncio.gather(writer.wait_closed(), return_exceptions=True)
