"""One answer to "what is there": every recorder is asked, and what they say is merged, with the alarms of that time."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime

from cambus.bus.calls import CallContext
from cambus.bus.connection import Bus
from cambus.client.calling import BusClient
from cambus.recorder.alarm_history import AlarmsUnknownError, alarms_between
from cambus.recorder.finding import bound_of, cut
from cambus.recorder.layout import from_us, to_us
from cambus.recorder.merging import merge
from cambus.schemas.commands import recorder as commands
from cambus.schemas.errors import BadRequest, CambusError, Offline
from cambus.schemas.spans import RecordingGap

ASK_S = 5.0
"""How long recorders are waited for."""

QUIET_S = 1.0
"""How long after an answer the others are waited for: one that is known and does not answer is away, most likely."""

Alarms = tuple[list[commands.FoundAlarm], datetime | None]


class Search:
    """Answers `recording.search`.

    Args:
        bus: where the alarms are.
        client: asks the recorders.
        known: the recorders there are, running or not; asked for each search.
    """

    def __init__(self, bus: Bus, client: BusClient, known: Callable[[], frozenset[str]]) -> None:
        self._bus = bus
        self._client = client
        self._known = known

    async def search(
        self, _: CallContext, request: commands.RecordingSearchRequest
    ) -> commands.RecordingSearchReply:
        """One page of what is recorded, by time.

        Raises:
            BadRequest: the time ends before it begins.
        """
        start = request.start if request.cursor is None else max(request.start, request.cursor)
        if request.end <= start:
            raise BadRequest("end: wanted an instant after start")
        known = self._known()
        replies, alarms = await asyncio.gather(
            self._ask(request, start, len(known)), self._alarms(request, start)
        )
        answered = {reply.replica for reply in replies}
        bounds = [reply.complete_until for reply in replies]
        if alarms is not None:
            bounds.append(alarms[1])
        return self._page(
            request, start, replies, alarms, min((each for each in bounds if each is not None), default=None)
        ).model_copy(update={"answered": sorted(answered), "silent": sorted(known - answered)})

    async def _ask(
        self, request: commands.RecordingSearchRequest, start: datetime, expected: int
    ) -> list[commands.RecordedFindReply]:
        wanted = commands.RecordedFindRequest(
            device=request.device,
            channel=request.channel,
            stream=request.stream,
            start=start,
            end=request.end,
            limit=request.limit,
        )
        try:
            outcomes = await self._client.broadcast_all(
                commands.RECORDING_FIND, wanted, timeout_s=ASK_S, expected=expected, quiet_s=QUIET_S
            )
        except Offline:
            return []
        return [each for each in outcomes if not isinstance(each, CambusError)]

    async def _alarms(self, request: commands.RecordingSearchRequest, start: datetime) -> Alarms | None:
        if not request.alarms:
            return None
        try:
            return await alarms_between(
                self._bus, request.device, request.channel, start, request.end, limit=request.limit
            )
        except AlarmsUnknownError:
            return None

    @staticmethod
    def _page(
        request: commands.RecordingSearchRequest,
        start: datetime,
        replies: Sequence[commands.RecordedFindReply],
        alarms: Alarms | None,
        until: datetime | None,
    ) -> commands.RecordingSearchReply:
        """As much as is complete, and no more than was asked for."""
        raised = [] if alarms is None else alarms[0]
        if until is not None:  # a gap that begins behind it may be covered by what did not fit
            replies = [_cut_reply(reply, to_us(until)) for reply in replies]
        spans, gaps = merge(replies)
        begins = (
            [span.start for span in spans] + [gap.start for gap in gaps] + [each.start for each in raised]
        )
        starts = sorted(map(to_us, begins))
        bound = bound_of(starts, request.limit, to_us(start))
        if bound is not None and (until is None or bound < to_us(until)):
            until = from_us(bound)
        if until is not None:
            spans, gaps = cut(spans, to_us(until)), cut(gaps, to_us(until))
            raised = [alarm for alarm in raised if alarm.start < until]
        return commands.RecordingSearchReply(
            spans=spans,
            gaps=gaps,
            alarms=raised,
            alarms_known=alarms is not None,
            answered=[],
            silent=[],
            cursor=until,
        )


def _cut_reply(reply: commands.RecordedFindReply, until_us: int) -> commands.RecordedFindReply:
    gaps: list[RecordingGap] = cut(reply.gaps, until_us)
    return reply.model_copy(update={"spans": cut(reply.spans, until_us), "gaps": gaps})
