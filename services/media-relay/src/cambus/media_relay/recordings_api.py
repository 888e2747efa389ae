"""The JSON interface of the player page for what the recorders hold.

| | |
|---|---|
| `GET api/recordings?device=&channel=&hours=` | the spans, newest first; who answered, who did not |
| `GET api/timeline?device=&channel=&start=&end=` | spans, gaps with reasons and alarms, by time |
"""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from aiohttp import web

from cambus.client.calling import BusClient
from cambus.media_relay.access import Access
from cambus.media_relay.key import parse_key
from cambus.media_relay.page_bodies import MAX_HOURS, hours_of, instant_of, json_answer
from cambus.schemas.commands import recorder
from cambus.schemas.errors import BadRequest, Offline

_MAX_SPANS: Final = 200
_MAX_FOUND: Final = 2000
_MAX_PAGES: Final = 10
_NO_RECORDER: Final = {"recorders": 0, "silent": []}


class RecordingsApi:
    """Answers the page's requests; each is checked by `access` first."""

    def __init__(self, client: BusClient, access: Access) -> None:
        self._client = client
        self._access = access

    def routes(self) -> list[web.RouteDef]:
        """What to add to the application."""
        return [
            web.get("/api/recordings", self._recordings),
            web.get("/api/timeline", self._timeline),
        ]

    async def _recordings(self, request: web.Request) -> web.Response:
        await self._access.check_page(request)
        end = datetime.now(UTC)
        wanted = _search(request, end - timedelta(hours=hours_of(request)), end, alarms=False)
        spans: list[recorder.FoundSpan] = []
        for _ in range(_MAX_PAGES):
            try:
                found = await self._client.call(recorder.RECORDING_SEARCH, wanted)
            except Offline:
                return json_answer({"spans": [], **_NO_RECORDER})
            spans = sorted((*spans, *found.spans), key=lambda span: span.start)[-_MAX_SPANS:]
            if found.cursor is None:
                break
            wanted = wanted.model_copy(update={"cursor": found.cursor})
        newest = [span.model_dump(mode="json") for span in reversed(spans)]
        return json_answer({"spans": newest, "recorders": len(found.answered), "silent": found.silent})

    async def _timeline(self, request: web.Request) -> web.Response:
        await self._access.check_page(request)
        start, end = instant_of(request, "start"), instant_of(request, "end")
        if not start < end <= start + timedelta(hours=MAX_HOURS):
            raise BadRequest(f"start, end: wanted a span of at most {MAX_HOURS} h")
        wanted = _search(request, start, end, alarms=True)
        lanes: dict[str, list[Any]] = {"spans": [], "gaps": [], "alarms": []}
        for _ in range(_MAX_PAGES):
            try:
                found = await self._client.call(recorder.RECORDING_SEARCH, wanted)
            except Offline:
                return json_answer({**lanes, "complete_until": end.isoformat(), **_NO_RECORDER})
            page = found.model_dump(mode="json")
            for lane, entries in lanes.items():
                entries.extend(page[lane])
            if found.cursor is None:
                break
            wanted = wanted.model_copy(update={"cursor": found.cursor})
        complete_until = found.cursor or end
        return json_answer(
            {
                **lanes,
                "complete_until": complete_until.isoformat(),
                "recorders": len(found.answered),
                "silent": found.silent,
            }
        )


def _search(
    request: web.Request, start: datetime, end: datetime, *, alarms: bool
) -> recorder.RecordingSearchRequest:
    key = parse_key(request.query.get("device", ""), request.query.get("channel", ""), "main")
    return recorder.RecordingSearchRequest(
        device=key.device, channel=key.channel, start=start, end=end, alarms=alarms, limit=_MAX_FOUND
    )
