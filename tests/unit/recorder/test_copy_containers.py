import hashlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import pytest
from recordings import pictures_of

from cambus.media.errors import MediaError
from cambus.media.frame import Codec, Frame
from cambus.recorder.copy_containers import blocks, segment_of, weigh
from cambus.recorder.copy_marks import CONTAINERS, Container
from cambus.recorder.index import Index, Segment

Frames = Callable[..., list[Frame]]
Record = Callable[..., Any]


def only(root: Path) -> Segment:
    with Index(root) as index:
        (row,) = index.all_segments()
    return row


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
@pytest.mark.parametrize("container", CONTAINERS)
def test_every_picture_of_a_segment_is_in_its_copy(
    frames: Frames, record: Record, root: Path, container: Container, codec: Codec
) -> None:
    record(frames(100, codec=codec), segment_s=60.0)
    row = only(root)
    assert segment_of(root, row.name) == row
    data = b"".join(blocks(root, row, container))
    times = pictures_of(data)
    assert len(times) == 100
    assert times[-1] - times[0] == pytest.approx(99 / 25, abs=0.001)
    weight = weigh(root, row, container)
    assert (weight.bytes, weight.sha256) == (len(data), hashlib.sha256(data).hexdigest())


def test_each_container_is_what_it_is_called(frames: Frames, record: Record, root: Path) -> None:
    record(frames(100), segment_s=60.0)
    row = only(root)
    mp4, faststart, ts = (b"".join(blocks(root, row, each)) for each in CONTAINERS)
    assert mp4 == (root / row.name.path()).read_bytes()
    assert b"moof" in mp4
    assert b"moof" not in faststart
    assert 0 < faststart.index(b"moov") < faststart.index(b"mdat")
    assert len(ts) % 188 == 0
    assert {ts[at] for at in range(0, len(ts), 188)} == {0x47}
    with av.open(io.BytesIO(ts)) as opened:
        assert [stream.type for stream in opened.streams] == ["video", "audio"]
        assert opened.streams.audio[0].codec_context.name == "aac"  # there is no place for G.711
    with av.open(io.BytesIO(faststart)) as opened:
        assert [stream.type for stream in opened.streams] == ["video", "audio"]


@pytest.mark.parametrize("container", CONTAINERS)
def test_what_cannot_be_played_is_said(
    root: Path, frames: Frames, record: Record, container: Container
) -> None:
    record(frames(100), segment_s=60.0)
    row = only(root)
    path = root / row.name.path()
    path.write_bytes(path.read_bytes()[: row.extent.bytes // 2] if container == "mp4" else bytes(1000))
    with pytest.raises(MediaError):
        b"".join(blocks(root, row, container))
