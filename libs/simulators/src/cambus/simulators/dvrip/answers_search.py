"""Answers to searches: recordings, minutes, calendar, log (DVRIP §7.4)."""

import base64
import struct
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from cambus.dvrip.codes import ReturnCode
from cambus.dvrip.device_backend import Request
from cambus.dvrip.device_wire import BytesReply, JsonReply, Reply
from cambus.dvrip.ids import MessageId
from cambus.dvrip.values import parse_number, parse_time
from cambus.simulators.dvrip.answers import Handler, named
from cambus.simulators.dvrip.archive import Recording, event_letters, matching

if TYPE_CHECKING:
    from cambus.simulators.dvrip.device import SimulatedDevice

_FOR_EVER: Final = datetime(9999, 12, 31, 23, 59, 59)  # noqa: DTZ001 - device time has no zone
_EPOCH: Final = datetime(2000, 1, 1)  # noqa: DTZ001 - device time has no zone


class SearchAnswers:
    """What the device has recorded and logged."""

    def __init__(self, device: "SimulatedDevice") -> None:
        self._device = device
        self._chain: dict[tuple[int, int, str], int] = {}  # records answered so far, where a ceiling is set

    def handlers(self) -> Mapping[int, Handler]:
        """The operations answered here."""
        return {
            MessageId.FILE_SEARCH: self._files,
            MessageId.FILE_SEARCH_BY_TIME: self._by_time,
            MessageId.CALENDAR: self._calendar,
            MessageId.LOG_SEARCH: self._log,
        }

    def _files(self, request: Request) -> Reply | int:
        quirks = self._device.quirks
        query = request.section("OPFileQuery")
        begin, end = _range(query)
        if quirks.search_repeats:  # a broken device that never gets past its first page
            begin = _EPOCH
        channels = _channels(query, self._device.channels)
        stream = parse_number(query.get("StreamType"))
        kind = str(query.get("Type", "h264"))
        found: list[Recording] = []
        for channel in channels:
            found += matching(
                self._device.recordings(channel, stream, kind), begin, end, event_letters(query)
            )
        found.sort(key=lambda each: (each.begin, each.channel, each.serial))
        page, more = self._page(request, query, found)
        if not page:
            return quirks.search_empty_code
        code: int = ReturnCode.OK
        if quirks.search_codes == "110_111":
            code = ReturnCode.FOUND_PART if more else ReturnCode.FOUND_ALL
        key = "FileList" if quirks.list_keys == "seed" else "OPFileQuery"
        records = [each.as_json(self._device.recording_size(each)) for each in page]
        return JsonReply({"Name": "OPFileQuery", "Ret": int(code), key: records})

    def _page(
        self, request: Request, query: Mapping[str, Any], found: list[Recording]
    ) -> tuple[list[Recording], bool]:
        """The records of one answer, and whether there are more."""
        quirks = self._device.quirks
        size = quirks.search_page
        if quirks.search_ceiling:
            chain = (
                request.session.session_id,
                parse_number(query.get("Channel")),
                str(query.get("EndTime")),
            )
            if len(self._chain) > 1000:
                self._chain.clear()
            done = self._chain.get(chain, 0)
            size = min(size, quirks.search_ceiling - done)
            # The short page that meets the ceiling looks like the end; the next search starts a new chain.
            self._chain[chain] = 0 if size < quirks.search_page or len(found) < size else done + size
        return found[:size], len(found) > size

    def _by_time(self, request: Request) -> Reply:
        device = self._device
        query = request.section("OPFileQuery")
        begin, end = _range(query)
        day = begin.replace(hour=0, minute=0, second=0)
        maps = {}
        for channel in _channels(query, device.channels):
            recordings = list(
                matching(device.recordings(channel, 0, "h264"), begin, end, event_letters(query))
            )
            maps[channel] = device.archive.minutes(recordings, day)
        if device.quirks.by_time == "binary":
            body = b"".join(struct.pack("<i", channel) + bits for channel, bits in maps.items())
            return BytesReply(((struct.pack("<i", len(maps)) + body, False),))
        if device.quirks.by_time == "empty":
            return BytesReply(((b"", False),))
        info = [
            {"cRecordBitMap": base64.b64encode(bits).decode(), "iChannel": channel}
            for channel, bits in maps.items()
        ]
        return named("OPFileQuery", [{"ByTimeInfo": info}])

    def _calendar(self, request: Request) -> Reply:
        device = self._device
        query = request.section("OPSCalendar")
        year, month = parse_number(query.get("Year"), 2000), parse_number(query.get("Month"))
        kind, letters = str(query.get("FileType", "h264")), event_letters(query)
        recordings = [
            each
            for channel in range(device.channels)
            for each in matching(device.recordings(channel, 0, kind), _EPOCH, _FOR_EVER, letters)
        ]
        if month:
            return named("OPSCalendar", {"Mask": device.archive.month_mask(recordings, year, month)})
        masks = [device.archive.month_mask(recordings, year, each) for each in range(1, 13)]
        return named("OPSCalendar", [{"Mask": mask} for mask in masks])

    def _log(self, request: Request) -> Reply:
        query = request.section("OPLogQuery")
        begin, end = _range(query)
        entries = self._device.log.find(
            begin, end, parse_number(query.get("LogPosition")), str(query.get("Type", "LogAll"))
        )
        key = "LogList" if self._device.quirks.list_keys == "seed" else "OPLogQuery"
        value = [entry.as_json() for entry in entries] or None
        return JsonReply({"Name": "OPLogQuery", "Ret": int(ReturnCode.OK), key: value})


def _range(query: Mapping[str, Any]) -> tuple[datetime, datetime]:
    """BeginTime and EndTime; open where they are missing or mean nothing."""
    return parse_time(query.get("BeginTime")) or _EPOCH, parse_time(query.get("EndTime")) or _FOR_EVER


def _channels(query: Mapping[str, Any], channels: int) -> list[int]:
    """The 0-based channels asked for: a number, or two masks of 32."""
    if "Channel" in query:
        wanted = [parse_number(query["Channel"])]
    else:
        mask = parse_number(query.get("LowChannel")) | parse_number(query.get("HighChannel")) << 32
        wanted = [channel for channel in range(64) if mask >> channel & 1]
    return [channel for channel in wanted if 0 <= channel < channels]
