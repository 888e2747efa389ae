"""Firmware fetched and pictures uploaded, over HTTP on this host."""

import hashlib

import av
import pytest
from aiohttp import web

from cambus.gb28181.manscdp import config as configs
from cambus.gb28181.manscdp.control import DeviceControl, UpgradeOrder
from cambus.gb28181.manscdp.notices import SnapshotsFinished, UpgradeResult
from cambus.simulators.gb28181.quirks import Quirks
from cambus.simulators.gb28181.transfers import is_here

IMAGE = b"firmware" * 10_000
SESSION = "c" * 32


@pytest.fixture
async def files():
    """A place with firmware, that takes pictures."""
    taken = []

    async def give(_request):
        return web.Response(body=IMAGE)

    async def take(request):
        if request.content_type == "multipart/form-data":
            part = await (await request.multipart()).next()
            taken.append((part.filename, bytes(await part.read())))
        else:
            taken.append((request.headers["Content-Disposition"], await request.read()))
        return web.Response()

    app = web.Application()
    app.router.add_get("/firmware", give)
    app.router.add_route("*", "/pictures", take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}", taken
    await runner.cleanup()


async def upgrade(rig, sim, url):
    order = UpgradeOrder("2.0.0", url, "Cambus", SESSION)
    await rig.remote(sim).control(DeviceControl(upgrade=order), sim.code)


async def result_of(rig):
    await rig.until(lambda: rig.told("DeviceUpgradeResult"))
    return UpgradeResult.parse(rig.told("DeviceUpgradeResult")[0].envelope)


@pytest.mark.parametrize("first", [False, True])
async def test_firmware_is_fetched_run_and_reported(rig, files, first):
    sim = await rig.device(quirks=Quirks(reboot_s=0.05, upgrade_result_first=first))
    await upgrade(rig, sim, f"{files[0]}/firmware")
    result = await result_of(rig)
    assert (result.session, result.ok, result.firmware, result.reason) == (SESSION, True, "2.0.0", None)
    await sim.wait_for(lambda: sim.device.boots == 2 and sim.registered)
    assert (await rig.remote(sim).info()).firmware == "2.0.0"
    assert sim.fetched == [(len(IMAGE), hashlib.sha256(IMAGE).hexdigest())]


@pytest.mark.parametrize("reason", ["02", "03", "99"])
async def test_an_upgrade_that_fails_says_why(rig, files, reason):
    sim = await rig.device(quirks=Quirks(upgrade=reason))
    await upgrade(rig, sim, f"{files[0]}/firmware")
    result = await result_of(rig)
    assert (result.ok, result.reason, sim.device.boots) == (False, reason, 1)


async def test_firmware_that_cannot_be_had_and_addresses_that_are_not_here(rig, files):
    sim = await rig.device()
    await upgrade(rig, sim, f"{files[0]}/nothing")
    assert (await result_of(rig)).reason == "01"
    assert not is_here("http://192.0.2.1/firmware")
    assert is_here("http://[::1]:80/firmware")


async def test_an_upgrade_may_end_in_silence(rig, files):
    sim = await rig.device(quirks=Quirks(reboot_s=0.05, upgrade="silent"))
    await upgrade(rig, sim, f"{files[0]}/firmware")
    await sim.wait_for(lambda: sim.device.boots == 2 and sim.registered)
    assert (await rig.remote(sim).info()).firmware == "2.0.0"
    assert rig.told("DeviceUpgradeResult") == []


@pytest.mark.parametrize("form", ["put", "post", "multipart"])
async def test_pictures_are_taken_and_uploaded(rig, files, form):
    sim = await rig.device(quirks=Quirks(snapshot_form=form))
    block = configs.snapshots(2, 1, f"{files[0]}/pictures", SESSION)
    await rig.remote(sim).configure(block, sim.channels[0])
    await rig.until(lambda: rig.told("UploadSnapShotFinished"))
    notice = SnapshotsFinished.parse(rig.told("UploadSnapShotFinished")[0].envelope)
    assert notice.session == SESSION
    assert len(notice.pictures.files) == len(files[1]) == 2
    assert all(name in header for name, (header, _) in zip(notice.pictures.files, files[1], strict=True))
    decoder = av.CodecContext.create("mjpeg", "r")
    assert decoder.decode(av.Packet(files[1][0][1]))[0].width == 640


async def test_some_pictures_may_be_lost(rig, files):
    sim = await rig.device(quirks=Quirks(snapshot_lost=1))
    await rig.remote(sim).configure(configs.snapshots(2, 1, f"{files[0]}/pictures", SESSION), sim.channels[0])
    await rig.until(lambda: rig.told("UploadSnapShotFinished"))
    notice = SnapshotsFinished.parse(rig.told("UploadSnapShotFinished")[0].envelope)
    assert len(notice.pictures.files) == 1
