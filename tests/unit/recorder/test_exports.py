import errno
import io
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import av
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from recorded_frames import keyframe_first
from recordings import pictures_of

from cambus.media.frame import Codec, Flag, Frame
from cambus.recorder.exports import Exports
from cambus.recorder.index import Index
from cambus.recorder.layout import StreamKey, from_us
from cambus.schemas.errors import Internal, NotFound, Overloaded, TooLarge

Frames = Callable[..., list[Frame]]
Record = Callable[..., list[tuple[int, int]]]
KEY = StreamKey("gate-1", 0, "main")
START_US = 1_770_000_000_000_000
SECOND = 1_000_000


@pytest.fixture
def exports(root: Path) -> Iterator[Exports]:
    with Index(root) as index, ThreadPoolExecutor(2) as threads:
        yield Exports(root, index, threads, ttl_s=60)


@pytest.fixture
async def http(exports: Exports) -> "Iterator[TestClient]":
    app = web.Application()
    app.add_routes(exports.routes())
    async with TestClient(TestServer(app)) as client:
        yield client


async def fetched(exports: Exports, http: TestClient, start_s: float, end_s: float) -> tuple[bytes, object]:
    export = await exports.create(KEY, START_US + int(start_s * SECOND), START_US + int(end_s * SECOND))
    answer = await http.get(f"/exports/{export.token}.mp4")
    assert answer.status == 200
    body = await answer.read()
    assert len(body) == export.movie.total_bytes
    return body, export


def shown(body: bytes) -> tuple[float, int, int]:
    """Duration in seconds, pictures presented, samples of sound in what FFmpeg makes of a file."""
    pictures = samples = 0
    with av.open(io.BytesIO(body)) as opened:
        duration = float(opened.duration or 0) / av.time_base
        last = -1.0
        for packet in opened.demux():
            for frame in packet.decode():
                if isinstance(frame, av.VideoFrame):
                    assert frame.time is not None
                    assert frame.time > last
                    last = frame.time
                    pictures += frame.time >= 0
                else:
                    samples += frame.samples
    return duration, pictures, samples


async def test_a_span_over_several_segments_is_one_movie(
    exports: Exports, http: TestClient, frames: Frames, record: Record
) -> None:
    record(frames(300))
    body, export = await fetched(exports, http, 1, 11)
    duration, pictures, samples = shown(body)
    assert duration == pytest.approx(10, abs=0.1)
    assert pictures == pytest.approx(250, abs=3)
    assert samples == pytest.approx(80_000, abs=4000)
    assert len(export.covered) == 1


async def test_ranges_put_together_are_the_whole(
    exports: Exports, http: TestClient, frames: Frames, record: Record
) -> None:
    record(frames(200))
    body, export = await fetched(exports, http, 0, 8)
    pieces = []
    step = len(body) // 7 + 1
    for start in range(0, len(body), step):
        answer = await http.get(
            f"/exports/{export.token}.mp4", headers={"Range": f"bytes={start}-{start + step - 1}"}
        )
        assert answer.status == 206
        pieces.append(await answer.read())
    assert b"".join(pieces) == body


async def test_ranges_that_cannot_be_served_and_suffixes(
    exports: Exports, http: TestClient, frames: Frames, record: Record
) -> None:
    record(frames(100))
    body, export = await fetched(exports, http, 0, 4)
    url = f"/exports/{export.token}.mp4"
    beyond = await http.get(url, headers={"Range": f"bytes={len(body)}-"})
    assert (beyond.status, beyond.headers["Content-Range"]) == (416, f"bytes */{len(body)}")
    tail = await http.get(url, headers={"Range": "bytes=-10"})
    assert await tail.read() == body[-10:]
    head = await http.head(url)
    assert (head.status, head.content_length) == (200, len(body))


async def test_a_gap_in_the_middle_is_told_and_plays_on(
    exports: Exports, http: TestClient, frames: Frames, record: Record
) -> None:
    record([*frames(100), *frames(100, first=200, flag_first=Flag.DISCONTINUITY)])
    body, export = await fetched(exports, http, 0, 12)
    duration, pictures, _ = shown(body)
    assert len(export.covered) == 2
    assert pictures == 200
    assert duration == pytest.approx(12, abs=0.1)


async def test_a_change_of_codec_inside_the_span_is_kept(
    exports: Exports, http: TestClient, frames: Frames, record: Record
) -> None:
    record([*frames(100), *frames(100, codec=Codec.H265, first=100)])
    body, _ = await fetched(exports, http, 0, 8)
    assert body.count(b"avc1") >= 1
    assert body.count(b"hvc1") >= 1


async def test_nothing_recorded_is_not_found(exports: Exports, frames: Frames, record: Record) -> None:
    record(frames(50))
    with pytest.raises(NotFound):
        await exports.create(KEY, START_US + 100 * SECOND, START_US + 110 * SECOND)


async def test_an_export_pins_its_segments_until_its_time_is_over(
    root: Path, frames: Frames, record: Record
) -> None:
    record(frames(100))
    now = 0.0
    with Index(root) as index, ThreadPoolExecutor(1) as threads:
        exports = Exports(root, index, threads, ttl_s=60, clock=lambda: now)
        await exports.create(KEY, START_US, START_US + SECOND)
        (first, *_) = index.all_segments()
        assert exports.pinned(first.id)
        now = 61.0
        assert not exports.pinned(first.id)


