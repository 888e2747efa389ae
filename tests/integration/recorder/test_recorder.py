import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import av
import pytest
from camera import H264, H265, Camera

from cambus.bus.assets import ensure_assets
from cambus.bus.connection import Bus
from cambus.bus.in_process import RunningService
from cambus.bus.service import CannotRun
from cambus.bus.testing import NatsServer
from cambus.client.calling import BusClient
from cambus.client.kv import KeyValue
from cambus.recorder import folder_lock
from cambus.recorder.service import Recorder
from cambus.recorder.settings import RecorderSettings
from cambus.schemas.assets import KV_DEVICES
from cambus.schemas.commands import recorder as commands
from cambus.schemas.errors import BadRequest, NotFound
from cambus.schemas.matching import DeviceMatch
from cambus.schemas.state.devices import DeviceRecord
from cambus.schemas.state.recording_policy import RecordingPolicy
from cambus.simulators.video_loop import LoopStore, VideoSpec

Eventually = Callable[..., Awaitable[None]]
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


class Recording:
    """A recorder, a camera, and what a user asks of them."""

    def __init__(self, bus: Bus, device: str, settings: RecorderSettings) -> None:
        self.bus = bus
        self.device = device
        self.settings = settings
        self.client = BusClient(bus)

    def recorder(self) -> RunningService[RecorderSettings]:
        return RunningService(Recorder, self.settings)

    async def register(self, **policy: object) -> None:
        record = DeviceRecord(id=self.device, protocol="dvrip", address="127.0.0.1")
        await KeyValue(self.bus, KV_DEVICES, DeviceRecord).put(self.device, record)
        match = DeviceMatch(devices=[self.device])
        request = commands.PolicySetRequest(policy=RecordingPolicy(id=self.device, match=match, **policy))
        await self.client.call(commands.POLICY_SET, request)

    async def found(self) -> commands.RecordedFindReply:
        end = datetime.now(UTC) + timedelta(days=1)
        request = commands.RecordedFindRequest(device=self.device, start=LONG_AGO, end=end)
        replies = await self.client.broadcast(commands.RECORDING_FIND, request, quiet_s=0.2)
        return next(reply for reply in replies if reply.replica == self.settings.instance)

    async def recorded_s(self) -> float:
        spans = (await self.found()).spans
        return sum((span.end - span.start).total_seconds() for span in spans)

    async def exported(self) -> bytes:
        spans = (await self.found()).spans
        request = commands.RecordingExportRequest(
            device=self.device, channel=0, start=spans[0].start, end=spans[-1].end
        )
        refs = await self.client.broadcast(commands.RECORDING_EXPORT, request, quiet_s=0.2)
        async with aiohttp.ClientSession() as session, session.get(refs[0].url) as answer:
            assert answer.status == 200
            return await answer.read()


@pytest.fixture
async def recording(
    bus: Bus, device: str, unique: str, nats_server: NatsServer, tmp_path: Path
) -> AsyncIterator[Recording]:
    await ensure_assets(bus)
    settings = RecorderSettings(
        nats_url=nats_server.url,
        instance=f"recorder-{unique}",
        data_dir=tmp_path,
        sync_interval_s=0.4,
        disk_reserve_mib=0,
        lease_ttl_s=5,
        lease_margin_s=1,
    )
    yield Recording(bus, device, settings)
    await KeyValue(bus, KV_DEVICES, DeviceRecord).delete(device)


@pytest.fixture
async def make_camera(bus: Bus, device: str) -> AsyncIterator[Callable[..., Awaitable[Camera]]]:
    cameras: list[Camera] = []

    async def make(spec: VideoSpec = H264, **options: object) -> Camera:
        await asyncio.to_thread(LoopStore.shared.get, spec)
        camera = await Camera(bus, device, spec, **options).__aenter__()
        cameras.append(camera)
        return camera

    yield make
    for camera in cameras:
        await camera.__aexit__()


def pictures_of(body: bytes, path: Path) -> tuple[int, int]:
    path.write_bytes(body)
    with av.open(str(path)) as opened:
        pictures = sum(1 for _ in opened.decode(video=0))
    with av.open(str(path)) as opened:
        samples = sum(frame.samples for frame in opened.decode(audio=0))
    return pictures, samples


@pytest.mark.parametrize("spec", [H264, H265])
async def test_a_policy_makes_a_stream_recorded_found_and_exported(
    recording: Recording,
    make_camera: Callable[..., Awaitable[Camera]],
    eventually: Eventually,
    tmp_path: Path,
    spec: VideoSpec,
) -> None:
    await make_camera(spec)
    async with recording.recorder():
        await recording.register()

        async def enough() -> bool:
            return await recording.recorded_s() >= 3

        await eventually(enough)
        pictures, samples = pictures_of(await recording.exported(), tmp_path / "export.mp4")
        assert pictures >= 70
        assert samples >= 70 * 300


