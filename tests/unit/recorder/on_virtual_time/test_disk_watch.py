"""How soon a disk that was full is written to again."""

import asyncio
import contextlib
from concurrent.futures import Executor, Future
from pathlib import Path

import pytest
from disks import SmallDisk

from cambus.bus.metrics import Metrics
from cambus.recorder import disk_watch
from cambus.recorder.disk_watch import DiskWatch
from cambus.recorder.index import Index
from cambus.recorder.layout import StreamKey
from cambus.recorder.observe import RecorderMetrics
from cambus.recorder.policies import StreamPolicy
from cambus.recorder.retention import Retention
from cambus.schemas.spans import GapReason

KEY = StreamKey("gate-1", 0, "main")
MIB = 1 << 20
PROMISED_S = 5.0


class AtOnce(Executor):
    """Does what it is given where it stands."""

    def submit(self, function, /, *arguments, **named):
        done = Future()
        try:
            done.set_result(function(*arguments, **named))
        except OSError as error:
            done.set_exception(error)
        return done


class Alarms:
    """Hears what is told."""

    def __init__(self, *_):
        self.full = None

    async def tell(self, kind, raised, text):
        if kind.value == "storage-full":
            Alarms.full = raised


@pytest.mark.parametrize("stop_when_full", [True, False])
@pytest.mark.parametrize("refused", [True, False])
async def test_media_is_written_again_within_five_seconds_of_free_space(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loop, stop_when_full: bool, refused: bool
) -> None:
    monkeypatch.setattr(disk_watch, "DiskAlarms", Alarms)
    policy = StreamPolicy(60.0, None, None, stop_when_full)
    disk = SmallDisk(tmp_path, 1000 * MIB)
    metrics = RecorderMetrics(Metrics())
    with Index(tmp_path) as index:
        retention = Retention(tmp_path, index, 100 * MIB, metrics, lambda _: False, disk)
        watch = DiskWatch(retention, index, metrics, "r-0", clock=loop.time)
        running = asyncio.create_task(watch.run(None, AtOnce(), lambda: {KEY: policy}))
        try:
            for _ in range(3):  # it comes and goes
                disk.others = 1000 * MIB
                if refused:
                    watch.failed(GapReason.DISK_FULL)
                await asyncio.sleep(30)
                assert not retention.may_write(stop_when_full=stop_when_full)
                assert Alarms.full is True
                disk.others = 0
                await asyncio.sleep(PROMISED_S)
                assert retention.may_write(stop_when_full=stop_when_full)
                assert Alarms.full is False
        finally:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running
