"""Cameras inside of TLS: believed by the fingerprint of their certificate, or by who signed it."""

import asyncio
import contextlib
import hashlib
import ssl

import pytest
from tls_contexts import tls_contexts

from cambus.media.frame import Kind
from cambus.rtsp import client_tls
from cambus.rtsp.client import PullSettings, describe
from cambus.rtsp.client_errors import AuthRefused, Unreachable
from cambus.rtsp.client_url import parse_source


@contextlib.asynccontextmanager
async def inside_tls(port, context):
    """A port that takes TLS off what comes, and hands it on."""
    ends = []

    async def hand_on(reader, writer):
        ends.append(writer)
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def serve(reader, writer):
        theirs, ours = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(hand_on(reader, ours), hand_on(theirs, writer))

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for end in ends:
            end.close()
        for end in ends:
            with contextlib.suppress(OSError):
                await end.wait_closed()


@pytest.fixture
async def secure(cam, tmp_path):
    """The port of a camera inside of TLS, the fingerprint of its certificate, and who trusts it."""
    server, trusting = tls_contexts(tmp_path)
    der = ssl.PEM_cert_to_DER_cert((tmp_path / "platform.pem").read_text().split("-----BEGIN PRIVATE")[0])
    async with inside_tls(cam.port, server) as port:
        yield port, hashlib.sha256(der).hexdigest(), trusting


async def test_a_camera_is_believed_by_its_fingerprint(bench, secure):
    port, fingerprint, _ = secure
    pairs = ":".join(fingerprint[at : at + 2].upper() for at in range(0, 64, 2))
    url = f"rtsps://127.0.0.1:{port}/ch1/main"
    await bench.online(
        "cam", f"127.0.0.1:{port}", options={"url": url, "sub_url": None, "fingerprint": pairs}
    )
    watched = await bench.view("cam")
    await watched.until(lambda frames: sum(frame.kind is Kind.VIDEO for frame in frames) >= 5)


@pytest.mark.parametrize(
    ("fingerprint", "why"), [("0" * 64, "another fingerprint"), (None, "certificate is not trusted")]
)
async def test_others_are_not_called(secure, fingerprint, why):
    source = parse_source(f"rtsps://127.0.0.1:{secure[0]}/ch1/main")
    with pytest.raises(Unreachable, match=why):
        await describe(source, lambda: None, PullSettings(fingerprint=fingerprint))


async def test_whom_the_system_trusts_is_called(secure, monkeypatch):
    port, _, trusting = secure
    monkeypatch.setattr(client_tls, "context", lambda fingerprint: trusting)
    source = parse_source(f"rtsps://127.0.0.1:{port}/ch1/main")
    with pytest.raises(AuthRefused):  # no account: the camera has been asked
        await describe(source, lambda: None, PullSettings())
