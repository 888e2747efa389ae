"""Recordings: fetched as a user would, and there again whatever instant the recorder is killed at."""

import asyncio
import itertools
import signal
from pathlib import Path

import pytest
import pytest_asyncio
from recordings import Recordings, covers, fetched, pictures_of, unexplained
from suite import recorder_device, running_suite, until

from cambus.schemas.events import recording as recording_events
from cambus.schemas.spans import GapReason, RecordedSpan

pytestmark = pytest.mark.asyncio(loop_scope="module")

NVR = "recording-nvr"
FPS = 25
SEGMENT_S = 10


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def suite(folder):
    async with (
        recorder_device() as nvr,
        running_suite(folder, "connector-dvrip", "recorder") as running,
    ):
        await running.add(NVR, nvr.port)
        await running.online(NVR)
        await Recordings(running.client, NVR, 0).record(segment_s=SEGMENT_S)
        yield running


def files(folder: Path) -> list[Path]:
    """The recorded files, oldest first within a channel."""
    return sorted((folder / "recorder" / "recordings").rglob("*.mp4"))


@pytest.mark.parametrize("channel", [0, 1])
async def test_what_is_recorded_is_exported_by_ranges_and_plays(suite, channel):
    recordings = Recordings(suite.client, NVR, channel)

    async def enough() -> bool:
        return await recordings.seconds() >= 4

    await until(enough, what="4 s recorded")
    span = (await recordings.spans())[0]
    reference = await recordings.export(span.start, span.end)
    body = await fetched(reference.url, reference.bytes, pieces=3)
    times = await asyncio.to_thread(pictures_of, body)
    duration = (reference.end - reference.start).total_seconds()
    assert abs(len(times) - duration * FPS) <= 2
    assert all(before < after for before, after in itertools.pairwise(times))
    assert abs(times[-1] - times[0] + 1 / FPS - duration) <= 2 / FPS
    assert [(each.start, each.end) for each in reference.covered] == [(reference.start, reference.end)]


async def test_nothing_that_was_reported_is_lost_whenever_the_recorder_is_killed(suite, folder):
    cameras = [Recordings(suite.client, NVR, channel) for channel in (0, 1)]
    reported: dict[int, list[RecordedSpan]] = {0: [], 1: []}

    async def ask() -> None:
        for camera in cameras:
            reported[camera.channel] += await camera.spans()

    async def kill() -> None:
        """Ask to the last, kill, and see that everything that was there comes back."""
        await ask()
        killed = suite.kill("recorder")
        await suite.back("recorder", killed)
        for camera in cameras:
            spans = await camera.spans()
            lost = [span for span in reported[camera.channel] if not covers(spans, span)]
            assert lost == []

    before = len(files(folder))
    await until(lambda: len(files(folder)) > before, what="a new segment")
    await kill()  # right after a file was created and another was closed

    before = len(files(folder))
    await until(lambda: len(files(folder)) > before, what="a first segment after the restart")
    await kill()  # with a file that has hardly begun

    recorded = await cameras[0].seconds()

    async def goes_on() -> bool:
        await ask()
        return await cameras[0].seconds() > recorded + 2

    await until(goes_on, what="recording goes on")
    await kill()  # in the middle of a fragment

    for camera in cameras:
        found = await camera.found()
        assert unexplained(found.spans, found.gaps) == []
        assert GapReason.OTHER not in {gap.reason for gap in found.gaps}

    recorded = await cameras[0].seconds()
    await until(goes_on, what="recording goes on")
    written = files(folder)
    await suite.back("recorder", suite.kill("recorder", signal.SIGTERM))
    assert list(folder.rglob("*.broken")) == []
    for path in written:
        times = await asyncio.to_thread(pictures_of, path)
        assert len(times) >= 2
        assert all(before < after for before, after in itertools.pairwise(times))
    repaired = [event for event in suite.events.of(recording_events.CLOSED, NVR) if event.repaired]
    assert repaired  # a segment that was cut by a kill is announced all the same
