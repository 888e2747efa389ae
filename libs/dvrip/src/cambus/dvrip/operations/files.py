"""Searches in the device's archive and log (DVRIP §7.4)."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from cambus.dvrip.codes import ReturnCode, is_empty
from cambus.dvrip.errors import MalformedPayload, Unsupported
from cambus.dvrip.ids import MessageId
from cambus.dvrip.messages.search import (
    FileQuery,
    FileRecord,
    LogEntry,
    calendar_body,
    log_body,
    parse_by_time,
    parse_calendar,
    parse_file_records,
    parse_log,
)
from cambus.dvrip.operations.caller import Caller

#: Records of a full page; a device never says that there is more.
PAGE: Final = 64
#: Some devices end a chain of pages at 511 records whatever there is; from here on an end is not believed.
CHAIN_SUSPECT: Final = 500
MAX_RECORDS: Final = 100_000
MAX_LOG_ENTRIES: Final = 100_000


class FileOperations:
    """Find recordings, days with recordings, and log entries."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    async def find(self, query: FileQuery, limit: int = MAX_RECORDS) -> list[FileRecord]:
        """All recordings of ``query``, in the device's order; nothing found is an empty list.

        Raises:
            DvripError: the search failed.
        """
        return [record async for record in self.iterate(query, limit)]

    async def iterate(self, query: FileQuery, limit: int = MAX_RECORDS) -> AsyncIterator[FileRecord]:
        """The recordings of ``query`` page by page, without duplicates.

        The next page begins where the last record of this one did, because a page is cut at `PAGE` records
        without notice. The search ends on a short page, on "found all" (110), on nothing found (109, 119), or
        when a page has nothing new.
        """
        seen: set[str] = set()
        in_chain = 0
        has_stepped = False
        while query.begin <= query.end:
            code, page = await self._page(query)
            new = [record for record in page if record.name not in seen]
            for record in new:
                if record.name in seen:
                    continue  # twice on one page
                seen.add(record.name)
                yield record
                if len(seen) >= limit:
                    return
            in_chain += len(page)
            ends = len(page) < PAGE and code != ReturnCode.FOUND_PART
            last = page[-1].begin if page else None
            if last is None or code == ReturnCode.FOUND_ALL or (ends and in_chain < CHAIN_SUSPECT):
                return
            if not new:
                if len(page) < PAGE or has_stepped:
                    return
                last += timedelta(seconds=1)  # more records begin in one second than fit a page
            has_stepped = not new
            if ends:
                in_chain = 0
            query = replace(query, begin=max(last, query.begin))

    async def by_time(self, query: FileQuery) -> list[int]:
        """What was recorded in each of the 1440 minutes of the day, as codes of `MINUTE_CODES`.

        From the by-time search (1444), or from the list of files where the device has none.
        """
        try:
            reply = await self._caller.request(
                MessageId.FILE_SEARCH_BY_TIME,
                query.by_time_body(),
                timeout="search",
                label="recordings by time",
            )
            channels = parse_by_time(reply.payload)
        except (Unsupported, MalformedPayload):
            channels = {}
        if query.channel in channels:
            return channels[query.channel]
        return _minutes_of(await self.find(query), query.begin)

    async def calendar(
        self, year: int, month: int, *, event: str = "*", kind: str = "h264"
    ) -> list[list[int]]:
        """The days of a month (or, for month 0, of each month of the year) that have recordings."""
        body = calendar_body(year, month, event, kind)
        reply = await self._caller.call(
            MessageId.CALENDAR, body, timeout="search", label="recording calendar"
        )
        return parse_calendar(reply.body)

    async def log(
        self, begin: datetime, end: datetime, kind: str = "LogAll", limit: int = MAX_LOG_ENTRIES
    ) -> list[LogEntry]:
        """Log entries of a time range, device local time."""
        entries: list[LogEntry] = []
        position = 0
        while len(entries) < limit:
            reply = await self._caller.request(
                MessageId.LOG_SEARCH, log_body(begin, end, position, kind), timeout="search", label="log"
            )
            if reply.code is not None and is_empty(reply.code):
                break
            page = parse_log(reply.check().body, self._caller.counters)
            if not page or page[-1].position < position:
                break  # exhausted, or going round in circles
            entries.extend(page)
            position = page[-1].position + 1
        return entries[:limit]

    async def _page(self, query: FileQuery) -> tuple[int | None, list[FileRecord]]:
        reply = await self._caller.request(
            MessageId.FILE_SEARCH, query.body(), timeout="search", label="recordings"
        )
        code = reply.code
        if code is not None and is_empty(code):
            return code, []
        return code, parse_file_records(reply.check().body, self._caller.counters)


def _minutes_of(records: list[FileRecord], day: datetime) -> list[int]:
    midnight = day.replace(hour=0, minute=0, second=0, microsecond=0)
    codes = {"regular": 1, "alarm": 2, "motion": 3, "key": 4, "manual": 5}
    minutes = [0] * 1440
    for record in records:
        if record.begin is None or record.end is None:
            continue
        first = max(int((record.begin - midnight).total_seconds() // 60), 0)
        before_end = record.end - timedelta(seconds=1)  # what ends with a minute has nothing of the next
        last = min(int((max(before_end, record.begin) - midnight).total_seconds() // 60), 1439)
        for minute in range(first, last + 1):
            minutes[minute] = codes.get(record.event, 1)
    return minutes
