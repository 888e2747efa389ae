"""A disk that is full: what the policy says happens, it is told, and recording goes on as soon as there is room."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest
from camera import H264, Camera
from disks import BrokenDisk, SmallDisk
from durability import recovered
from event_log import EventLog
from recordings import Recordings

from cambus.bus.assets import ensure_assets
from cambus.bus.connection import Bus
from cambus.bus.in_process import RunningService
from cambus.bus.testing import NatsServer
from cambus.client.calling import BusClient
from cambus.client.kv import KeyValue
from cambus.recorder import service as recorder_service
from cambus.recorder.disk import Disk
from cambus.recorder.service import Recorder
from cambus.recorder.settings import RecorderSettings
from cambus.schemas.alarms import AlarmType
from cambus.schemas.assets import KV_DEVICES
from cambus.schemas.events.alarm import CLEARED, RAISED
from cambus.schemas.events.recording import CLOSED
from cambus.schemas.spans import GapReason
from cambus.schemas.state.devices import DeviceRecord
from cambus.simulators.video_loop import LoopStore

Eventually = Callable[..., Awaitable[None]]
SIZE = 8 << 20


@dataclass
class Rig:
    """A camera that is recorded, and what is told about it."""

    recordings: Recordings
    events: EventLog
    camera: Camera
    settings: RecorderSettings
    running: RunningService[RecorderSettings]
    eventually: Eventually

    @property
    def root(self) -> Path:
        return self.settings.recordings

    async def recorded(self, seconds: float) -> None:
        """Wait for so much more."""
        before = await self.recordings.seconds()

        async def more() -> bool:
            return await self.recordings.seconds() >= before + seconds

        await self.eventually(more, within_s=60)

    async def reasons(self) -> set[GapReason]:
        return {gap.reason for gap in (await self.recordings.found()).gaps}

    async def alarm(self, kind: AlarmType, *, over: bool = False) -> None:
        spec = CLEARED if over else RAISED
        await self.events.find(spec, self.settings.instance, lambda event: event.type is kind, within_s=60)

    async def told_of_every_segment(self) -> None:
        """Wait until every complete segment was announced."""
        index = cast(Recorder, self.running.service)._index

        def all_told() -> bool:
            told = {event.segment for event in self.events.of(CLOSED, self.recordings.device)}
            return {row.id for row in index.all_segments() if not row.open} <= told

        await self.eventually(all_told)


@pytest.fixture
async def rig(
    bus: Bus, device: str, unique: str, nats_server: NatsServer, eventually: Eventually
) -> Callable[..., object]:
    await ensure_assets(bus)
    await asyncio.to_thread(LoopStore.shared.get, H264)

    @asynccontextmanager
    async def made(folder: Path, *, pace: float = 1.0, **policy: object) -> AsyncIterator[Rig]:
        settings = RecorderSettings(
            nats_url=nats_server.url,
            instance=f"recorder-{unique}",
            data_dir=folder,
            sync_interval_s=0.4,
            disk_reserve_mib=0,
        )
        recordings = Recordings(BusClient(bus), device, 0)
        events = EventLog(bus)
        record = DeviceRecord(id=device, protocol="dvrip", address="127.0.0.1")
        await KeyValue(bus, KV_DEVICES, DeviceRecord).put(device, record)
        await events.start()
        try:
            async with Camera(bus, device, H264, pace=pace) as camera:
                running = RunningService(Recorder, settings)
                async with running:
                    await recordings.record(segment_s=10, **policy)
                    yield Rig(recordings, events, camera, settings, running, eventually)
        finally:
            await events.stop()
            await KeyValue(bus, KV_DEVICES, DeviceRecord).delete(device)

    return made


@pytest.fixture
def small_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> SmallDisk:
    """The disk the next recorder finds itself on."""
    disk = SmallDisk(tmp_path / "recordings", SIZE)
    monkeypatch.setattr(recorder_service, "Disk", lambda on_sync: disk)
    return disk


async def test_with_stop_recording_ends_with_an_alarm_and_goes_on_when_there_is_room(
    rig: Callable[..., object], small_disk: SmallDisk, tmp_path: Path
) -> None:
    async with rig(tmp_path, on_disk_full="stop") as made:
        await made.recorded(2)
        held = await made.recordings.seconds()
        small_disk.others = SIZE
        await made.alarm(AlarmType.STORAGE_FULL)

        async def explained() -> bool:
            return GapReason.DISK_FULL in await made.reasons()

        await made.eventually(explained)
        assert await made.recordings.seconds() >= held  # nothing was deleted
        await made.told_of_every_segment()
        small_disk.others = 0
        await made.recorded(2)
        await made.alarm(AlarmType.STORAGE_FULL, over=True)
        assert made.camera.keyframes_asked >= 1
    assert len(recovered(made.root)) >= 2


async def test_with_delete_oldest_recording_goes_on_and_the_oldest_go(
    rig: Callable[..., object], small_disk: SmallDisk, tmp_path: Path
) -> None:
    async with rig(tmp_path, pace=8.0) as made:
        await made.recorded(25)
        first = (await made.recordings.spans())[0].start
        small_disk.others = SIZE - small_disk.used

        async def moved_on() -> bool:
            spans = await made.recordings.spans()
            return bool(spans) and spans[0].start > first

        await made.eventually(moved_on, within_s=60)
        await made.told_of_every_segment()
        assert made.events.of(RAISED, made.settings.instance) == []  # that is how it is to be
    recovered(made.root)


async def test_when_even_the_oldest_do_not_make_room_it_is_told_and_it_heals(
    rig: Callable[..., object], small_disk: SmallDisk, tmp_path: Path
) -> None:
    async with rig(tmp_path) as made:
        await made.recorded(2)
        small_disk.others = SIZE
        await made.alarm(AlarmType.STORAGE_FULL)
        small_disk.others = 0
        await made.recorded(2)
        await made.alarm(AlarmType.STORAGE_FULL, over=True)
        await made.told_of_every_segment()


async def test_a_disk_that_fails_is_told_and_another_file_is_begun(
    rig: Callable[..., object], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    disk = BrokenDisk()
    monkeypatch.setattr(recorder_service, "Disk", lambda on_sync: disk)
    async with rig(tmp_path) as made:
        await made.recorded(2)
        disk.broken = True
        await made.alarm(AlarmType.STORAGE_ERROR)
        disk.broken = False
        await made.recorded(2)
        raised = made.events.of(RAISED, made.settings.instance)
        assert [event.type for event in raised] == [AlarmType.STORAGE_ERROR]
    assert len(recovered(made.root)) >= 2


def fill(folder: Path) -> Path:
    """Take every byte of a disk."""
    filler = folder / "somebody-else"
    with filler.open("wb", buffering=0) as file:
        for size in (1 << 20, 4096, 1):
            try:
                while file.write(bytes(size)) == size:
                    pass
            except OSError:
                continue
    return filler


async def test_on_a_real_disk_without_a_byte_left_events_are_told_and_recording_resumes(
    rig: Callable[..., object], mount: Callable[..., Path], tmp_path: Path
) -> None:
    """Outbox, index and journal are on that disk too."""
    folder = mount(tmp_path / "disk", "-t", "tmpfs", "-o", "size=32m", "none")
    assert isinstance(Disk().space(folder), tuple)
    async with rig(folder, on_disk_full="stop") as made:
        await made.recorded(2)
        filler = await asyncio.to_thread(fill, folder)
        assert Disk().space(folder)[0] == 0
        await made.alarm(AlarmType.STORAGE_FULL)

        async def explained() -> bool:
            return GapReason.DISK_FULL in await made.reasons()

        await made.eventually(explained)
        await made.told_of_every_segment()
        filler.unlink()
        await made.recorded(2)
        await made.alarm(AlarmType.STORAGE_FULL, over=True)
        await made.told_of_every_segment()
    assert len(recovered(made.root)) >= 2
