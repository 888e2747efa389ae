"""The JSON interface of the player page for exports: one file of what all recorders hold of a span of time.

| | |
|---|---|
| `POST api/export {device, channel, stream, start, end}` | have it prepared; how it is |
| `GET api/export?export=` | how it is: how much of it is done, and where to fetch it once it is ready |
| `POST api/export/cancel {export}` | give it up |

The recorder does the work, as for `cambusctl recordings export`; the page asks until it is done.
"""

from typing import Final

from aiohttp import web
from pydantic import ValidationError

from cambus.client.calling import BusClient
from cambus.media_relay.access import Access
from cambus.media_relay.page_bodies import body_of, json_answer
from cambus.schemas.commands import recorder, recorder_export
from cambus.schemas.errors import BadRequest

_TOLD: Final = {"export", "replica", "state", "progress"}
_TOLD_OF_FILE: Final = {"url", "start", "end", "bytes", "covered", "gaps", "replicas", "silent"}


class ExportsApi:
    """Answers the page's requests; each is checked by `access` first."""

    def __init__(self, client: BusClient, access: Access) -> None:
        self._client = client
        self._access = access

    def routes(self) -> list[web.RouteDef]:
        """What to add to the application."""
        return [
            web.post("/api/export", self._begin),
            web.get("/api/export", self._state),
            web.post("/api/export/cancel", self._cancel),
        ]

    async def _begin(self, request: web.Request) -> web.Response:
        await self._access.check_page(request)
        wanted = await body_of(request, recorder.RecordingExportRequest)
        return _told(await self._client.call(recorder_export.EXPORT_BEGIN, wanted))

    async def _state(self, request: web.Request) -> web.Response:
        await self._access.check_page(request)
        try:
            named = recorder_export.ExportRequest(export=request.query.get("export", ""))
        except ValidationError:
            raise BadRequest("export: wanted the name of an export") from None
        return _told(await self._client.call_holder(recorder_export.EXPORT_STATUS, named))

    async def _cancel(self, request: web.Request) -> web.Response:
        await self._access.check_page(request)
        named = await body_of(request, recorder_export.ExportRequest)
        await self._client.call_holder(recorder_export.EXPORT_CANCEL, named)
        return json_answer({})


def _told(state: recorder_export.ExportState) -> web.Response:
    ref, error = state.ref, state.error
    return json_answer(
        {
            **state.model_dump(mode="json", include=_TOLD),
            "file": None if ref is None else ref.model_dump(mode="json", include=_TOLD_OF_FILE),
            "error": None if error is None else error.text,
        }
    )
