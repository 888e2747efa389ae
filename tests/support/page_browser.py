"""Chromium for tests of the player page."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from playwright.async_api import Locator, Page, async_playwright

CHROMIUM = shutil.which("chromium")
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
]


@asynccontextmanager
async def opened_page(
    profile: Path, *arguments: str, **options: Any
) -> AsyncIterator[tuple[Page, list[str]]]:
    """A page, and what went wrong in it; `arguments` are for Chromium."""
    async with async_playwright() as playwright:
        context = await playwright.chromium.launch_persistent_context(
            profile,
            executable_path=CHROMIUM,
            args=[*ARGUMENTS, *arguments],
            **{"viewport": {"width": 1300, "height": 860}, **options},
        )
        page = context.pages[0]
        troubles: list[str] = []
        page.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: troubles.append(str(error)))
        try:
            yield page, troubles
        finally:
            await context.close()


async def plays(video: Locator) -> None:
    """Wait until the time of a video has moved on by a second."""
    await video.evaluate(
        """video => new Promise((done, fail) => {
            setTimeout(() => fail(new Error(`stands at ${video.currentTime}`)), 30000);
            const from = video.currentTime;
            const look = () => video.currentTime > from + 1 && video.videoWidth ? done() : requestAnimationFrame(look);
            look();
        })"""
    )