async def test_what_was_recorded_is_there_after_a_crash_and_the_gap_is_explained(
    recording: Recording,
    make_camera: Callable[..., Awaitable[Camera]],
    eventually: Eventually,
    tmp_path: Path,
) -> None:
    await make_camera()
    running = await recording.recorder().start()
    await recording.register()

    async def enough() -> bool:
        return await recording.recorded_s() >= 2

    await eventually(enough)
    before = await recording.recorded_s()
    await running.crash()
    async with recording.recorder():
        assert await recording.recorded_s() >= before

        async def goes_on() -> bool:
            return await recording.recorded_s() >= before + 1

        await eventually(goes_on)
        assert pictures_of(await recording.exported(), tmp_path / "export.mp4")[0] >= 50


async def test_an_offline_device_leaves_a_gap_with_its_reason(
    recording: Recording, make_camera: Callable[..., Awaitable[Camera]], eventually: Eventually
) -> None:
    camera = await make_camera()
    async with recording.recorder():
        await recording.register()

        async def enough() -> bool:
            return await recording.recorded_s() >= 1

        await eventually(enough)
        await camera.go_offline()

        async def explained() -> bool:
            return [gap.reason for gap in (await recording.found()).gaps] == ["device-offline"]

        await eventually(explained, within_s=40.0)


async def test_the_claim_is_given_back_when_the_policy_goes(
    recording: Recording, make_camera: Callable[..., Awaitable[Camera]]
) -> None:
    camera = await make_camera()
    async with recording.recorder():
        await recording.register()
        await camera.until(lambda: bool(camera.claims))
        await recording.client.call(commands.POLICY_DELETE, commands.PolicyDeleteRequest(id=recording.device))
        await camera.until(lambda: not camera.claims)


async def test_what_cannot_be_done_is_refused(recording: Recording) -> None:
    async with recording.recorder():
        with pytest.raises(BadRequest):
            await recording.register(mode="schedule")
        with pytest.raises(BadRequest):
            await recording.register(mode="pictures")
        request = commands.RecordingExportRequest(
            device=recording.device, channel=0, start=LONG_AGO, end=LONG_AGO + timedelta(hours=1)
        )
        with pytest.raises(NotFound):
            await recording.client.broadcast(commands.RECORDING_EXPORT, request, quiet_s=0.2)
        with pytest.raises(NotFound):
            await recording.client.call(commands.POLICY_DELETE, commands.PolicyDeleteRequest(id="nobody"))


async def test_two_recorders_never_record_the_same_stream(
    recording: Recording,
    make_camera: Callable[..., Awaitable[Camera]],
    eventually: Eventually,
    tmp_path: Path,
    unique: str,
) -> None:
    await make_camera()
    other = recording.settings.model_copy(
        update={"instance": f"other-{unique}", "data_dir": tmp_path / "other"}
    )
    second = Recording(recording.bus, recording.device, other)
    async with recording.recorder(), second.recorder():
        await recording.register()

        async def one_records() -> bool:
            return (await recording.recorded_s() >= 1) != (await second.recorded_s() >= 1)

        await eventually(one_records)
        assert 0 in {await recording.recorded_s(), await second.recorded_s()}


async def test_two_recorders_do_not_share_a_folder(
    recording: Recording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_lock, "_PATIENCE_S", 0.0)
    settings = recording.settings
    other = settings.model_copy(update={"instance": "other", "recordings_dir": settings.recordings})
    async with recording.recorder():
        with pytest.raises(CannotRun, match=f"{settings.instance} .*CAMBUS_RECORDINGS_DIR"):
            RunningService(Recorder, other)
    async with RunningService(Recorder, other):
        pass


async def test_a_folder_that_can_not_be_made_is_said(recording: Recording, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    settings = recording.settings.model_copy(update={"recordings_dir": tmp_path / "file" / "recordings"})
    with pytest.raises(CannotRun, match="Not a directory; CAMBUS_RECORDINGS_DIR"):
        RunningService(Recorder, settings)


async def test_a_reserve_larger_than_the_disk_is_refused(recording: Recording) -> None:
    with pytest.raises(CannotRun, match="cannot be left free"):
        RunningService(Recorder, recording.settings.model_copy(update={"disk_reserve_mib": 1 << 40}))