async def test_an_unknown_token_is_not_found(http: TestClient) -> None:
    assert (await http.get("/exports/guess.mp4")).status == 404


async def test_its_instants_are_those_of_the_recordings_to_the_microsecond(
    exports: Exports, frames: Frames, record: Record
) -> None:
    record(frames(200, start_us=START_US + 7))
    export = await exports.create(KEY, START_US - SECOND, START_US + 100 * SECOND)
    assert export.start_us == START_US + 7
    assert [(each.start, each.end) for each in export.covered] == [
        (from_us(export.start_us), from_us(export.end_us))
    ]


async def test_gaps_are_left_out_if_that_is_wanted(
    exports: Exports, frames: Frames, record: Record, http: TestClient
) -> None:
    record([*frames(100), *keyframe_first(frames(100, first=100, pause=1000))])
    export = await exports.create(KEY, START_US, START_US + 100 * SECOND, close_gaps=True)
    body = await (await http.get(f"/exports/{export.token}.mp4")).read()
    duration, pictures, samples = shown(body)
    assert len(export.covered) == 2
    shown_s = sum((each.end - each.start).total_seconds() for each in export.covered)
    assert duration == pytest.approx(shown_s, abs=0.2)
    assert pictures == pytest.approx(shown_s * 25, abs=2)
    assert samples == pytest.approx(shown_s * 8000, abs=8000)
    assert (export.end_us - START_US) / SECOND > 45


async def test_what_no_player_can_bridge_is_left_out_in_any_case(
    exports: Exports, frames: Frames, record: Record, http: TestClient
) -> None:
    hours = 7 * 3600
    record([*frames(50), *keyframe_first(frames(100, first=50, pause=hours * 25))])
    export = await exports.create(KEY, START_US, START_US + (hours + 100) * SECOND)
    body = await (await http.get(f"/exports/{export.token}.mp4")).read()
    duration, pictures, _ = shown(body)
    assert duration < 10
    assert pictures > 75
    assert export.end_us - START_US > hours * SECOND


async def test_more_than_an_export_may_hold_is_refused(root: Path, frames: Frames, record: Record) -> None:
    record(frames(200))
    with Index(root) as index, ThreadPoolExecutor(1) as threads:
        exports = Exports(root, index, threads, ttl_s=60, longest_s=5)
        with pytest.raises(TooLarge):
            await exports.create(KEY, START_US, START_US + 100 * SECOND)
        await exports.create(KEY, START_US, START_US + 4 * SECOND)


async def test_what_is_held_in_memory_is_bounded(
    exports: Exports, frames: Frames, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(frames(100))
    monkeypatch.setattr("cambus.recorder.exports.MAX_HEAD_BYTES", 1)
    export = await exports.create(KEY, START_US, START_US + SECOND)
    with pytest.raises(Overloaded):
        await exports.create(KEY, START_US, START_US + SECOND)
    exports.forget(export)
    await exports.create(KEY, START_US, START_US + SECOND)


async def test_a_recording_that_cannot_be_read_is_said_so(
    exports: Exports, frames: Frames, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(frames(100))

    def broken(*arguments: object, **more: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("cambus.recorder.export_movie.scan_file", broken)
    with pytest.raises(Internal) as caught:
        await exports.create(KEY, START_US, START_US + SECOND)
    assert caught.value.reason == "disk-error"


def remove_second(root: Path) -> None:
    sorted(root.rglob("*.mp4"))[1].unlink()


async def test_a_file_that_is_gone_leaves_a_gap(
    exports: Exports, frames: Frames, record: Record, root: Path, http: TestClient
) -> None:
    record(frames(300))
    remove_second(root)
    export = await exports.create(KEY, START_US, START_US + 12 * SECOND)
    body = await (await http.get(f"/exports/{export.token}.mp4")).read()
    assert 100 < shown(body)[1] < 290


def written(root: Path) -> list[Path]:
    """What there is of exports on the disk."""
    return list((root / ".exports").iterdir())


async def test_a_transport_stream_is_served_with_ranges_and_goes_with_its_time(
    root: Path, frames: Frames, record: Record
) -> None:
    record(frames(200))
    now, room = 1000.0, 1 << 30
    with Index(root) as index, ThreadPoolExecutor(2) as threads:
        exports = Exports(root, index, threads, ttl_s=60, clock=lambda: now, room=lambda: room)
        app = web.Application()
        app.add_routes(exports.routes())
        async with TestClient(TestServer(app)) as http:
            export = await exports.create(KEY, START_US, START_US + 6 * SECOND, container="ts")
            answer = await http.get(f"/exports/{export.token}.ts")
            body = await answer.read()
            assert (answer.status, answer.content_type) == (200, "video/mp2t")
            assert len(pictures_of(body)) == 150
            part = await http.get(f"/exports/{export.token}.ts", headers={"Range": "bytes=188-375"})
            assert (part.status, await part.read()) == (206, body[188:376])
            assert (await http.get(f"/exports/{export.token}.mp4")).status == 404
            assert written(root)
            now += 61
            assert (await http.get(f"/exports/{export.token}.ts")).status == 404
        room = 1
        with pytest.raises(TooLarge, match="no room"):
            await exports.create(KEY, START_US, START_US + 6 * SECOND, container="ts")
    assert not written(root)
