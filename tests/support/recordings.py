"""What the recorder of a running suite holds: searched on the bus, fetched by HTTP, judged by FFmpeg."""

import asyncio
import io
import itertools
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import av

from cambus.client.calling import BusClient
from cambus.schemas.commands import recorder as commands
from cambus.schemas.matching import DeviceMatch
from cambus.schemas.spans import RecordedSpan, RecordingGap, TimeRange
from cambus.schemas.state.recording_policy import RecordingPolicy

JITTER = timedelta(seconds=2)
"""A hole shorter than this is no gap to the recorder."""


class Recordings:
    """The recordings of one camera.

    Args:
        client: calls the recorder.
        device: the device.
        channel: the channel.
    """

    def __init__(self, client: BusClient, device: str, channel: int) -> None:
        self._client = client
        self.device = device
        self.channel = channel

    async def record(self, **policy: Any) -> None:
        """Have every channel of the device recorded from now on."""
        wanted = RecordingPolicy(id=self.device, match=DeviceMatch(devices=[self.device]), **policy)
        await self._client.call(commands.POLICY_SET, commands.PolicySetRequest(policy=wanted))

    async def found(self) -> commands.RecordedFindReply:
        """Everything there is. Raises CambusError while the recorder is away."""
        now = datetime.now(UTC)
        request = commands.RecordedFindRequest(
            device=self.device,
            channel=self.channel,
            start=now - timedelta(hours=1),
            end=now + timedelta(hours=1),
        )
        (reply,) = await self._client.broadcast(commands.RECORDING_FIND, request, expected=1)
        return reply

    async def spans(self) -> list[RecordedSpan]:
        """The spans, by time."""
        return sorted((await self.found()).spans, key=lambda span: span.start)

    async def seconds(self) -> float:
        """How much is recorded."""
        return sum((span.end - span.start).total_seconds() for span in await self.spans())

    async def export(self, start: datetime, end: datetime) -> commands.ExportRef:
        """Have an MP4 prepared."""
        request = commands.RecordingExportRequest(
            device=self.device, channel=self.channel, start=start, end=end
        )
        (reference,) = await self._client.broadcast(commands.RECORDING_EXPORT, request, expected=1)
        return reference


async def fetched(url: str, size: int, *, pieces: int) -> bytes:
    """Fetch a file of known size by HTTP ranges, the last piece first."""
    bounds = [size * number // pieces for number in range(pieces + 1)]
    parts: dict[int, bytes] = {}
    async with asyncio.timeout(60), aiohttp.ClientSession() as session:
        for number in reversed(range(pieces)):
            first, last = bounds[number], bounds[number + 1] - 1
            async with session.get(url, headers={"Range": f"bytes={first}-{last}"}) as answer:
                assert answer.status == 206
                assert answer.headers["Content-Range"] == f"bytes {first}-{last}/{size}"
                parts[number] = await answer.read()
    return b"".join(parts[number] for number in range(pieces))


def pictures_of(source: Path | bytes) -> list[float]:
    """Decode all of a file, sound too; the times of its pictures in seconds. Raises FFmpegError if it does not play."""
    times = []
    with av.open(io.BytesIO(source) if isinstance(source, bytes) else str(source)) as opened:
        for frame in opened.decode(video=0):
            assert frame.time is not None
            times.append(frame.time)
    with av.open(io.BytesIO(source) if isinstance(source, bytes) else str(source)) as opened:
        for sound in opened.streams.audio:
            assert sum(frame.samples for frame in opened.decode(sound)) > 0
    return times


def covers(
    spans: list[RecordedSpan], wanted: TimeRange, slack: timedelta = timedelta(milliseconds=1)
) -> bool:
    """Whether some spans hold all of a stretch of time, but for holes no longer than `slack`."""
    reached = wanted.start
    for span in sorted(spans, key=lambda each: each.start):
        if span.start - reached <= slack:
            reached = max(reached, span.end)
    return reached >= wanted.end - slack


def unexplained(spans: list[RecordedSpan], gaps: list[RecordingGap]) -> list[TimeRange]:
    """The holes between spans that are in no row of the ledger though they are long enough for one."""
    ordered = sorted(spans, key=lambda span: span.start)
    holes = [
        TimeRange(start=before.end, end=after.start)
        for before, after in itertools.pairwise(ordered)
        if after.start - before.end >= JITTER
    ]
    return [
        hole
        for hole in holes
        if not any(gap.start - JITTER / 2 <= hole.start and gap.end + JITTER / 2 >= hole.end for gap in gaps)
    ]
