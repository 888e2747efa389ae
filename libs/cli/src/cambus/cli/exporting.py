"""Exporting a span of recorded time: have it prepared of what all recorders hold, fetch it, say what is missing."""

import asyncio
import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from cambus.cli.download import Download, Source, SourceGoneError
from cambus.cli.failures import OFFLINE, REFUSED, CliError
from cambus.cli.formatting import duration, local, size
from cambus.cli.invocation import Cli
from cambus.cli.requests import call
from cambus.client.calling import BusClient
from cambus.client.connection import Connection
from cambus.client.errors import BusError
from cambus.schemas.commands import recorder, recorder_export
from cambus.schemas.errors import CambusError, DeadlineExceeded, NotFound, Offline
from cambus.schemas.spans import TimeRange

TOLERANCE: Final = timedelta(seconds=3)
"""Less missing at the ends is not told: it is what key frames and the present cost."""


LOOK_S: Final = 0.25
PATIENCE: Final = 20
"""How often in a row nobody may answer while an export is prepared."""


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
            "container": asked.container,
            "from": self.start,
            "to": self.end,
        }


class Export:
    """One export, from the question to the file."""

    def __init__(self, cli: Cli, bus: Connection, question: Question, target: Path) -> None:
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
        """What the recorders have prepared."""
        try:
            state = await call(self._cli, self._bus, recorder_export.EXPORT_BEGIN, self._question.request)
        except Offline:
            raise CliError(
                "no recorder answers", hint="cambusctl services", exit_code=OFFLINE, reason="no-recorder"
            ) from None
        except NotFound:
            raise self._nothing() from None
        try:
            ready = await self._prepared(state)
        except BaseException:
            await self._cancel(state.export)
            raise
        return ready

    async def _prepared(self, state: recorder_export.ExportState) -> recorder.ExportRef:
        """Wait until it is ready, however long that takes, and say how far it is."""
        client, asked = BusClient(self._bus), recorder_export.ExportRequest(export=state.export)
        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
        with Progress(*columns, console=self._cli.out.errors, transient=True, disable=self._quiet) as bar:
            task = bar.add_task(f"{state.replica} prepares it", total=1.0)
            silent = 0
            while state.state in {"waiting", "preparing"}:
                bar.update(task, completed=state.progress)
                await asyncio.sleep(LOOK_S)
                try:
                    state = await client.call_holder(recorder_export.EXPORT_STATUS, asked)
                    silent = 0
                except (Offline, DeadlineExceeded):
                    silent += 1
                    if silent == PATIENCE:
                        raise
        if state.ref is None:
            error = state.error
            text = f"it was {state.state}" if error is None else error.text
            reason = state.state if error is None else error.reason
            code = None if error is None else int(error.code)
            raise CliError(text, exit_code=REFUSED, code=code, reason=reason)
        return state.ref

    async def _cancel(self, export: str) -> None:
        """Nobody wants it any more."""
        with contextlib.suppress(CambusError, BusError):
            await BusClient(self._bus).call_holder(
                recorder_export.EXPORT_CANCEL, recorder_export.ExportRequest(export=export)
            )

    def _nothing(self) -> CliError:
        asked = self._question.request
        return CliError(
            f"nothing is recorded of {asked.device}/{asked.channel}/{asked.stream} between {local(asked.start)} "
            f"and {local(asked.end)}",
            hint=f"cambusctl recordings find {asked.device}",
            exit_code=REFUSED,
            code=404,
            reason="nothing-recorded",
        )

    @property
    def _quiet(self) -> bool:
        return self._cli.json or not self._cli.out.errors.is_terminal

    async def _fetch(self, source: Source) -> None:
        console = self._cli.out.errors
        columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
        with Progress(*columns, console=console, transient=True, disable=self._quiet) as bar:
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
                    "replicas": chosen and chosen.replicas,
                    "gaps": chosen and chosen.gaps,
                    "silent": chosen and chosen.silent,
                }
            )
            return
        span = f", {local(chosen.start)} to {local(chosen.end)}" if chosen is not None else ""
        self._cli.out.line(f"{self._target}: {size(total)}{span}")
        known = [] if chosen is None else chosen.gaps
        for start, end in gaps:
            why = {gap.reason.value for gap in known if gap.start < end and gap.end > start}
            told = ", ".join([duration((end - start).total_seconds()), *sorted(why)])
            self._note(f"not recorded: {local(start)} to {local(end)} ({told})")
        if chosen is not None and chosen.silent:
            self._note(f"did not answer, so this may not be all: {', '.join(chosen.silent)}")

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
