"""Answers to the upper platform's questions, from what is known or from the device (§12, GB-241, GB-242)."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from typing import Any, Final

from pydantic import ValidationError

from cambus.connector_gb28181.cascade.catalog import item_of, part_size, parts
from cambus.connector_gb28181.cascade.context import LinkContext
from cambus.connector_gb28181.cascade.nodes import Node
from cambus.connector_gb28181.cascade.relay import PROTOCOL, relay
from cambus.gb28181.errors import ProtocolError
from cambus.gb28181.manscdp import catalog as catalogs
from cambus.gb28181.manscdp import config as configs
from cambus.gb28181.manscdp.config import BasicParam, ConfigQuery, VideoParamOpt
from cambus.gb28181.manscdp.envelope import Envelope, Root, compose
from cambus.gb28181.manscdp.layout import Part
from cambus.gb28181.manscdp.presence import DeviceInfo, DeviceStatus
from cambus.gb28181.manscdp.ptz_state import (
    Cruise,
    CruiseAnswer,
    CruiseList,
    CruisePoint,
    CruiseQuery,
    Preset,
    PresetList,
    PtzPosition,
)
from cambus.gb28181.manscdp.records import RecordItem, RecordPart, RecordQuery
from cambus.gb28181.manscdp.storage import Card, CardList
from cambus.gb28181.values import read_time, write_time
from cambus.gb28181.versions import Version
from cambus.gb28181.xml import Element
from cambus.schemas.commands import device, ptz, recording, storage
from cambus.schemas.commands.recording import DeviceRecording, RecordingCause
from cambus.schemas.errors import CambusError, NotFound
from cambus.schemas.model import Empty

logger = logging.getLogger(__name__)

MAX_RECORDINGS: Final = 10_000
_TYPES: Final = {
    RecordingCause.CONTINUOUS: "time",
    RecordingCause.ALARM: "alarm",
    RecordingCause.MOTION: "alarm",
    RecordingCause.MANUAL: "manual",
}
_CAUSES: Final = {
    "time": {RecordingCause.CONTINUOUS, RecordingCause.OTHER},
    "alarm": {RecordingCause.ALARM, RecordingCause.MOTION},
    "manual": {RecordingCause.MANUAL},
}

_HEADER: Final = frozenset({"cmdtype", "sn", "deviceid"})
_OF_CHANNELS: Final = frozenset(
    {"recordinfo", "presetquery", "cruisetracklistquery", "cruisetrackquery", "ptzposition"}
)
Answering = Callable[["Questions", Node, Envelope], Awaitable[Iterable[bytes]]]


class Questions:
    """Answers the questions of one upper platform.

    Args:
        context: the link.
    """

    def __init__(self, context: LinkContext) -> None:
        self._context = context

    def ask(self, node: Node, envelope: Envelope) -> int:
        """A question about a node; the status it is answered with. The answer follows."""
        name = envelope.command.lower()
        handler = _HANDLERS.get(name)
        if handler is None:
            return 200
        return 200 if self._context.own(self._answer, name, handler, node, envelope) else 503

    async def _answer(self, name: str, handler: Answering, node: Node, envelope: Envelope) -> None:
        """One part after the other, each once the one before was acknowledged (§4.1)."""
        count = self._context.metrics.questions
        try:
            if node.channel is None and name in _OF_CHANNELS:
                raise NotFound("a recorder as a whole has none")
            bodies = await handler(self, node, envelope)
        except (CambusError, ProtocolError, ValidationError) as error:
            count(name, "refused").inc()
            facts = {**self._context.facts, "code": node.code, "command": name, "reason": str(error)[:500]}
            logger.info("a question of an upper platform has no answer", extra=facts)
            return
        try:
            for body in bodies:
                await self._context.agent.send(body)
        except BaseException:
            count(name, "failed").inc()
            raise
        count(name, "done").inc()

    @property
    def _charset(self) -> str:
        return self._context.agent.settings.charset

    def _one(self, envelope: Envelope, body: Any) -> list[bytes]:
        return [self._context.body(body, envelope.sn or 0, envelope.code)]

    # --- lists ------------------------------------------------------------------------------------------

    async def catalog(self, node: Node, envelope: Envelope) -> Iterable[bytes]:
        """The node and everything under it; of ourselves, all there is."""
        context = self._context
        found = context.shared.below(node.code)
        return (  # made as they leave: thousands of items at once would hold everything else up
            catalogs.response(
                envelope.sn or 0,
                envelope.code,
                len(found),
                [item_of(each, context.link) for each in part],
                charset=self._charset,
                version=Version(context.link.version),
            )
            for part in parts(found, part_size(context.link))
        )

    async def records(self, node: Node, envelope: Envelope) -> list[bytes]:
        """What the device has recorded."""
        query = RecordQuery.parse(envelope)
        start, end = read_time(query.start), read_time(query.end)
        if not self._context.link.permissions.playback or start is None or end is None:
            raise NotFound("recordings are not shared, or no span was given")
        found = await self._find(node, start, end, query)
        items = [_record(each, envelope.code, node.name) for each in found]
        return [
            self._context.body(
                RecordPart(node.name, len(items), tuple(part)), envelope.sn or 0, envelope.code
            )
            for part in parts(items, part_size(self._context.link))
        ]

    async def _find(
        self, node: Node, start: datetime, end: datetime, query: RecordQuery
    ) -> list[DeviceRecording]:
        found, cursor = list[DeviceRecording](), None
        while len(found) < MAX_RECORDINGS:
            request = recording.RecordingFindRequest(
                channel=node.channel or 0,
                start=start,
                end=end,
                cursor=cursor,
                everywhere=query.indistinct == 1,
            )
            reply = await self._context.call(node, recording.FIND, request)
            found += reply.recordings
            cursor = reply.cursor
            if cursor is None:
                break
        wanted = _CAUSES.get((query.type or "all").lower())
        return [each for each in found if wanted is None or each.event in wanted]

    # --- what something is ------------------------------------------------------------------------------

    async def info(self, node: Node, envelope: Envelope) -> list[bytes]:
        """What it is."""
        below = [each for each in self._context.shared.below(node.code) if each.channel is not None]
        body = DeviceInfo(
            name=node.name,
            ok=True,
            manufacturer=node.vendor or "Cambus",
            model=node.model or "Cambus",
            firmware=node.software or None,
            channels=len(below),
        )
        return self._one(envelope, body)

    async def status(self, node: Node, envelope: Envelope) -> list[bytes]:
        """How it is; whether it records, only the device knows."""
        recording_now = await self._recording_now(node) if node.online and node.channel is not None else None
        body = DeviceStatus(
            ok=True,
            online="ONLINE" if node.online else "OFFLINE",
            status="OK" if node.online else "ERROR",
            encoding=node.online,
            recording=recording_now,
            device_time=write_time(datetime.now(UTC)),
        )
        return self._one(envelope, body)

    async def _recording_now(self, node: Node) -> bool | None:
        try:
            told = await self._context.call(node, device.STATUS, Empty())
        except CambusError:
            return None
        return next((each.recording for each in told.channels if each.channel == node.channel), None)

    async def cards(self, node: Node, envelope: Envelope) -> list[bytes]:
        """The storage of the device."""
        disks = (await self._context.call(node, storage.LIST, Empty())).disks
        cards = tuple(
            Card(
                number=each.disk,
                name=f"disk {each.disk}",
                status="ok" if each.state == "ok" else "error",
                capacity_mb=(each.total_bytes or 0) >> 20,
                free_mb=(each.free_bytes or 0) >> 20,
            )
            for each in disks
        )
        return self._one(envelope, CardList(len(cards), cards))

    # --- heads ------------------------------------------------------------------------------------------

    async def presets(self, node: Node, envelope: Envelope) -> list[bytes]:
        """The presets of a head."""
        request = ptz.PtzChannelRequest(channel=node.channel or 0)
        known = (await self._context.call(node, ptz.PRESET_LIST, request)).presets
        presets = tuple(Preset(str(each.preset), each.name) for each in known if each.preset <= 255)
        announced = len(presets) if self._context.link.version == "3.0" else None
        return self._one(envelope, PresetList(announced, presets))

    async def cruises(self, node: Node, envelope: Envelope) -> list[bytes]:
        """The tours of a head."""
        tours = await self._tours(node)
        cruises = tuple(Cruise(each.tour, each.name or f"{each.tour}") for each in tours)
        return self._one(envelope, CruiseList(len(cruises), cruises))

    async def cruise(self, node: Node, envelope: Envelope) -> list[bytes]:
        """One tour."""
        number = CruiseQuery.parse(envelope).number or 0
        tour = next((each for each in await self._tours(node) if each.tour == number), None)
        stops = tour.points or [] if tour is not None else []
        points = tuple(
            CruisePoint(each.preset, each.dwell_s, max(1, round((each.speed or 1.0) * 15))) for each in stops
        )
        name = tour.name or None if tour is not None else None
        return self._one(envelope, CruiseAnswer(number, name, len(points), points))

    async def _tours(self, node: Node) -> list[ptz.PtzTour]:
        request = ptz.PtzChannelRequest(channel=node.channel or 0)
        return (await self._context.call(node, ptz.TOUR_LIST, request)).tours

    async def position(self, node: Node, envelope: Envelope) -> list[bytes]:
        """Where a head points; down is positive there (A.2.3.1.11)."""
        at = await self._context.call(
            node, ptz.POSITION_GET, ptz.PtzChannelRequest(channel=node.channel or 0)
        )
        return self._one(envelope, position_of(at))

    # --- settings ---------------------------------------------------------------------------------------

    async def settings(self, node: Node, envelope: Envelope) -> list[bytes]:
        """Blocks of settings, a message for each: ours, or the device's own where it speaks this protocol."""
        bodies = []
        for asked in (ConfigQuery.parse(envelope).types or "").split("/"):
            name = configs.block_name(asked.strip())
            block = self._own_block(name, node) or await self._device_block(name, node)
            bodies.append(
                configs.answer(
                    envelope.sn or 0, envelope.code, block, ok=block is not None, charset=self._charset
                )
            )
        return bodies

    def _own_block(self, name: str, node: Node) -> Element | None:
        settings = self._context.agent.settings
        block: Part | None = None
        if name == "BasicParam":
            block = BasicParam(node.name, settings.expires_s, int(settings.keepalive_s), 3)
        elif name == "VideoParamOpt":
            block = VideoParamOpt("1/2/4", "5/6")
        return Element(name, children=block.elements()) if block is not None else None

    async def _device_block(self, name: str, node: Node) -> Element | None:
        """A block of a device below that speaks GB/T 28181 itself: the question is passed on."""
        if node.protocol != PROTOCOL or name not in configs.BLOCKS:
            return None
        question = Envelope.parse(configs.query(0, node.code, [name]))
        try:
            answer = await relay(self._context, node, question)
        except (CambusError, ProtocolError):
            return None
        return configs.ConfigAnswer.parse(answer).element if answer is not None else None

    async def passed_on(self, node: Node, envelope: Envelope) -> list[bytes]:
        """What only a device that speaks GB/T 28181 itself can answer."""
        answer = await relay(self._context, node, envelope)
        if answer is None:
            return []
        content = [each for each in answer.element.children if each.name.lower() not in _HEADER]
        return [
            compose(
                Root.RESPONSE,
                envelope.command,
                envelope.sn or 0,
                envelope.code,
                content,
                charset=self._charset,
            )
        ]


