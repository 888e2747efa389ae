"""What all recorders together hold, page by page."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from cambus.cli.failures import OFFLINE, CliError
from cambus.cli.invocation import Cli
from cambus.client.calling import BusClient
from cambus.client.connection import Connection
from cambus.schemas.commands import recorder
from cambus.schemas.errors import Offline
from cambus.schemas.spans import CopyState, RecordingGap

PAGE: Final = 1000
MAX_PAGES: Final = 20

TOUCHING: Final = timedelta(milliseconds=1)
"""A span that goes on on the next page begins there where it ended."""


@dataclass(slots=True)
class Found:
    """What there is.

    Attributes:
        spans: what is recorded, by channel, stream and time.
        gaps: what is missing.
        alarms: the alarms, by time.
        silent: the recorders that did not answer.
        alarms_known: whether the alarms could be read, if they were wanted.
        complete: False if there is more.
    """

    spans: list[recorder.FoundSpan] = field(default_factory=list)
    gaps: list[RecordingGap] = field(default_factory=list)
    alarms: list[recorder.FoundAlarm] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)
    alarms_known: bool = True
    complete: bool = True
    _last_spans: dict[tuple[int, str], int] = field(default_factory=dict)
    _last_gaps: dict[tuple[int, str], int] = field(default_factory=dict)

    @property
    def streams(self) -> list[tuple[int, str]]:
        """The channels and streams there is anything of."""
        spans = {(each.channel, each.stream) for each in self.spans}
        return sorted(spans | {(each.channel, each.stream) for each in self.gaps})

    def as_json(self) -> dict[str, Any]:
        """As `--json` shows it."""
        recorded = [
            {
                "channel": channel,
                "stream": stream,
                "spans": [
                    {
                        "start": each.start,
                        "end": each.end,
                        "bytes": each.bytes,
                        "replicas": each.replicas,
                        "trigger": each.trigger.value,
                        "locked": each.locked,
                        "copies": each.copies and each.copies.value,
                    }
                    for each in self.spans
                    if (each.channel, each.stream) == (channel, stream)
                ],
                "gaps": [
                    {"start": each.start, "end": each.end, "reason": each.reason.value}
                    for each in self.gaps
                    if (each.channel, each.stream) == (channel, stream)
                ],
            }
            for channel, stream in self.streams
        ]
        return {
            "recorded": recorded,
            "alarms": self.alarms,
            "silent": self.silent,
            "truncated": not self.complete,
        }

    def add(self, page: recorder.RecordingSearchReply) -> None:
        """Take a page in."""
        for span in page.spans:
            self._add_span(span)
        for gap in page.gaps:
            self._add_gap(gap)
        self.alarms += page.alarms
        self.silent = sorted({*self.silent, *page.silent})

    def _add_span(self, span: recorder.FoundSpan) -> None:
        key = span.channel, span.stream
        index = self._last_spans.get(key)
        last = None if index is None else self.spans[index]
        alike = last is not None and (last.trigger, last.locked) == (span.trigger, span.locked)
        if index is not None and last is not None and alike and abs(span.start - last.end) < TOUCHING:
            replicas = list(dict.fromkeys((*last.replicas, *span.replicas)))
            copies = CopyState.of((last.copies, span.copies))
            more = {
                "end": span.end,
                "bytes": last.bytes + span.bytes,
                "replicas": replicas,
                "copies": copies,
            }
            self.spans[index] = last.model_copy(update=more)
        else:
            self._last_spans[key] = len(self.spans)
            self.spans.append(span)

    def _add_gap(self, gap: RecordingGap) -> None:
        key = gap.channel, gap.stream
        index = self._last_gaps.get(key)
        last = None if index is None else self.gaps[index]
        same = last is not None and last.reason is gap.reason and abs(gap.start - last.end) < TOUCHING
        if index is not None and last is not None and same:
            self.gaps[index] = last.model_copy(update={"end": gap.end})
        else:
            self._last_gaps[key] = len(self.gaps)
            self.gaps.append(gap)


async def search(cli: Cli, bus: Connection, request: recorder.RecordingSearchRequest) -> Found:
    """Everything that is recorded, up to some thousand spans.

    Raises:
        CliError: there is no recorder.
        CambusError: it refused.
    """
    found = Found()
    client = BusClient(bus)
    for _ in range(MAX_PAGES):
        try:
            page = await client.call(recorder.RECORDING_SEARCH, request, timeout_s=cli.options.timeout_s)
        except Offline:
            raise CliError(
                "no recorder answers", hint="cambusctl services", exit_code=OFFLINE, reason="no-recorder"
            ) from None
        found.add(page)
        found.alarms_known &= page.alarms_known or not request.alarms
        if page.cursor is None:
            return found
        request = request.model_copy(update={"cursor": page.cursor})
    found.complete = False
    return found
