"""How long pictures that a device uploads are waited for (§10, GB-224)."""

import asyncio
from types import SimpleNamespace

import pytest

from cambus.connector_gb28181.snapshot_upload import PictureOrders
from cambus.connector_gb28181.uploads import Uploads
from cambus.gb28181.errors import Unconfirmed
from cambus.schemas.errors import DeadlineExceeded
from cambus.simulators.jpeg import jpeg_picture

JPEG = jpeg_picture(96, 64, 0, 0, 1)


class Web:
    """Where pictures go; remembers the token of the last order."""

    def __init__(self, now):
        self.uploads = Uploads(now)

    def upload_url(self, token, host):
        self.token = token
        return f"http://{host}/pictures/{token}"


@pytest.fixture
async def web(loop):
    return Web(loop.time)


@pytest.fixture
async def orders(web):
    async def configure(block, code):
        raise Unconfirmed("it forgets the result")

    session = SimpleNamespace(
        code="34020000001320000001",
        code_of=lambda channel: "34020000001310000001",
        own_host="192.0.2.1",
        device=SimpleNamespace(id="gate", hub=SimpleNamespace(web=web)),
        remote=SimpleNamespace(configure=configure),
    )
    return PictureOrders(session)


async def test_nothing_comes_within_the_time_pictures_take_and_a_minute(orders, loop):
    begun = loop.time()
    with pytest.raises(DeadlineExceeded):
        await orders.pictures(0, count=5, interval_s=10)
    assert loop.time() - begun == pytest.approx(110.0, abs=0.1)


async def test_the_address_is_open_as_long_as_that(orders, web):
    waiting = asyncio.create_task(orders.pictures(0, count=5, interval_s=10))
    await asyncio.sleep(109)
    web.uploads.find(web.token).take(JPEG)
    (picture,) = await waiting
    assert picture.data == JPEG
    assert web.uploads.find(web.token) is None
