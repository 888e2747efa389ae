"""The port for pictures and firmware, as strangers and clumsy devices see it."""

import asyncio
import contextlib
import time

import aiohttp
import pytest

from cambus.bus.metrics import Metrics
from cambus.connector.firmware import FirmwareFile
from cambus.connector_gb28181 import uploads as uploads_module
from cambus.connector_gb28181 import web, web_firmware, web_upload
from cambus.connector_gb28181.firmware import Offer
from cambus.connector_gb28181.settings import Gb28181Settings
from cambus.connector_gb28181.uploads import MAX_PICTURE_BYTES, MAX_WRAPPED_BYTES
from cambus.connector_gb28181.web_site import WebSite
from cambus.simulators.jpeg import jpeg_picture

CODE = "34020000001320000001"
JPEG = jpeg_picture(96, 64, 0, 0, 1)
IMAGE = bytes(range(256)) * 2000


@pytest.fixture
def metrics():
    return Metrics()


@pytest.fixture
async def site(metrics):
    settings = Gb28181Settings(gb28181_host="127.0.0.1", gb28181_web_port=0)
    async with WebSite(settings, metrics, time.monotonic) as made, asyncio.timeout(60):
        yield made


@pytest.fixture
async def http():
    async with aiohttp.ClientSession() as client:
        yield client


@pytest.fixture
def order(site):
    """An order of two pictures, and the address for them."""
    with site.uploads.ordered(CODE, 2, 1) as (made, token):
        made.url = site.upload_url(token, "127.0.0.1")
        yield made


class ImageOf(FirmwareFile):
    def __init__(self, data):
        super().__init__()
        self._file.write(data)
        self._file.flush()
        self.size_bytes = len(data)


@pytest.fixture
async def offer(site):
    """An image, and the address of it."""
    told = []
    with ImageOf(IMAGE) as image:
        made = Offer(image, lambda percent, whole: told.append((percent, whole)))
        async with site.firmware.offered(made, 60) as token:
            made.url, made.told = site.firmware_url(token, "127.0.0.1"), told
            yield made


async def status_of(request):
    async with request as response:
        assert await response.read() == b""
        assert response.headers["Connection"] == "close"
        assert "ython" not in response.headers["Server"]
        return response.status


async def raw(site, data):
    """Send bytes; all that comes back until the connection is closed."""
    host, _, port = site.address("127.0.0.1").removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(data)
        with contextlib.suppress(ConnectionError):
            await writer.drain()
        return await reader.read()
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


# --- strangers --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS"])
@pytest.mark.parametrize(
    "path", ["/", "/metrics", "/pictures", "/pictures/", "/pictures/" + "0" * 32, "/firmware/../etc/passwd"]
)
async def test_nothing_else_is_answered(site, http, method, path):
    assert await status_of(http.request(method, site.address("127.0.0.1") + path)) == 404


async def test_each_address_takes_its_own_methods_only(order, offer, http):
    for method in ("GET", "HEAD", "DELETE"):
        assert await status_of(http.request(method, order.url)) == 404
    for method in ("PUT", "POST", "DELETE"):
        assert await status_of(http.request(method, offer.url, data=JPEG)) == 404
    assert await status_of(http.put(order.url.replace("pictures", "firmware"), data=JPEG)) == 404
    assert await status_of(http.get(offer.url.replace("firmware", "pictures"))) == 404
    assert order.pictures == []


@pytest.mark.parametrize(
    "noise",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100),
        b"REGISTER sip:34020000002000000001@3402000000 SIP/2.0\r\n\r\n",
        b"GET /c4nary HTTP/9.9\r\n\r\n",
        b"GET /c4nary HTTP/1.1\r\nbad header c4nary\r\n\r\n",
        b"GET /" + b"c4nary" * 5000 + b" HTTP/1.1\r\n\r\n",
        b"GET /c4nary HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"PUT /c4nary HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nc4nary\r\n",
    ],
)
async def test_noise_is_refused_and_not_sent_back(site, noise, caplog):
    answer = await raw(site, noise)
    assert answer.startswith((b"HTTP/1.0 4", b"HTTP/1.1 4"))
    assert b"c4nary" not in answer
    assert answer.endswith(b"\r\n\r\n")
    assert "c4nary" not in caplog.text


