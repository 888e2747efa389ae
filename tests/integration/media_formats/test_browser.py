"""A real browser plays our fragments through Media Source Extensions, and our exports as a file.

Chromium as Debian builds it knows H.264 and FLAC, not H.265; where no browser is installed these are skipped.
"""

from __future__ import annotations

import shutil
from base64 import b64encode
from dataclasses import replace

import pytest
from sound import clicks, coded

from cambus.media import opus
from cambus.media.aac import specific_config
from cambus.media.audio import AudioConfig
from cambus.media.fmp4 import Fmp4Muxer
from cambus.media.fmp4_reader import scan
from cambus.media.frame import Codec, Kind
from cambus.media.mp4 import FaststartMp4, RecordedPart
from cambus.media.mp4_boxes import bytes_reader

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")

PLAY = """
const play = async (video) => {
    const done = new Promise(resolve => { video.onended = resolve; video.onerror = resolve; });
    const stalled = new Promise(resolve => setTimeout(resolve, 8000));
    video.muted = true;
    video.playbackRate = 4;
    await video.play();
    await Promise.race([done, stalled]);
    return {
        ended: video.ended, error: video.error && video.error.message, duration: video.duration,
        width: video.videoWidth, pictures: video.getVideoPlaybackQuality().totalVideoFrames,
        sound: video.webkitAudioDecodedByteCount,
    };
};
const bytes = (text) => Uint8Array.from(atob(text), char => char.charCodeAt(0));
"""
PLAY_FRAGMENTS = (
    "async ([mime, pieces]) => {"
    + PLAY
    + """
    const source = new MediaSource();
    const video = document.createElement('video');
    document.body.append(video);
    video.src = URL.createObjectURL(source);
    await new Promise(resolve => source.addEventListener('sourceopen', resolve, {once: true}));
    const buffer = source.addSourceBuffer(mime);
    for (const piece of pieces) {
        buffer.appendBuffer(bytes(piece));
        await new Promise(resolve => buffer.addEventListener('updateend', resolve, {once: true}));
    }
    const buffered = [];
    for (let at = 0; at < buffer.buffered.length; at++)
        buffered.push([buffer.buffered.start(at), buffer.buffered.end(at)]);
    source.endOfStream();
    return {buffered, ...await play(video)};
}"""
)
PLAY_FILE = (
    "async (file) => {"
    + PLAY
    + """
    const video = document.createElement('video');
    document.body.append(video);
    video.src = URL.createObjectURL(new Blob([bytes(file)], {type: 'video/mp4'}));
    return await play(video);
}"""
)


@pytest.fixture
async def page():
    api = pytest.importorskip("playwright.async_api")
    async with api.async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=BROWSER, args=["--no-sandbox", "--autoplay-policy=no-user-gesture-required"]
        )
        try:
            yield await browser.new_page()
        finally:
            await browser.close()


def fragments(clip, *, silent_from: int = 10**9, fill_silence: bool = False) -> tuple[str, list[str]]:
    muxer = Fmp4Muxer(
        clip.params,
        clip.config,
        base_pts=clip.video[0].dts,
        audio_as_flac=clip.config.codec is Codec.PCMA,
        fill_silence=fill_silence,
    )
    silent_from += clip.video[0].pts
    heard = [f for f in clip.interleaved if f.kind is Kind.VIDEO or f.pts < silent_from]
    pieces = [muxer.init_segment(), *(muxer.fragment([frame]) for frame in heard)]
    return muxer.mime_type, [b64encode(piece).decode() for piece in pieces]


@pytest.mark.parametrize("b_frames", [0, 2])
async def test_media_source_extensions_play_a_frame_a_fragment_with_g711_as_flac(b_frames, make_clip, page):
    clip = make_clip(b_frames=b_frames)
    result = await page.evaluate(PLAY_FRAGMENTS, fragments(clip))
    assert (result["ended"], result["error"], result["width"], result["pictures"]) == (True, None, 160, 50)
    ((_, end),) = result["buffered"]
    assert end == pytest.approx(2.0)
    assert result["sound"] > 0


CODED = {
    "aac": AudioConfig(Codec.AAC, 32_000, 1, specific_config(32_000, 1)),
    "opus": AudioConfig(Codec.OPUS, 48_000, 1, opus.head(1, pre_skip=0)),
}


@pytest.mark.parametrize("name", sorted(CODED))
async def test_media_source_extensions_play_coded_sound_and_the_silence_after_it(name, make_clip, page):
    config = CODED[name]
    clip = make_clip()
    base = clip.video[0].dts
    sound = [
        frame
        for frame in coded(clicks(2.0, (0.5,), config.sample_rate), config, base=base)
        if frame.pts >= base
    ]
    clip = replace(clip, config=config, audio=sound)
    result = await page.evaluate(PLAY_FRAGMENTS, fragments(clip, silent_from=70_000, fill_silence=True))
    assert (result["ended"], result["error"], result["pictures"]) == (True, None, 50)
    assert len(result["buffered"]) == 1
    assert result["sound"] > 0


async def test_a_player_does_not_stall_where_the_sound_stops(make_clip, page):
    clip = make_clip()
    result = await page.evaluate(PLAY_FRAGMENTS, fragments(clip, silent_from=36_000, fill_silence=True))
    assert (result["ended"], result["error"], result["pictures"]) == (True, None, 50)
    assert len(result["buffered"]) == 1


async def test_an_export_plays_as_a_file_with_its_g711_sound(make_clip, page):
    clip = make_clip(Codec.H264, Codec.PCMA)
    muxer = Fmp4Muxer(clip.params, clip.config, base_pts=clip.video[0].dts)
    data = muxer.init_segment() + b"".join(muxer.fragment(gop) for gop in clip.gops())
    found = scan(bytes_reader(data), len(data))
    mp4 = FaststartMp4([RecordedPart("x", found.init, found.fragments)])
    pieces = mp4.read_range(0, mp4.total_bytes)
    whole = b"".join(
        piece if isinstance(piece, bytes) else data[piece.offset : piece.offset + piece.length]
        for piece in pieces
    )
    result = await page.evaluate(PLAY_FILE, b64encode(whole).decode())
    assert (result["ended"], result["error"], result["width"], result["pictures"]) == (True, None, 160, 50)
    assert result["duration"] == pytest.approx(2.0)
    assert result["sound"] == 16_000
