"""Exporting a span of recorded time: choose the recorder that holds most of it, fetch its MP4, say what is missing."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

from cambus.bus.client import BusClient
from cambus.bus.connection import Bus
from cambus.cli.discovery import ping
from cambus.cli.download import Download, Source, SourceGoneError
from cambus.cli.failures import OFFLINE, REFUSED, CliError
from cambus.cli.formatting import duration, local, size
from cambus.cli.invocation import Cli
from cambus.schemas.commands import recorder
from cambus.schemas.errors import CambusError, ErrorCode
from cambus.schemas.spans import TimeRange

TOLERANCE: Final = timedelta(seconds=3)
"""Less missing at the ends is not told: it is what key frames and the present cost."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked for, and how it was typed: typed again, it is the same question though `now` has moved on."""

    request: recorder.RecordingExportRequest
    start: str
    end: str

    def as_json(self) -> dict[str, Any]:
        """What tells this question from others."""
        asked = self.request
        return {
            "device": asked.device,
            "channel": asked.channel,
            "stream": asked.stream,
            "gaps": asked.gaps,
            "from": self.start,
            "to": self.end,
        }


class Export:
    """One export, from the question to the file."""

    def __init__(self, cli: Cli, bus: Bus, question: Question, target: Path) -> None:
        self._cli = cli
        self._bus = bus
        self._question = question
        self._target = target
        self._download = Download(target)

    async def run(self) -> None:
        """Do it.

        Raises:
            CliError: no recorder has any of it, or it cannot be fetched.
        """
        asked = self._question.as_json()
        unfinished = self._download.unfinished(asked)
        if unfinished is not None:
            self._note(f"going on with what was begun of {self._target}")
            try:
                await self._fetch(unfinished)
            except SourceGoneError:
                self._note("what was begun can no longer be had; beginning anew")
            else:
                self._done(None)
                return
        chosen = await self._ask()
        source = Source(chosen.url, chosen.bytes, asked)
        self._download.begin(source)
        await self._fetch(source)
        self._done(chosen)

    async def _ask(self) -> recorder.ExportRef:
        """The offer that covers most of the time."""
        expected = await ping(self._bus, recorder.SERVICE)
        if not expected:
            raise CliError(
                "no recorder answers", hint="cambusctl services", exit_code=OFFLINE, reason="no-recorder"
            )
        outcomes = await BusClient(self._bus).broadcast_all(
            recorder.RECORDING_EXPORT,
            self._question.request,
            timeout_s=self._cli.options.timeout_s,
            expected=len(expected),
        )
        offers = [each for each in outcomes if not isinstance(each, CambusError)]
        if not offers:
            raise self._refusal([each for each in outcomes if isinstance(each, CambusError)])
        offers.sort(key=lambda offer: seconds(offer.covered), reverse=True)
        for other in offers[1:]:
            held = duration(seconds(other.covered))
            self._note(
                f"{other.replica} holds {held} of that time too; this is what {offers[0].replica} holds"
            )
        return offers[0]

    def _refusal(self, refusals: Sequence[CambusError]) -> CliError:
        asked = self._question.request
        telling = [each for each in refusals if each.code is not ErrorCode.NOT_FOUND]
        if telling:
            first = telling[0]
            return CliError(first.text, exit_code=REFUSED, code=int(first.code), reason=first.reason)
        if not refusals:
            return CliError("no recorder answered in time", exit_code=OFFLINE, reason="no-answer")
        return CliError(
            f"nothing is recorded of {asked.device}/{asked.channel}/{asked.stream} between {local(asked.start)} "
            f"and {local(asked.end)}",
            hint=f"cambusctl recordings find {asked.device}",
            exit_code=REFUSED,
            code=404,
            reason="nothing-recorded",
        )

    async def _fetch(self, source: Source) -> None:
        console = self._cli.out.errors
        columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
        with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
            task = bar.add_task("", total=source.bytes)
            await self._download.fetch(
                source, lambda have, total: bar.update(task, completed=have, total=total)
            )

    def _done(self, chosen: recorder.ExportRef | None) -> None:
        total = self._target.stat().st_size
        gaps = [] if chosen is None else missing(self._question.request, chosen.covered)
        if self._cli.json:
            covered = None if chosen is None else chosen.covered
            self._cli.out.document(
                {
                    "file": str(self._target),
                    "bytes": total,
                    "start": chosen and chosen.start,
                    "end": chosen and chosen.end,
                    "covered": covered,
                    "replica": chosen and chosen.replica,
                }
            )
            return
        span = f", {local(chosen.start)} to {local(chosen.end)}" if chosen is not None else ""
        self._cli.out.line(f"{self._target}: {size(total)}{span}")
        for start, end in gaps:
            self._note(
                f"not recorded: {local(start)} to {local(end)} ({duration((end - start).total_seconds())})"
            )

    def _note(self, text: str) -> None:
        self._cli.out.note(text)


def seconds(ranges: Iterable[TimeRange]) -> float:
    """How long they are together."""
    return sum((each.end - each.start).total_seconds() for each in ranges)


def missing(
    asked: recorder.RecordingExportRequest, covered: Iterable[TimeRange]
) -> list[tuple[datetime, datetime]]:
    """What of the asked time is not covered, beyond a few seconds."""
    left: list[tuple[datetime, datetime]] = []
    start = asked.start
    for each in sorted(covered, key=lambda span: span.start):
        if each.start - start > TOLERANCE:
            left.append((start, each.start))
        start = max(start, each.end)
    if asked.end - start > TOLERANCE:
        left.append((start, asked.end))
    return left
