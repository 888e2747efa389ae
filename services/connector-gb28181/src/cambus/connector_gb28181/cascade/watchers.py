"""What the upper platform subscribed to: the catalog, alarms, positions, where heads point (§9, §12, GB-247)."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from cambus.connector_gb28181.cascade.catalog import item_of, parts
from cambus.connector_gb28181.cascade.context import LinkContext
from cambus.connector_gb28181.cascade.nodes import Node, SharedSet
from cambus.connector_gb28181.cascade.questions import position_of
from cambus.gb28181.manscdp import catalog as catalogs
from cambus.gb28181.manscdp.alarms import AlarmQuery
from cambus.gb28181.manscdp.catalog import CatalogChange, CatalogEvent
from cambus.gb28181.manscdp.envelope import CONTENT_TYPE, Envelope
from cambus.gb28181.manscdp.positions import PositionQuery
from cambus.gb28181.manscdp.ptz_state import PtzPositionNotice
from cambus.gb28181.versions import Version
from cambus.schemas.commands import ptz
from cambus.schemas.errors import CambusError
from cambus.sip.dialog import Dialog
from cambus.sip.endpoint import Incoming
from cambus.sip.errors import SipError
from cambus.sip.events import RequestReceived

logger = logging.getLogger(__name__)

MAX_WATCHERS: Final = 256
BATCH: Final = 100
UDP_BATCH: Final = 20
"""What fits a datagram whatever things are called."""
NOTIFY_TIMEOUT_S: Final = 8.0
HEAD_LOOK_S: Final = 2.0
LONGEST_S: Final = 604_800
_USUAL_S: Final = {"catalog": 600}
_DEFAULT_S: Final = 3600
_DEFAULT_INTERVAL_S: Final = 5
_TOPICS: Final = frozenset({"catalog", "alarm", "mobileposition", "ptzposition"})


@dataclass
class Watcher:
    """One subscription.

    Attributes:
        topic: CmdType, in lower case.
        code: what it is about: a node, and everything under it.
        dialog: that of the subscription.
        event: its Event header.
        expires_at: when it ends, by the clock of the event loop.
        interval_s: between positions of one device.
        alarms: which are wanted.
        told: of a catalog, what it knows: whether each item is there.
        positions: when each device was told last.
    """

    topic: str
    code: str
    dialog: Dialog
    event: str
    expires_at: float
    interval_s: int = _DEFAULT_INTERVAL_S
    alarms: AlarmQuery = field(default_factory=AlarmQuery)
    told: dict[str, Node] = field(default_factory=dict)
    positions: dict[str, float] = field(default_factory=dict)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def left_s(self) -> float:
        """For how long it is granted from now on."""
        return max(self.expires_at - asyncio.get_running_loop().time(), 0.0)


class Watchers:
    """All subscriptions of one upper platform.

    Args:
        context: the link.
    """

    def __init__(self, context: LinkContext) -> None:
        self.active: dict[str, Watcher] = {}
        self._context = context

    # --- being subscribed to ----------------------------------------------------------------------------

    def subscribe(self, event: RequestReceived) -> None:
        """Somebody wants to be told. Raises ProtocolError."""
        endpoint, request = self._context.agent.endpoint, event.request
        if request.to_tag:  # a dialog nobody knows any more
            endpoint.respond(event.transaction, 481)
            return
        envelope = Envelope.parse(request.body)
        topic, code = envelope.command.lower(), envelope.code or self._context.link.code
        refusal = self._refusal(topic, code)
        if refusal:
            endpoint.respond(event.transaction, refusal)
            return
        dialog = Dialog.taken(request, event.transaction.to_tag, event.peer)
        expires_s = _expires(request.headers.get("Expires"), topic)
        watcher = Watcher(
            topic,
            code,
            dialog,
            request.headers.get("Event") or "presence",
            self._now() + expires_s,
            max(PositionQuery.parse(envelope).interval_s or _DEFAULT_INTERVAL_S, 1),
            AlarmQuery.parse(envelope) if topic == "alarm" else AlarmQuery(),
        )
        self.active[dialog.call_id] = watcher
        self._context.agent.in_dialog(dialog.key, lambda incoming: self._again(watcher, incoming))
        self._grant(event, expires_s)
        if not expires_s or not self._context.own(self._watch, watcher):
            self._end(watcher)

    def _refusal(self, topic: str, code: str) -> int:
        if self._context.shared.node(code) is None:
            return 404
        if topic not in _TOPICS:
            return 489
        return 486 if len(self.active) >= MAX_WATCHERS else 0

    def _grant(self, event: RequestReceived, expires_s: int) -> None:
        agent = self._context.agent
        contact = f"<sip:{agent.settings.code}@{agent.address}>"
        agent.endpoint.respond(
            event.transaction, 200, headers=[("Expires", str(expires_s)), ("Contact", contact)]
        )

    def _again(self, watcher: Watcher, incoming: Incoming) -> None:
        """Refreshed, or ended."""
        if not isinstance(incoming, RequestReceived):
            return
        if incoming.request.method != "SUBSCRIBE":
            self._context.agent.endpoint.respond(incoming.transaction, 200)
            return
        expires_s = _expires(incoming.request.headers.get("Expires"), watcher.topic)
        self._grant(incoming, expires_s)
        if expires_s:
            watcher.expires_at = self._now() + expires_s
            return
        self._context.own(self._send, watcher, b"", "terminated;reason=timeout")
        self._end(watcher)

    async def _watch(self, watcher: Watcher) -> None:
        """Tell it what it has to know first, then wait until it ends by itself."""
        if watcher.topic == "catalog":
            await self._tell_first(watcher)
        while not watcher.ended.is_set():
            left_s = watcher.left_s
            if not left_s:
                self._end(watcher)
                return
            if watcher.topic == "ptzposition":
                await self._tell_heads(watcher)
                left_s = min(left_s, HEAD_LOOK_S)
            with suppress(TimeoutError):
                async with asyncio.timeout(left_s):
                    await watcher.ended.wait()

    def _end(self, watcher: Watcher) -> None:
        self.active.pop(watcher.dialog.call_id, None)
        self._context.agent.in_dialog(watcher.dialog.key, None)
        watcher.ended.set()

    async def end_all(self) -> None:
        """The link is withdrawn: every subscription is told so (§12)."""
        for watcher in list(self.active.values()):
            with suppress(SipError):
                await self._send(watcher, b"", "terminated;reason=noresource")
            self._end(watcher)

    def forget_all(self) -> None:
        """The platform is away, and will subscribe again."""
        for watcher in list(self.active.values()):
            self._end(watcher)

    # --- catalogs ---------------------------------------------------------------------------------------

    async def _tell_first(self, watcher: Watcher) -> None:
        """Only what is not there: the rest counts as there (§9)."""
        async with watcher.lock:
            nodes = self._context.shared.below(watcher.code)
            watcher.told = {node.code: node for node in nodes}
            changes = [self._change(CatalogEvent.OFF, node) for node in nodes if not node.online]
            await self._tell_changes(watcher, changes, always=True)

    def _change(self, event: CatalogEvent, node: Node) -> CatalogChange:
        return CatalogChange(event, item_of(node, self._context.link))

    def changed(self, shared: SharedSet) -> None:
        """The platform sees something else; what came and went meanwhile is not told (GB-247)."""
        for watcher in list(self.active.values()):
            if shared.node(watcher.code) is None:
                self._context.own(self._withdraw, watcher)
            elif watcher.topic == "catalog":
                self._context.own(self._tell_news, watcher)

    async def _withdraw(self, watcher: Watcher) -> None:
        if not watcher.ended.is_set():
            self._end(watcher)
            await self._send(watcher, b"", "terminated;reason=noresource")

    async def _tell_news(self, watcher: Watcher) -> None:
        async with watcher.lock:
            nodes = {node.code: node for node in self._context.shared.below(watcher.code)}
            before, watcher.told = watcher.told, nodes
            news = [
                self._change(event, node)
                for code, node in nodes.items()
                if (event := _difference(before.get(code), node)) is not None
            ]
            news += [
                self._change(CatalogEvent.DEL, node) for code, node in before.items() if code not in nodes
            ]
            await self._tell_changes(watcher, news)

    async def _tell_changes(
        self, watcher: Watcher, changes: list[CatalogChange], *, always: bool = False
    ) -> None:
        """In batches, one after the other."""
        if not changes and not always:
            return
        agent = self._context.agent
        size = self._context.link.part_items or (BATCH if agent.settings.tcp else UDP_BATCH)
        for batch in parts(changes, min(size, BATCH)):
            if watcher.ended.is_set():
                return
            body = catalogs.notify(
                agent.next_sn(),
                watcher.code,
                list(batch),
                charset=agent.settings.charset,
                version=Version(self._context.link.version),
            )
            await self._send(watcher, body)

    # --- everything else --------------------------------------------------------------------------------

    def wanting(self, topic: str, node: Node) -> list[Watcher]:
        """The subscriptions to something of a node."""
        return [each for each in self.active.values() if each.topic == topic and self._covers(each, node)]

    def _covers(self, watcher: Watcher, node: Node) -> bool:
        everything = watcher.code == self._context.link.code
        return everything or any(node.code == each.code for each in self._below(watcher))

    def _below(self, watcher: Watcher) -> list[Node]:
        if watcher.code == self._context.link.code:
            return list(self._context.shared.nodes.values())
        return self._context.shared.below(watcher.code)

    async def tell(self, watcher: Watcher, body: bytes) -> None:
        """Tell one subscriber. Raises SipError."""
        await self._send(watcher, body)

    async def tell_position(self, node: Node, body: bytes) -> int:
        """Tell who wants to know where a device is, no more often than that; how many there were."""
        told = 0
        for watcher in self.wanting("mobileposition", node):
            if self._now() - watcher.positions.get(node.code, 0.0) >= watcher.interval_s * 0.9:
                watcher.positions[node.code] = self._now()
                await self._send(watcher, body)
                told += 1
        return told

    async def _tell_heads(self, watcher: Watcher) -> None:
        """Where heads point, asked of each camera that can be moved, told when it is elsewhere (GB-209)."""
        for node in self._below(watcher):
            if node.channel is None or node.info is None or not node.info.ptz or not node.online:
                continue
            request = ptz.PtzChannelRequest(channel=node.channel)
            try:
                at = await self._context.call(node, ptz.POSITION_GET, request)
            except CambusError:
                continue
            place = position_of(at)
            seen = hash(place)
            if watcher.positions.get(node.code) != seen:
                watcher.positions[node.code] = seen
                notice = PtzPositionNotice(
                    place.pan,
                    place.tilt,
                    place.zoom,
                    place.horizontal_angle,
                    place.vertical_angle,
                    place.view_m,
                )
                await self._send(watcher, self._context.body(notice, None, node.code))

    async def _send(self, watcher: Watcher, body: bytes, state: str = "") -> None:
        headers = [
            ("Event", watcher.event),
            ("Subscription-State", state or f"active;expires={int(watcher.left_s)}"),
        ]
        if body:
            headers.append(("Content-Type", CONTENT_TYPE))
        request = watcher.dialog.request("NOTIFY", headers=headers, body=body)
        response = await self._context.agent.endpoint.request(
            request, watcher.dialog.peer, timeout_s=NOTIFY_TIMEOUT_S
        )
        if response.status == 481:
            self._end(watcher)

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()


def _difference(before: Node | None, now: Node) -> CatalogEvent | None:
    """What is to be told of an item; None for nothing."""
    if before is None:
        return CatalogEvent.ADD
    if before.online != now.online:
        return CatalogEvent.ON if now.online else CatalogEvent.OFF
    said = (before.name, before.parents, before.group, before.vendor, before.model)
    return CatalogEvent.UPDATE if said != (now.name, now.parents, now.group, now.vendor, now.model) else None


def _expires(text: str | None, topic: str) -> int:
    value = (text or "").strip()
    if value.isascii() and value.isdigit() and len(value) < 9:
        return min(int(value), LONGEST_S)
    return _USUAL_S.get(topic, _DEFAULT_S)
