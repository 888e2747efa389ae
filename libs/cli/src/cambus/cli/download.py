"""Fetching a large file by HTTP: in ranges, resumed after an interruption, named only once it is whole.

While it is under way there are `FILE.part` and, readable by its owner only, `FILE.part.json`, which remembers
what is being fetched and from where; the same command run again goes on from there.
"""

import asyncio
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp

from cambus.cli.failures import CliError

PIECE_BYTES: Final = 256 * 1024
ATTEMPTS: Final = 5
PAUSE_S: Final = 1.0
SILENCE_S: Final = 30.0
GONE: Final = frozenset({404, 410})

Progress = Callable[[int, int], None]
"""Told how many bytes are there, and how many there will be."""


class SourceGoneError(CliError):
    """The address is no longer valid: ask for a new one."""


class _ChangedError(CliError):
    """The address gives something else than it did."""


@dataclass(frozen=True, slots=True)
class Source:
    """What is fetched: an address, how many bytes it gives, and the question it answers."""

    url: str
    bytes: int
    question: dict[str, Any]


class Download:
    """One file on its way.

    Args:
        target: the name it gets in the end.
    """

    def __init__(self, target: Path) -> None:
        self._target = target
        self._part = target.with_name(target.name + ".part")
        self._note = target.with_name(target.name + ".part.json")

    def unfinished(self, question: dict[str, Any]) -> Source | None:
        """What an earlier run left of the same question; None if nothing."""
        try:
            noted = json.loads(self._note.read_text(encoding="utf-8"))
            source = Source(str(noted["url"]), int(noted["bytes"]), dict(noted["question"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return source if source.question == question and self._have() <= source.bytes else None

    def begin(self, source: Source) -> None:
        """Forget what an earlier run left, and note what is fetched now."""
        self._part.unlink(missing_ok=True)
        handle = os.open(self._note, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:  # the address may hold a token
            json.dump({"url": source.url, "bytes": source.bytes, "question": source.question}, file)

    async def fetch(self, source: Source, progress: Progress) -> None:
        """Fetch what is missing, and give the file its name.

        Raises:
            SourceGoneError: the address is no longer valid.
            CliError: it cannot be fetched; what is there stays, to go on from.
        """
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10.0, sock_read=SILENCE_S)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            failures = 0
            while (have := self._have()) < source.bytes:
                progress(have, source.bytes)
                try:
                    await self._fetch_from(session, source, have, progress)
                except (aiohttp.ClientError, TimeoutError, OSError) as error:
                    failures = failures + 1 if self._have() == have else 1
                    if failures >= ATTEMPTS:
                        raise self._given_up(source, error) from None
                    await asyncio.sleep(PAUSE_S)
        progress(source.bytes, source.bytes)
        self._part.replace(self._target)
        self._note.unlink(missing_ok=True)

    def _have(self) -> int:
        try:
            return self._part.stat().st_size
        except FileNotFoundError:
            return 0

    async def _fetch_from(
        self, session: "aiohttp.ClientSession", source: Source, have: int, progress: Progress
    ) -> None:
        async with session.get(source.url, headers={"Range": f"bytes={have}-"}) as answer:
            if answer.status in GONE:
                raise SourceGoneError("the address of the export is no longer valid", hint="export it again")
            if answer.status not in {200, 206}:
                raise CliError(f"the recorder answered HTTP {answer.status}")
            if answer.status == 200:
                have = 0  # it does not know ranges: from the beginning
            if have + (answer.content_length or 0) != source.bytes:
                raise _ChangedError(
                    "the recorder serves something else than it announced", hint="export it again"
                )
            with self._part.open("r+b" if have else "wb") as file:
                file.truncate(have)
                file.seek(have)
                async for piece in answer.content.iter_chunked(PIECE_BYTES):
                    file.write(piece)
                    have += len(piece)
                    progress(have, source.bytes)
                file.flush()
                os.fsync(file.fileno())

    def _given_up(self, source: Source, error: BaseException) -> CliError:
        why = str(error) or type(error).__name__
        have = self._have()
        return CliError(
            f"only {have} of {source.bytes} bytes could be fetched: {why}",
            hint="the same command goes on from there; the recorder must be reachable from this machine",
            reason="interrupted",
        )