async def test_a_connection_that_says_nothing_is_cut(monkeypatch, metrics):
    monkeypatch.setattr(web, "HEAD_S", 0.1)
    settings = Gb28181Settings(gb28181_host="127.0.0.1")
    async with WebSite(settings, metrics, time.monotonic) as site, asyncio.timeout(30):
        assert await raw(site, b"") == b""
        assert await raw(site, b"PUT /pictures/") == b""


@pytest.mark.parametrize("bound", ["MAX_CONNECTIONS", "MAX_OF_ADDRESS"])
async def test_connections_have_a_bound(monkeypatch, metrics, http, bound):
    monkeypatch.setattr(web, bound, 1)
    async with WebSite(Gb28181Settings(gb28181_host="127.0.0.1"), metrics, time.monotonic) as site:
        host, _, port = site.address("127.0.0.1").removeprefix("http://").partition(":")
        _, first = await asyncio.open_connection(host, int(port))
        try:
            with pytest.raises((aiohttp.ClientError, ConnectionError)):
                await status_of(http.get(site.address("127.0.0.1")))
        finally:
            first.close()
            await first.wait_closed()


# --- pictures ---------------------------------------------------------------------------------------------


async def test_pictures_come_raw_or_in_a_form_by_put_or_post(order, http):
    form = aiohttp.FormData()
    form.add_field("file", JPEG, filename="../../../etc/passwd", content_type="text/html")
    assert await status_of(http.put(order.url, data=JPEG)) == 200
    assert await status_of(http.post(order.url + "/any/name.jpg?x=y", data=form)) == 200
    assert [picture.data for picture in order.pictures] == [JPEG, JPEG]


async def test_a_picture_more_than_ordered_is_refused(order, http):
    for status in (200, 200, 403, 403):
        assert await status_of(http.put(order.url, data=JPEG)) == status
    assert len(order.pictures) == 2


async def test_the_address_of_an_order_that_is_over_opens_nothing(site, http):
    with site.uploads.ordered(CODE, 1, 1) as (_, token):
        url = site.upload_url(token, "127.0.0.1")
    assert await status_of(http.put(url, data=JPEG)) == 404


async def test_an_expired_address_opens_nothing(http, metrics):
    now = 0.0
    async with WebSite(Gb28181Settings(gb28181_host="127.0.0.1"), metrics, lambda: now) as site:
        with site.uploads.ordered(CODE, 1, 1) as (order, token):
            now = 61.0
            assert await status_of(http.put(site.upload_url(token, "127.0.0.1"), data=JPEG)) == 404
            assert order.pictures == []


@pytest.mark.parametrize("data", [b"", b"<html>", b"\x89PNG\r\n\x1a\n" + bytes(100), JPEG[:30]])
async def test_what_is_no_picture_is_refused(order, http, data):
    assert await status_of(http.put(order.url, data=data)) == 415
    form = aiohttp.FormData()
    form.add_field("file", data, filename="a.jpg", content_type="image/jpeg")
    assert await status_of(http.post(order.url, data=form)) == 415
    assert order.pictures == []


@pytest.mark.parametrize("kind", ["multipart/form-data", "multipart/form-data; boundary=", "multipart/x; a"])
async def test_a_form_that_does_not_say_how_it_is_parted_is_refused(order, http, kind):
    assert await status_of(http.post(order.url, data=JPEG, headers={"Content-Type": kind})) == 415


