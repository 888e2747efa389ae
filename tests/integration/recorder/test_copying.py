"""A whole recorder that copies what a policy says."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from event_log import EventLog
from recorded_frames import real_frames, write_recordings
from s3_endpoint import BUCKET, KEY_ID, REGION, SECRET, S3Endpoint

from cambus.bus.assets import ensure_assets
from cambus.bus.connection import Bus
from cambus.bus.in_process import RunningService
from cambus.bus.testing import NatsServer
from cambus.client.calling import BusClient
from cambus.client.kv import KeyValue
from cambus.recorder import copier, copies, copy_store, copying
from cambus.recorder.copy_names import CopyNames
from cambus.recorder.index import Index
from cambus.recorder.layout import StreamKey, to_us
from cambus.recorder.maintenance import maintain
from cambus.recorder.service import Recorder
from cambus.recorder.settings import RecorderSettings
from cambus.schemas import keys
from cambus.schemas.alarms import AlarmType
from cambus.schemas.assets import KV_DEVICES, KV_POLICIES
from cambus.schemas.commands.recorder_copies import (
    RECORDING_COPIES,
    RecordingCopiesReply,
    RecordingCopiesRequest,
)
from cambus.schemas.commands.recorder_streams import STREAMS_LIST, CopyingState
from cambus.schemas.errors import CambusError
from cambus.schemas.events.alarm import CLEARED, RAISED
from cambus.schemas.matching import DeviceMatch
from cambus.schemas.model import Empty
from cambus.schemas.state.devices import DeviceRecord
from cambus.schemas.state.recording_policy import RecordingPolicy

Eventually = Callable[..., Awaitable[None]]


class Scene:
    """A recorder with a day-old recording of two files that nobody was told of, as after a crash."""

    def __init__(self, bus: Bus, device: str, replica: str, nats_url: str, folder: Path) -> None:
        self.bus, self.device, self.folder = bus, device, folder
        self.replica = replica
        self.client = BusClient(bus)
        self._nats_url = nats_url
        self.start = datetime.now(UTC) - timedelta(days=1)
        key = StreamKey(device, 0, "main")
        write_recordings(folder / "recordings", key, real_frames(200, start_us=to_us(self.start)))
        with Index(folder / "recordings") as index:
            self.segments = index.all_segments()

    @asynccontextmanager
    async def recorder(
        self, copy_url: str, **more: object
    ) -> AsyncIterator[RunningService[RecorderSettings]]:
        settings = RecorderSettings(
            nats_url=self._nats_url,
            instance=self.replica,
            data_dir=self.folder,
            disk_reserve_mib=0,
            copy_url=copy_url,
            copy_name="{device}_{channel}_{start}.{ext}",
            **more,
        )
        async with RunningService(Recorder, settings) as running:
            yield running

    async def record(self, **policy: object) -> None:
        match = DeviceMatch(devices=[self.device], channels=[0])
        wanted = RecordingPolicy(id=self.device, match=match, **policy)
        await KeyValue(self.bus, KV_POLICIES, RecordingPolicy).put(
            keys.RECORDING_POLICIES + self.device, wanted
        )
        record = DeviceRecord(id=self.device, protocol="dvrip", address="127.0.0.1")
        await KeyValue(self.bus, KV_DEVICES, DeviceRecord).put(self.device, record)

    async def copies(self) -> RecordingCopiesReply:
        request = RecordingCopiesRequest(
            device=self.device, start=self.start - timedelta(hours=1), end=self.start + timedelta(hours=1)
        )
        found = await self.client.broadcast(RECORDING_COPIES, request, quiet_s=0.2)
        return next(each for each in found if each.replica == self.replica)

    async def state(self) -> CopyingState:
        found = await self.client.broadcast(STREAMS_LIST, Empty(), quiet_s=0.2)
        state = next(each for each in found if each.replica == self.replica).copying
        assert state is not None
        return state

    async def both_wait(self) -> bool:
        return (await self.state()).pending == 2

    async def all_copied(self) -> bool:
        try:
            return [each.state for each in (await self.copies()).copies] == ["copied", "copied"]
        except (CambusError, StopIteration):
            return False


@pytest.fixture
async def scene(
    bus: Bus,
    device: str,
    unique: str,
    nats_server: NatsServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Scene]:
    monkeypatch.setattr(copier, "LOOK_S", 0.05)
    monkeypatch.setattr(copying, "ALARM_LOOK_S", 0.05)
    monkeypatch.setattr(copies, "FIRST_RETRY_S", 0.1)
    monkeypatch.setattr(copies, "LONGEST_RETRY_S", 0.2)
    monkeypatch.setattr(copy_store, "RETRIES", 0)
    await ensure_assets(bus)
    yield Scene(bus, device, f"recorder-{unique}", nats_server.url, tmp_path)
    await KeyValue(bus, KV_DEVICES, DeviceRecord).delete(device)
    await KeyValue(bus, KV_POLICIES, RecordingPolicy).delete(keys.RECORDING_POLICIES + device)


async def test_what_a_policy_says_is_copied_and_can_be_found(
    scene: Scene, eventually: Eventually, capsys: pytest.CaptureFixture[str]
) -> None:
    await scene.record(upload=True, upload_as="ts")
    async with scene.recorder(f"file://{scene.folder}/copies"):
        await eventually(scene.all_copied)
        found = (await scene.copies()).copies
        state = await scene.state()
        assert maintain(["reindex", "--recordings", str(scene.folder / "recordings")]) == 1  # it is in use
    names = [CopyNames("{device}_{channel}_{start}.{ext}").name(each, "r", "ts") for each in scene.segments]
    assert [each.url for each in found] == [f"file://{scene.folder}/copies/{name}" for name in names]
    assert sorted(path.name for path in (scene.folder / "copies").iterdir()) == sorted(names)
    assert [each.segment for each in found] == [each.id for each in scene.segments]
    assert (state.pending, state.copied, state.lost, state.failing_since) == (0, 2, 0, None)
    assert maintain(["copies", "--recordings", str(scene.folder / "recordings"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"pending": [], "copied": 2}


@pytest.mark.parametrize("policy", [{}, {"upload": True, "upload_what": "alarm"}])
async def test_what_no_policy_says_is_not_copied(
    scene: Scene, eventually: Eventually, policy: dict[str, object]
) -> None:
    await scene.record(**policy)
    async with scene.recorder(f"file://{scene.folder}/copies"):

        async def announced() -> bool:
            with Index(scene.folder / "recordings") as index:
                return not index.unannounced()

        await eventually(announced)
        assert (await scene.copies()).copies == []
        assert (await scene.state()).copied == 0
    assert not [*scene.folder.rglob("*.copy"), *scene.folder.rglob("*.copied")]


async def test_an_alarm_says_that_copies_fail_and_that_they_are_back(
    scene: Scene, bus: Bus, eventually: Eventually
) -> None:
    for name, text in (("id", KEY_ID), ("secret", SECRET)):
        (scene.folder / name).write_text(text)
    await scene.record(upload=True)
    log = EventLog(bus)
    await log.start()
    async with S3Endpoint() as s3:
        s3.always = "503"
        async with scene.recorder(
            f"s3://{BUCKET}/site",
            copy_endpoint=s3.url,
            copy_region=REGION,
            copy_key_id_file=scene.folder / "id",
            copy_secret_file=scene.folder / "secret",
            copy_alarm_s=0.1,
        ):
            await eventually(lambda: log.of(RAISED, scene.replica))
            await eventually(scene.both_wait)
            s3.always = None
            await eventually(lambda: log.of(CLEARED, scene.replica))
            await eventually(scene.all_copied)
        assert len(s3.objects) == 2
    await log.stop()
    (raised,), (cleared,) = log.of(RAISED, scene.replica), log.of(CLEARED, scene.replica)
    assert raised.type is cleared.type is AlarmType.STORAGE_CLOUD
    assert "503 from the storage" in raised.text
    assert SECRET not in raised.text


def test_settings_that_copy_nowhere_are_refused() -> None:
    for wrong in (
        {"copy_url": "http://example.org/x"},
        {"copy_url": "s3://key:secret@bucket/x"},
        {"copy_url": "file:///a/../b"},
        {"copy_url": "s3://bucket?x=1"},
        {"copy_name": "{device}.{ext}"},
        {"copy_secret_file": Path("/nowhere")},
        {"copy_endpoint": "http://key:secret@127.0.0.1"},
    ):
        with pytest.raises(ValueError, match=r"copy|must|needs"):
            RecorderSettings(**wrong)
