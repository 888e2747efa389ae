"""HLS segments in unnamed files: what was written is what is read, nothing is left, a full disk costs only memory."""

import asyncio
import errno
import gc
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from cambus.media.parameter_sets import ParameterSetTracker
from cambus.media_relay import hls_folder
from cambus.media_relay.format_hls import HlsFormat
from cambus.media_relay.hls_folder import MOST_WAITING_BYTES, Extent, FolderLimits, HlsFolder
from cambus.media_relay.hls_segments import HlsLimits, SegmentWindow

DATA = bytes(range(256)) * 4096


class System:
    """The `os` the folder sees, with faults."""

    def __init__(self):
        self.room = None
        self.largest = 1 << 30

    def __getattr__(self, name):
        return getattr(os, name)

    def write(self, descriptor, data):
        if self.room is not None and self.room < len(data):
            raise OSError(errno.ENOSPC, "No space left on device")
        return os.write(descriptor, data[: self.largest])


@pytest.fixture
def system(monkeypatch):
    found = System()
    monkeypatch.setattr(hls_folder, "os", found)
    return found


@pytest.fixture
def thread():
    with ThreadPoolExecutor(1) as executor:
        yield executor


@pytest.fixture
def folder(tmp_path, thread):
    return HlsFolder(tmp_path / "segments", thread)


async def settled(thread):
    """Once the thread has done what it was given, and the loop has heard of it."""
    await asyncio.to_thread(thread.submit(int).result)
    for _ in range(3):  # from the thread to its future, from there to who waits for it
        await asyncio.sleep(0)


@pytest.fixture
def stored(folder, thread):
    async def store(data=DATA):
        """The file, None if it could not be written."""
        kept = []
        folder.keep(data, kept.append)
        await settled(thread)
        return kept[0] if kept else None

    return store


async def test_what_was_written_is_read_and_has_no_name(tmp_path, stored):
    file = await stored()
    assert file.read(0, len(DATA)) == DATA
    assert Extent(file, 1000, 500).read(400, 4096) == DATA[1400:1500]
    assert list((tmp_path / "segments").iterdir()) == []


@pytest.mark.parametrize("error", [errno.EOPNOTSUPP, errno.EISDIR])
async def test_a_file_system_without_unnamed_files_keeps_no_name_either(error, tmp_path, system, stored):
    def refuse(*arguments):
        raise OSError(error, "no such thing")

    system.open = refuse
    file = await stored()
    assert file.read(0, len(DATA)) == DATA
    assert list((tmp_path / "segments").iterdir()) == []


async def test_a_segment_is_whole_though_the_disk_takes_little_at_a_time(system, stored):
    system.largest = 100_000
    file = await stored()
    assert file.read(0, len(DATA)) == DATA


async def test_a_file_is_closed_with_its_last_user(stored, system):
    closed = []
    system.close = lambda descriptor: closed.append(descriptor) or os.close(descriptor)
    file = await stored()
    extent = Extent(file, 0, 10)
    del file
    gc.collect()
    assert extent.read(0, 10) == DATA[:10]
    assert not closed
    del extent
    gc.collect()
    assert len(closed) == 1


async def test_a_full_disk_is_told_once_and_again_when_there_is_room(folder, system, caplog, stored):
    caplog.set_level("INFO")
    system.room = 1000
    assert await stored() is None
    assert await stored() is None
    system.room = None
    assert await stored() is not None
    assert folder.failures == 2
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert "No space left" in caplog.records[0].reason