async def test_a_body_that_announces_too_much_is_refused_before_it_is_read(site, order):
    path = order.url.partition("//")[2].partition("/")[2]
    for more, most in (
        ("", MAX_PICTURE_BYTES),
        ("Content-Type: multipart/x; boundary=b\r\n", MAX_WRAPPED_BYTES),
    ):
        head = f"PUT /{path} HTTP/1.1\r\nHost: x\r\n{more}Content-Length: {most + 1}\r\n\r\n"
        assert (await raw(site, head.encode())).startswith(b"HTTP/1.1 413 ")
    assert order.pictures == []


async def test_a_body_of_unknown_length_is_refused_as_soon_as_it_is_too_much(order, http):
    async def endless():
        while True:
            yield bytes(1 << 20)

    with contextlib.suppress(aiohttp.ClientError, ConnectionError):  # or it hears of it in time
        assert await status_of(http.put(order.url, data=endless())) == 413
    assert await status_of(http.put(order.url, data=JPEG)) == 200  # the place is free again


async def test_a_client_that_asks_first_is_told_to_go_ahead_or_not(site, order, http):
    assert await status_of(http.put(order.url, data=JPEG, expect100=True)) == 200
    assert await status_of(http.put(order.url + "0", data=JPEG, expect100=True)) == 404


async def test_a_slow_body_is_cut_and_leaves_its_place(monkeypatch, metrics, http):
    monkeypatch.setattr(web_upload.PictureUploads.__init__, "__kwdefaults__", {"body_s": 0.1})
    async with WebSite(Gb28181Settings(gb28181_host="127.0.0.1"), metrics, time.monotonic) as site:
        with site.uploads.ordered(CODE, 1, 1) as (order, token):
            head = f"PUT /pictures/{token} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc"
            assert (await raw(site, head.encode())).startswith(b"HTTP/1.1 408 ")
            with order.slot(), site.uploads.room(uploads_module.MAX_HELD_BYTES):
                pass


async def test_uploads_at_a_time_have_a_bound(monkeypatch, site, order, http):
    with site.uploads.room(uploads_module.MAX_HELD_BYTES):
        assert await status_of(http.put(order.url, data=JPEG)) == 503
    assert await status_of(http.put(order.url, data=JPEG)) == 200


# --- firmware ---------------------------------------------------------------------------------------------


async def test_an_image_is_fetched_whole_and_looked_at_before(offer, http):
    async with http.head(offer.url) as response:
        assert (response.status, response.content_length) == (200, len(IMAGE))
        assert response.headers["Accept-Ranges"] == "bytes"
    assert offer.told == []  # nothing went out
    async with http.get(offer.url) as response:
        assert await response.read() == IMAGE
    assert offer.told[0][1] is False
    assert offer.told[-1] == (100.0, True)


async def test_an_image_is_fetched_in_pieces(offer, http):
    half = len(IMAGE) // 2
    for header, start, stop in ((f"bytes={half}-", half, len(IMAGE)), (f"bytes=0-{half - 1}", 0, half)):
        assert offer.told == [] or offer.told[-1][1] is False
        async with http.get(offer.url, headers={"Range": header}) as response:
            assert (response.status, await response.read()) == (206, IMAGE[start:stop])
            assert response.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{len(IMAGE)}"
    assert offer.told[-1] == (100.0, True)
    async with http.get(offer.url, headers={"Range": f"bytes={len(IMAGE)}-"}) as response:
        assert (response.status, response.headers["Content-Range"]) == (416, f"bytes */{len(IMAGE)}")


async def test_an_image_that_is_offered_no_more_is_not_there(site, http):
    with ImageOf(IMAGE) as image:
        async with site.firmware.offered(Offer(image, lambda percent, whole: None), 60) as token:
            url = site.firmware_url(token, "127.0.0.1")
        assert await status_of(http.get(url)) == 404