def position_of(at: ptz.PtzPositionReply) -> PtzPosition:
    """Where a head points, in the words of the standard."""
    return PtzPosition(
        pan=at.pan_deg,
        tilt=-at.tilt_deg if at.tilt_deg is not None else None,
        zoom=at.zoom,
        horizontal_angle=at.horizontal_view_deg,
        vertical_angle=at.vertical_view_deg,
    )


def _record(found: DeviceRecording, code: str, name: str) -> RecordItem:
    return RecordItem(
        code=code,
        name=name,
        file_path=found.id,
        address=name,
        start=write_time(found.start),
        end=write_time(found.end),
        secrecy=0,
        type=_TYPES.get(found.event, "time"),
        size_bytes=found.bytes,
        location=location if isinstance(location := found.native.get("RecordLocation"), str) else None,
    )


_HANDLERS: Final[dict[str, Answering]] = {
    "catalog": Questions.catalog,
    "deviceinfo": Questions.info,
    "devicestatus": Questions.status,
    "recordinfo": Questions.records,
    "presetquery": Questions.presets,
    "configdownload": Questions.settings,
    "homepositionquery": Questions.passed_on,
    "cruisetracklistquery": Questions.cruises,
    "cruisetrackquery": Questions.cruise,
    "ptzposition": Questions.position,
    "sdcardstatus": Questions.cards,
}