@pytest.mark.parametrize(
    "limits", [FolderLimits(files=10), FolderLimits(bytes=10 * len(DATA) + 1)], ids=["files", "bytes"]
)
async def test_beyond_its_bound_segments_stay_in_memory_and_that_is_told_once(
    limits, tmp_path, thread, caplog
):
    caplog.set_level("INFO")
    folder, kept = HlsFolder(tmp_path / "segments", thread, limits), []
    for _ in range(12):
        folder.keep(DATA, kept.append)
    await settled(thread)
    assert (len(kept), folder.files, folder.failures) == (10, 10, 2)
    for _ in range(3):  # as one goes, another comes
        kept.pop(0)
        folder.keep(DATA, kept.append)
        folder.keep(DATA, pytest.fail)
        await settled(thread)
    assert (len(kept), folder.files, folder.failures) == (10, 10, 5)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    del kept[:2]
    folder.keep(DATA, kept.append)
    await settled(thread)
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    kept.clear()
    assert folder.files == 0


async def test_what_could_not_be_written_takes_no_room_of_what_can(tmp_path, system, thread):
    folder, kept = HlsFolder(tmp_path / "segments", thread, FolderLimits(1, len(DATA))), []
    system.room = 1000
    folder.keep(DATA, pytest.fail)
    await settled(thread)
    system.room = None
    folder.keep(DATA, kept.append)
    await settled(thread)
    assert len(kept) == 1


async def test_a_folder_that_can_not_be_made_is_a_failure_like_others(tmp_path, thread):
    (tmp_path / "file").write_bytes(b"")
    folder = HlsFolder(tmp_path / "file" / "segments", thread)
    folder.keep(DATA, pytest.fail)
    await settled(thread)
    assert folder.failures == 1


async def test_a_disk_that_hangs_has_no_more_than_so_much_wait_for_it(folder, thread, stored):
    goes_on = threading.Event()
    busy = thread.submit(goes_on.wait, 60)
    kept, large = [], bytes(MOST_WAITING_BYTES // 2)
    try:
        for _ in range(5):
            folder.keep(large[: len(large) - 1], kept.append)
        assert folder.failures == 3
    finally:
        goes_on.set()
    assert busy.result(60)
    await settled(thread)
    assert len(kept) == 2
    assert await stored() is not None


class Stream:
    """Two equal renditions of one stream, the second of them with a folder."""

    def __init__(self, video, payload, folder):
        self._video, self._payload = video, payload
        params = ParameterSetTracker().update(payload)
        self.forms = [HlsFormat(params, None, 0, HlsLimits(), each) for each in (None, folder)]
        self._at = 0

    def run(self, seconds):
        for _ in range(25 * seconds):
            key = self._at % 25 == 0
            payload = self._payload if key else b"\0\0\0\1\x41" + self._at.to_bytes(4) * 50
            for form in self.forms:
                form.pack([self._video(self._at, key=key, payload=payload)])
            self._at += 1


def complete(window: SegmentWindow):
    return [each for each in window.listed if each.complete]


def content(data):
    return data.read(0, len(data)) if isinstance(data, Extent) else bytes(data)


async def test_segments_and_parts_are_the_same_from_files_as_from_memory(folder, video, keyframe, thread):
    stream = Stream(video, keyframe(), folder)
    stream.run(9)
    inside, outside = (form.window for form in stream.forms)
    await settled(thread)
    assert all(isinstance(each.data, Extent) for each in complete(outside))
    assert outside.stored_bytes
    assert outside.size_bytes == inside.size_bytes
    assert inside.stored_bytes == 0
    assert len(complete(inside)) >= 3
    for one, other in zip(complete(inside), complete(outside), strict=True):
        assert content(one.data) == content(other.data)
        assert [content(part.data) for part in one.parts] == [content(part.data) for part in other.parts]
        assert [part.number for part in one.parts] == [part.number for part in other.parts]
    growing = outside.listed[-1]
    assert not growing.complete
    assert all(isinstance(part.data, bytes) for part in growing.parts)


async def test_what_finds_no_room_on_the_disk_is_served_from_memory(folder, system, video, keyframe, thread):
    system.room = 0
    stream = Stream(video, keyframe(), folder)
    stream.run(9)
    inside, outside = (form.window for form in stream.forms)
    await settled(thread)
    assert folder.failures
    assert outside.stored_bytes == 0
    assert [content(each.data) for each in complete(outside)] == [
        content(each.data) for each in complete(inside)
    ]