async def test_a_client_that_takes_nothing_is_cut(monkeypatch, metrics):
    monkeypatch.setattr(web_firmware.FirmwareDownloads.__init__, "__kwdefaults__", {"stall_s": 0.2})
    async with WebSite(Gb28181Settings(gb28181_host="127.0.0.1"), metrics, time.monotonic) as site:
        with ImageOf(bytes(64 << 20)) as image:
            made = Offer(image, lambda percent, whole: None)
            async with site.firmware.offered(made, 60) as token:
                host, _, port = site.address("127.0.0.1").removeprefix("http://").partition(":")
                reader, writer = await asyncio.open_connection(host, int(port), limit=1 << 16)
                writer.write(f"GET /firmware/{token} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
                await reader.readuntil(b"\r\n\r\n")
                (fetch,) = made.fetches
                with contextlib.suppress(ConnectionError):
                    await asyncio.shield(fetch)  # it takes nothing: the other end notices
                with contextlib.suppress(ConnectionError):
                    assert len(await reader.read()) < image.size_bytes
                writer.close()
                with contextlib.suppress(ConnectionError):
                    await writer.wait_closed()


async def test_a_fetch_of_what_is_withdrawn_is_cut(site):
    with ImageOf(bytes(64 << 20)) as image:
        async with site.firmware.offered(Offer(image, lambda percent, whole: None), 60) as token:
            host, _, port = site.address("127.0.0.1").removeprefix("http://").partition(":")
            reader, writer = await asyncio.open_connection(host, int(port), limit=1 << 16)
            writer.write(f"GET /firmware/{token} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            await reader.readuntil(b"\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            assert len(await reader.read()) < image.size_bytes
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def test_the_end_of_an_image_goes_out_only_as_long_as_the_device_is_ours(site, http):
    """Its end may be fetched for itself, and only what went out is counted."""
    told, ours = [], True
    with ImageOf(IMAGE) as image:
        made = Offer(image, lambda percent, whole: told.append(whole), may_end=lambda: ours)
        async with site.firmware.offered(made, 60) as token:
            url = site.firmware_url(token, "127.0.0.1")
            async with http.get(url) as response:
                assert await response.read() == IMAGE
            assert told[-1]
            ours = False
            for header in ({}, {"Range": "bytes=-1"}):
                with pytest.raises((aiohttp.ClientPayloadError, aiohttp.ClientConnectionError)):
                    async with http.get(url, headers=header) as response:
                        await response.read()
            async with http.get(url, headers={"Range": "bytes=0-9"}) as response:
                assert await response.read() == IMAGE[:10]


async def test_an_image_goes_out_no_faster_than_ordered(site, http):
    loop = asyncio.get_running_loop()
    with ImageOf(bytes(4 * web_firmware.PIECE_BYTES)) as image:
        made = Offer(image, lambda percent, whole: None, bytes_per_s=8 * web_firmware.PIECE_BYTES)
        async with site.firmware.offered(made, 60) as token:
            began = loop.time()
            async with http.get(site.firmware_url(token, "127.0.0.1")) as response:
                assert len(await response.read()) == image.size_bytes
            assert loop.time() - began >= 3 / 8 * 0.99


async def test_fetches_of_one_image_at_a_time_have_a_bound(site, offer, http):
    held = [asyncio.ensure_future(asyncio.Event().wait()) for _ in range(4)]
    for each in held:
        offer.fetching(each)
    assert await status_of(http.get(offer.url)) == 503


async def test_requests_are_counted_without_telling_what_for(site, order, http, metrics):
    await status_of(http.put(order.url, data=JPEG))
    await status_of(http.get(site.address("127.0.0.1") + "/c4nary"))
    shown = metrics.render().decode()
    assert 'cambus_gb28181_web_requests_total{kind="pictures",status="200"} 1.0' in shown
    assert 'cambus_gb28181_web_requests_total{kind="none",status="404"} 1.0' in shown
    assert order.url.rpartition("/")[2] not in shown
    assert "c4nary" not in shown


async def test_the_bus_hears_where_devices_upload_and_fetch(bench):
    connector = await bench.connector()
    told = connector.runtime.endpoints.metadata["web"]
    async with aiohttp.ClientSession() as http:
        assert await status_of(http.get(told)) == 404
