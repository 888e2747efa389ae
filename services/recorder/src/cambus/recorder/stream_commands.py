"""Recording by hand, and what this replica has in hand."""

import asyncio
import shutil
import time
from collections.abc import Callable
from concurrent.futures import Executor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cambus.bus.calls import CallContext
from cambus.bus.endpoints import Endpoints
from cambus.recorder.index import Index
from cambus.recorder.layout import from_us
from cambus.recorder.share import Share
from cambus.recorder.stream_recorder import StreamRecorder
from cambus.schemas import keys
from cambus.schemas.commands import recorder_streams as commands
from cambus.schemas.errors import NotFound
from cambus.schemas.model import Done, Empty
from cambus.schemas.state.recorders import ManualRecording


class StreamCommands:
    """Answers `recording.start`, `recording.stop` and `streams.list`.

    Args:
        replica: this replica's name.
        root: the folder of the recordings.
        index: its index.
        threads: where it is read.
        share: the streams in hand.
        full: the attribute `full` says whether the disk is.
        copying: how far the copies are; None if nothing is copied.
    """

    def __init__(
        self,
        replica: str,
        root: Path,
        index: Index,
        threads: Executor,
        share: Share,
        full: Any,
        copying: Callable[[], commands.CopyingState | None] = lambda: None,
    ) -> None:
        self._replica = replica
        self._root = root
        self._index = index
        self._threads = threads
        self._share = share
        self._full = full
        self._copying = copying

    def register(self, endpoints: Endpoints) -> None:
        """Answer the commands."""
        endpoints.add(commands.RECORDING_START, self.start)
        endpoints.add(commands.RECORDING_STOP, self.stop)
        endpoints.add(commands.STREAMS_LIST, self.list_streams)

    async def start(self, _: CallContext, request: commands.RecordingStartRequest) -> ManualRecording:
        """Have a stream recorded for a while, by whichever replica it falls to.

        Raises:
            NotFound: There is no such device.
        """
        policies = self._share.policies
        if request.device not in policies.devices:
            raise NotFound(f"there is no device {request.device}", reason="no-such-device")
        key = keys.manual_recording(request.device, request.channel, request.stream, request.claimant)
        now = datetime.now(UTC)
        before = policies.orders.get(key)
        order = ManualRecording(
            device=request.device,
            channel=request.channel,
            stream=request.stream,
            claimant=request.claimant,
            since=before.since if before is not None and before.until > now else now,
            until=now + timedelta(seconds=request.duration_s),
            pre_roll_s=request.pre_roll_s,
        )
        await policies.ordered.put(key, order)
        return order

    async def stop(self, _: CallContext, request: commands.RecordingStopRequest) -> Done:
        """End such a recording.

        Raises:
            NotFound: Nobody of that name has it recorded.
        """
        policies = self._share.policies
        key = keys.manual_recording(request.device, request.channel, request.stream, request.claimant)
        if await policies.ordered.get(key) is None:
            raise NotFound(f"{request.claimant} has no recording there", reason="no-such-recording")
        await policies.ordered.delete(key)
        return Done()

    async def list_streams(self, _: CallContext, __: Empty) -> commands.RecorderStreamsReply:
        """What this replica has in hand, and how full its disk is."""
        loop = asyncio.get_running_loop()
        size = await loop.run_in_executor(self._threads, self._index.total_bytes)
        free = await loop.run_in_executor(self._threads, shutil.disk_usage, self._root)
        now_us = time.time_ns() // 1000
        recorders = sorted(self._share.assignments or (), key=lambda each: each.key)
        return commands.RecorderStreamsReply(
            replica=self._replica,
            streams=[self._stream(recorder, now_us) for recorder in recorders],
            bytes=size,
            free_bytes=free.free,
            disk_full=self._full.full,
            copying=self._copying(),
        )

    def _stream(self, recorder: StreamRecorder, now_us: int) -> commands.RecordingStream:
        state, want, until_us = recorder.state(now_us)
        key = recorder.key
        now = from_us(now_us)
        return commands.RecordingStream(
            device=key.device,
            channel=key.channel,
            stream=key.stream,  # type: ignore[arg-type]  # the model checks it
            state=state,
            trigger=want.trigger,
            until=None if until_us is None else from_us(until_us),
            manual=[
                order
                for order in self._share.policies.orders.values()
                if (order.device, order.channel, order.stream) == (key.device, key.channel, key.stream)
                and order.until > now
            ],
        )
