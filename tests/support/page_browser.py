"""Chromium for tests of pages: one process for all tests of a worker, and a fresh profile in it for each.

Starting Chromium costs more than most tests do in it.
"""

import asyncio
import shutil
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from playwright.async_api import Browser, BrowserContext, Locator, Page, Playwright, async_playwright, expect
from playwright.async_api import Error as PlaywrightError

CHROMIUM = shutil.which("chromium")
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-breakpad",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-features=Translate,OptimizationHints,MediaRouter,SpareRendererForSitePerProcess",
    "--disable-site-isolation-trials",
    "--renderer-process-limit=1",
    "--disable-renderer-backgrounding",
    "--disable-sync",
    "--hide-scrollbars",
    "--mute-audio",
    "--autoplay-policy=no-user-gesture-required",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    # A mouse: without one nothing is hovered over.
    "--blink-settings=primaryHoverType=2,availableHoverTypes=2,primaryPointerType=4,availablePointerTypes=4",
]
START_S: Final = 180.0
OPEN_S: Final = 75.0
PATIENCE_MS: Final = 90_000
"""How long a page may take on a busy machine; what is waited for comes at once on an idle one."""
expect.set_options(timeout=PATIENCE_MS)


class SharedChromium:
    """A Chromium that is started by the first who asks for it, and again if it has died."""

    def __init__(self) -> None:
        self._profile: tempfile.TemporaryDirectory[str] | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def address(self) -> str:
        """Where it is spoken to."""
        if self._process is None or self._process.poll() is not None:
            self.close()
            self._start()
        assert self._profile is not None
        port, _ = (Path(self._profile.name) / "DevToolsActivePort").read_text().splitlines()
        return f"http://127.0.0.1:{port}"

    def _start(self) -> None:
        assert CHROMIUM is not None
        self._profile = tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True)
        told = Path(self._profile.name) / "DevToolsActivePort"
        self._process = subprocess.Popen(
            [CHROMIUM, *ARGUMENTS, "--remote-debugging-port=0", f"--user-data-dir={self._profile.name}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + START_S
        while not (told.exists() and told.read_text().count("\n")):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("chromium did not start")
            time.sleep(0.02)  # a foreign process: it tells by a file alone

    def close(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        if self._profile is not None:
            self._profile.cleanup()
            self._profile = None


async def _open(
    playwright: Playwright, chromium: SharedChromium, options: dict[str, Any]
) -> tuple[Browser, BrowserContext, Page]:
    async with asyncio.timeout(OPEN_S):
        browser = await playwright.chromium.connect_over_cdp(chromium.address(), timeout=OPEN_S * 1000)
        context = await browser.new_context(**{"viewport": {"width": 1300, "height": 860}, **options})
        context.set_default_timeout(PATIENCE_MS)
        return browser, context, await context.new_page()


@asynccontextmanager
async def opened_page(chromium: SharedChromium, **options: Any) -> AsyncIterator[tuple[Page, list[str]]]:
    """A page with a profile of its own, and what went wrong in it; `options` are of the profile."""
    async with async_playwright() as playwright:
        try:
            browser, context, page = await _open(playwright, chromium, options)
        except (PlaywrightError, TimeoutError):
            chromium.close()  # now and then one no longer answers: another does
            browser, context, page = await _open(playwright, chromium, options)
        troubles: list[str] = []
        page.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: troubles.append(str(error)))
        try:
            yield page, troubles
        finally:
            await context.close()
            await browser.close()  # the connection alone


async def plays(video: Locator) -> None:
    """Wait until the time of a video has moved on by a second."""
    await video.evaluate(
        """video => new Promise((done, fail) => {
            setTimeout(() => fail(new Error(`stands at ${video.currentTime}`)), 90000);
            const from = video.currentTime;
            const look = () => video.currentTime > from + 1 && video.videoWidth ? done() : setTimeout(look, 50);
            look();
        })"""
    )
