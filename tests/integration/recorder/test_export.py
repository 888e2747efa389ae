"""Exports over the bus and HTTP: asked about, given up, gone after a restart."""

import asyncio
from pathlib import Path

import aiohttp
import pytest
from recorded_frames import START_US, keyframe_first, real_frames, write_recordings
from recordings import fetched, pictures_of

from cambus.bus.assets import ensure_assets
from cambus.bus.in_process import RunningService
from cambus.client.calling import BusClient
from cambus.recorder.layout import StreamKey, from_us
from cambus.recorder.service import Recorder
from cambus.recorder.settings import RecorderSettings
from cambus.schemas.commands import recorder, recorder_export
from cambus.schemas.errors import NotFound

SECOND_US = 1_000_000
PICTURES = 150 + 150
"""Of both: four seconds of the first, of which the second holds the last two, and what only that holds."""


class Suite:
    """Two recorders, of which the second holds more."""

    def __init__(self, client, device, url, folder: Path):
        self.client = client
        self.device = device
        self.url = url
        self.folder = folder

    def settings(self, name):
        return RecorderSettings(
            nats_url=self.url,
            instance=f"{name}-{self.device}"[:64],
            data_dir=self.folder / name,
            disk_reserve_mib=0,
        )

    async def begin(self, **fields):
        request = recorder.RecordingExportRequest(
            device=self.device,
            channel=0,
            **{"start": from_us(START_US), "end": from_us(START_US + 100 * SECOND_US), **fields},
        )
        return await self.client.call(recorder_export.EXPORT_BEGIN, request)

    async def status(self, export):
        return await self.client.call_holder(
            recorder_export.EXPORT_STATUS, recorder_export.ExportRequest(export=export)
        )

    async def ready(self, export):
        async with asyncio.timeout(30):
            while (state := await self.status(export)).state in {"waiting", "preparing"}:  # noqa: ASYNC110 - as callers do
                await asyncio.sleep(0.02)
        return state


@pytest.fixture
async def suite(bus, device, nats_server, tmp_path):
    await ensure_assets(bus)
    made = Suite(BusClient(bus), device, nats_server.url, tmp_path)
    key = StreamKey(device, 0, "main")
    write_recordings(made.settings("a").recordings, key, real_frames(100))
    later = [*real_frames(100, first=50), *keyframe_first(real_frames(150, first=150, pause=500))]
    write_recordings(made.settings("b").recordings, key, keyframe_first(later))
    return made


async def test_what_several_recorders_hold_is_one_file_that_plays_in_ffmpeg(suite):
    async with RunningService(Recorder, suite.settings("a")), RunningService(Recorder, suite.settings("b")):
        begun = await suite.begin(gaps="close")
        assert begun.replica == suite.settings("b").instance
        state = await suite.ready(begun.export)
        assert (state.state, state.progress, state.error) == ("ready", 1.0, None)
        both = [suite.settings(name).instance for name in ("b", "a")]
        assert state.ref.replicas == both
        assert not {*both} & {*state.ref.silent}  # others, of other tests, are known and away
        body = await fetched(state.ref.url, state.ref.bytes, pieces=5)
        assert body.index(b"moov") < body.index(b"mdat")
        times = pictures_of(body)
        # Where both hold the same two seconds they are in it once.
        assert len(times) == PICTURES
        assert state.ref.covered[0].start == from_us(START_US)
        assert times[-1] - times[0] == pytest.approx((PICTURES - 1) / 25, abs=0.1)
        assert len(state.ref.covered) == 2
        other = await suite.ready((await suite.begin(gaps="close", container="ts")).export)
        stream = await fetched(other.ref.url, other.ref.bytes, pieces=3)
        assert other.ref.url.endswith(".ts")
        assert len(pictures_of(stream)) == PICTURES
        await suite.client.call_holder(
            recorder_export.EXPORT_CANCEL, recorder_export.ExportRequest(export=other.export)
        )
        folders = [suite.settings(name).recordings / ".exports" for name in ("a", "b")]
        assert [folder.exists() for folder in folders] == [False, True]
        await suite.client.call_holder(
            recorder_export.EXPORT_CANCEL, recorder_export.ExportRequest(export=state.export)
        )
        async with asyncio.timeout(30):
            while list(folders[1].iterdir()):  # noqa: ASYNC110 - removed by a thread
                await asyncio.sleep(0.02)


async def test_what_a_recorder_that_is_away_holds_is_told_to_be_missing(suite):
    async with RunningService(Recorder, suite.settings("a")), RunningService(Recorder, suite.settings("b")):
        pass
    async with RunningService(Recorder, suite.settings("b")):
        state = await suite.ready((await suite.begin()).export)
        assert state.state == "ready"
        assert suite.settings("a").instance in state.ref.silent
        assert state.ref.replicas == [suite.settings("b").instance]


async def test_one_that_is_given_up_can_not_be_fetched(suite):
    async with RunningService(Recorder, suite.settings("b")):
        state = await suite.ready((await suite.begin()).export)
        await suite.client.call_holder(
            recorder_export.EXPORT_CANCEL, recorder_export.ExportRequest(export=state.export)
        )
        assert (await suite.status(state.export)).state == "cancelled"
        async with aiohttp.ClientSession() as session, session.get(state.ref.url) as answer:
            assert answer.status == 404


async def test_nothing_is_left_of_exports_after_a_restart(suite):
    settings = suite.settings("b")
    async with RunningService(Recorder, settings) as running:
        state = await suite.ready((await suite.begin()).export)
        before = {path for path in settings.data_dir.rglob("*") if path.suffix == ".mp4"}
        await running.crash()
    async with RunningService(Recorder, settings):
        with pytest.raises(NotFound):
            await suite.status(state.export)
        assert {path for path in settings.data_dir.rglob("*") if path.suffix == ".mp4"} == before
        assert not [path for path in settings.data_dir.rglob("*") if "exp" in path.name]


async def test_nothing_recorded_is_said_at_once(suite):
    async with RunningService(Recorder, suite.settings("b")):
        with pytest.raises(NotFound):
            await suite.begin(
                start=from_us(START_US + 10_000 * SECOND_US), end=from_us(START_US + 10_001 * SECOND_US)
            )
        with pytest.raises(NotFound):
            await suite.status("exp-nobody")
