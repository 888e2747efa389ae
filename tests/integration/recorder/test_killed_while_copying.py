"""Killed at any instant of an upload: after a restart every copy is made once and whole, and none is told before."""

import asyncio
import hashlib
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from recorded_frames import real_frames, write_recordings
from s3_endpoint import BUCKET, KEY_ID, REGION, SECRET, S3Endpoint

from cambus.recorder.copies import Copies
from cambus.recorder.copy_containers import Weight, blocks
from cambus.recorder.copy_marks import copy_states, read_copied
from cambus.recorder.copy_store import CopyStore, StoreAddress
from cambus.recorder.index import Index
from cambus.recorder.layout import StreamKey

Eventually = Callable[..., Awaitable[None]]
PROCESS = Path(__file__).parents[2] / "support" / "copying_process.py"
KEY = StreamKey("gate-1", 0, "main")
PART_BYTES = 50_000


@asynccontextmanager
async def copying(folder: Path, s3: S3Endpoint) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(PROCESS), str(folder / "recordings"), s3.url),
        *(f"s3://{BUCKET}/site-a", REGION, str(folder / "id"), str(folder / "secret"), str(PART_BYTES)),
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_killed_while_uploading_each_copy_is_made_once_and_whole(
    tmp_path: Path, eventually: Eventually
) -> None:
    root = tmp_path / "recordings"
    write_recordings(root, KEY, real_frames(200), segment_s=4.0)
    (tmp_path / "id").write_text(KEY_ID)
    (tmp_path / "secret").write_text(SECRET)
    with Index(root) as index:
        segments = index.all_segments()
    names = [each.name for each in segments]
    copies = Copies(root)
    for segment in segments:
        copies.add(segment, "mp4")
    content = {each.id: b"".join(blocks(root, each, "mp4")) for each in segments}
    parts = -(-len(content[segments[0].id]) // PART_BYTES)
    assert parts > 2
    async with S3Endpoint() as s3:
        for before in (2, 1 + parts):  # sending a part of it, completing it
            s3.faults.extend(["ok"] * before + ["slow"])
            async with copying(tmp_path, s3):
                await eventually(lambda: not s3.faults)
            await eventually(lambda: not s3.busy)
            assert s3.objects == {}
            assert [read_copied(root, name) for name in names] == [None, None]
            assert set(copy_states(root, names).values()) == {"pending"}
        s3.release.set()  # the storage completes what it was told last, though nobody hears of it any more
        await eventually(lambda: len(s3.stored) == 1)
        async with copying(tmp_path, s3) as process:
            assert await process.wait() == 0
        assert len(s3.stored) == len(set(s3.stored)) == len(segments)
    assert {each.data for each in s3.objects.values()} == set(content.values())
    for segment in segments:
        copied = read_copied(root, segment.name)
        assert copied is not None
        assert s3.objects["site-a/" + copied.url.rpartition("/")[2]].data == content[segment.id]
    assert set(copy_states(root, names).values()) == {"copied"}
    again = Copies(root)
    with Index(root) as index:
        again.load(index)
    assert again.pending == 0


async def test_a_folder_keeps_nothing_of_a_copy_that_was_cut_short(tmp_path: Path) -> None:
    """What a kill leaves of a file is under a name of its own, and goes with the next attempt."""
    folder = tmp_path / "copies"
    (folder / "gate").mkdir(parents=True)
    (folder / "gate" / "a.mp4#1").write_bytes(b"half of it")
    (folder / "gate" / "b.mp4#1").write_bytes(b"of another")
    store = CopyStore(StoreAddress(f"file://{folder}"))
    assert await store.held("gate/a.mp4") is None

    async def content() -> AsyncIterator[bytes]:
        yield b"all of it"

    await store.put(
        "gate/a.mp4", content(), Weight(9, hashlib.sha256(b"all of it").hexdigest()), content_type="video/mp4"
    )
    assert sorted(path.name for path in (folder / "gate").iterdir()) == ["a.mp4", "b.mp4#1"]
