"""LL-HLS in Chromium: a player of a few lines follows the hinted parts, far closer than whole segments allow."""

import asyncio
import shutil

import pytest
from camera import H264
from playwright.async_api import async_playwright

from cambus.schemas.errors import Unsupported
from cambus.simulators.video_loop import VideoSpec

CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on PATH: HLS is not tried in a browser")

PLAYER = """
async (base) => {
  const text = async (path) => {
    const response = await fetch(base + path);
    if (!response.ok) throw new Error(`${path}: ${response.status}`);
    return response.text();
  };
  const bytes = async (path) => {
    const response = await fetch(base + path);
    if (!response.ok) throw new Error(`${path}: ${response.status}`);
    return response.arrayBuffer();
  };
  const master = await text("index.m3u8");
  const codecs = master.match(/CODECS="([^"]+)"/)[1];
  const folder = master.trim().split("\\n").pop().split("/")[0] + "/";
  let playlist = await text(folder + "live.m3u8");

  const video = document.createElement("video");
  video.muted = true;
  document.body.append(video);
  const source = new MediaSource();
  video.src = URL.createObjectURL(source);
  await new Promise((done) => source.addEventListener("sourceopen", done, { once: true }));
  const buffer = source.addSourceBuffer(`video/mp4; codecs="${codecs}"`);
  const append = (data) => new Promise((done, fail) => {
    buffer.addEventListener("updateend", done, { once: true });
    buffer.addEventListener("error", () => fail(new Error("not appended")), { once: true });
    buffer.appendBuffer(data);
  });
  await append(await bytes(folder + playlist.match(/EXT-X-MAP:URI="([^"]+)"/)[1]));

  // From the last part that begins with a keyframe on.
  const parts = [...playlist.matchAll(/EXT-X-PART:DURATION=[\\d.]+,URI="(part-\\d+\\.m4s)"(,INDEPENDENT=YES)?/g)];
  const from = parts.findLastIndex((part) => part[2]);
  for (const part of parts.slice(from)) await append(await bytes(folder + part[1]));
  let number = Number(parts[parts.length - 1][1].match(/\\d+/)[0]);
  let behind = Infinity;
  let hinted = 0;
  const begun = performance.now();
  while (performance.now() - begun < 120000) {
    // The hinted part, or the one behind the last where more than one has come meanwhile: none is left out.
    number += 1;
    const next = `part-${number}.m4s`;
    const hint = Number(playlist.match(/PRELOAD-HINT:TYPE=PART,URI="part-(\\d+)\\.m4s"/)[1]);
    if (hint < number) throw new Error(`part ${hint} is hinted, ${number} wanted`);
    const [part, reloaded] = await Promise.all([
      bytes(folder + next),
      text(`${folder}live.m3u8?_HLS_msn=${Number(playlist.match(/MEDIA-SEQUENCE:(\\d+)/)[1])
        + (playlist.match(/#EXTINF/g) || []).length}&_HLS_part=${(playlist.split("#EXTINF").pop()
        .match(/#EXT-X-PART:/g) || []).length}`),
    ]);
    await append(part);
    playlist = reloaded;
    hinted += 1;
    const end = video.buffered.end(video.buffered.length - 1);
    if (video.paused) {
      video.currentTime = Math.max(video.buffered.start(0), end - 0.9);
      await video.play();
    }
    behind = end - video.currentTime;
    if (hinted >= 12) break;
  }
  return {
    codecs, hinted, behind, ranges: video.buffered.length, width: video.videoWidth,
    frames: video.getVideoPlaybackQuality().totalVideoFrames,
  };
}
"""


@pytest.fixture
async def page(tmp_path):
    async with async_playwright() as playwright:
        context = await playwright.chromium.launch_persistent_context(
            tmp_path / "profile",
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--autoplay-policy=no-user-gesture-required"],
        )
        try:
            yield context.pages[0]
        finally:
            await context.close()


LONG = VideoSpec(width=320, height=240, fps=25, bitrate=300_000, gop_s=8, loop_s=8)


@pytest.mark.parametrize(
    ("spec", "pace"),
    [
        pytest.param(H264, 1.0, id="short groups"),
        pytest.param(LONG, 4.0, id="long groups", marks=pytest.mark.slow),
    ],
)
async def test_chromium_follows_the_hinted_parts(spec, pace, relay, make_camera, device, page):
    camera = await make_camera(spec, pace=pace)
    camera.cannot = Unsupported("it has a mind of its own")
    await page.goto(relay.http)
    async with asyncio.timeout(150):
        seen = await page.evaluate(PLAYER, f"{relay.http}/hls/{device}/0/main/")
    assert seen["codecs"].startswith("avc1.")
    assert seen["codecs"].endswith(",mp4a.40.2")
    assert seen["hinted"] >= 12
    assert seen["ranges"] == 1, "the parts leave no hole"
    assert seen["width"] == 320
    assert seen["frames"] > 20
