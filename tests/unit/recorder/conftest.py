"""Real frames and a folder to record into."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from recorded_frames import real_frames, write_recordings

from cambus.media.frame import Frame
from cambus.recorder.layout import StreamKey

KEY = StreamKey("gate-1", 0, "main")


@pytest.fixture
def frames() -> Callable[..., list[Frame]]:
    return real_frames


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "recordings"


@pytest.fixture
def record(root: Path) -> Callable[..., list[tuple[int, int]]]:
    """Records frames as the service does; the spans that were reported durable."""

    def run(
        frames: list[Frame], *, segment_s: float = 4.0, key: StreamKey = KEY, close: bool = True
    ) -> list[tuple[int, int]]:
        return write_recordings(root, key, frames, segment_s=segment_s, close=close)

    return run


@pytest.fixture(scope="session")
def quick_folders() -> Iterator[Callable[[], Path]]:
    """Makes folders where syncing costs nothing, for tests that sync thousands of times: in memory, if there is one."""
    memory = Path("/dev/shm")  # a folder of our own is made in it
    with ExitStack() as folders:
        yield lambda: Path(
            folders.enter_context(tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None))
        )


@pytest.fixture
def quick_folder() -> Iterator[Path]:
    """Such a folder for one test."""
    memory = Path("/dev/shm")  # a folder of our own is made in it
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        yield Path(folder)
