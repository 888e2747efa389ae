"""The subscriptions a device has granted: catalog, alarms, positions, where a head points (§9)."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from cambus.gb28181.agent import Agent
from cambus.gb28181.manscdp.envelope import CONTENT_TYPE, Envelope
from cambus.gb28181.manscdp.positions import PositionQuery
from cambus.simulators.gb28181.quirks import Quirks
from cambus.sip.dialog import Dialog
from cambus.sip.endpoint import Incoming
from cambus.sip.events import RequestReceived

MAX_WATCHERS: Final = 64
_DEFAULT_S: Final = 3600
_NOTIFY_TIMEOUT_S: Final = 8.0
_DEFAULT_INTERVAL_S: Final = 5


class Host(Protocol):
    """What subscriptions need of their device."""

    @property
    def agent(self) -> Agent:
        """How it speaks."""

    def own(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run something for as long as the device lives."""

    def changed(self) -> None:
        """Something may have become true that somebody waits for."""

    def news(self, watcher: Watcher) -> bytes | None:
        """What a subscriber is told first; None for nothing."""

    def position_news(self) -> bytes:
        """Where the device is now."""


@dataclass
class Watcher:
    """One subscription.

    Attributes:
        topic: CmdType, such as `Catalog`.
        dialog: that of the subscription.
        event: its Event header.
        expires_at: when it ends, by the clock of the event loop.
        interval_s: between positions.
        granted: how often it has been granted.
    """

    topic: str
    dialog: Dialog
    event: str
    expires_at: float
    interval_s: int = _DEFAULT_INTERVAL_S
    granted: int = 1
    task: asyncio.Task[None] | None = field(default=None, repr=False)


class Watchers:
    """All subscriptions of one device.

    Args:
        host: whose they are.
        quirks: what goes wrong.
    """

    def __init__(self, host: Host, quirks: Quirks) -> None:
        self.active: dict[str, Watcher] = {}
        self._host = host
        self._quirks = quirks

    def subscribe(self, event: RequestReceived) -> None:
        """Somebody wants to be told."""
        endpoint, request = self._host.agent.endpoint, event.request
        if self._quirks.subscribe == "refuse":
            endpoint.respond(event.transaction, 489)
            return
        if request.to_tag:  # a dialog nobody knows any more
            endpoint.respond(event.transaction, 481)
            return
        if len(self.active) >= MAX_WATCHERS:
            endpoint.respond(event.transaction, 486)
            return
        envelope = Envelope.parse(request.body)
        dialog = Dialog.taken(request, event.transaction.to_tag, event.peer)
        expires_s = _expires(request.headers.get("Expires"))
        watcher = Watcher(
            envelope.command,
            dialog,
            request.headers.get("Event") or "presence",
            self._now() + expires_s,
            PositionQuery.parse(envelope).interval_s or _DEFAULT_INTERVAL_S,
        )
        self.active[dialog.call_id] = watcher
        self._host.agent.in_dialog(dialog.key, lambda incoming: self._again(watcher, incoming))
        if self._quirks.notify_first:
            self._tell_first(watcher)
        self._grant(event, expires_s)
        if not self._quirks.notify_first:
            self._tell_first(watcher)
        watcher.task = self._host.own(self._watch(watcher))
        self._host.changed()

    def _grant(self, event: RequestReceived, expires_s: int) -> None:
        agent = self._host.agent
        contact = f"<sip:{agent.settings.code}@{agent.address}>"
        headers = [("Expires", str(expires_s)), ("Contact", contact)]
        agent.endpoint.respond(event.transaction, 200, headers=headers)

    def _again(self, watcher: Watcher, incoming: Incoming) -> None:
        """Refreshed, or ended."""
        if not isinstance(incoming, RequestReceived):
            return
        endpoint = self._host.agent.endpoint
        if self._quirks.subscribe == "forget":
            self.end(watcher)
            endpoint.respond(incoming.transaction, 481)
            return
        expires_s = _expires(incoming.request.headers.get("Expires"))
        self._grant(incoming, expires_s)
        if not expires_s:
            self.end(watcher)
            return
        watcher.expires_at = self._now() + expires_s
        watcher.granted += 1
        self._host.changed()

    def _tell_first(self, watcher: Watcher) -> None:
        body = self._host.news(watcher)
        if body is not None:
            self._send(watcher, body)

    def tell(self, topic: str, body: bytes) -> int:
        """Tell all who want to know; how many there are."""
        wanted = [each for each in self.active.values() if each.topic.lower() == topic.lower()]
        for each in wanted:
            self._send(each, body)
        return len(wanted)

    def _send(self, watcher: Watcher, body: bytes) -> None:
        agent = self._host.agent
        left_s = max(int(watcher.expires_at - self._now()), 0)
        headers = [("Content-Type", CONTENT_TYPE)]
        if not self._quirks.notify_bare:
            headers += [("Event", watcher.event), ("Subscription-State", f"active;expires={left_s}")]
        request = watcher.dialog.request("NOTIFY", headers=headers, body=body)

        async def send() -> None:
            await agent.endpoint.request(request, watcher.dialog.peer, timeout_s=_NOTIFY_TIMEOUT_S)

        agent.later(send())

    async def _watch(self, watcher: Watcher) -> None:
        """Tell positions at their interval, and end what is not refreshed."""
        while watcher.dialog.call_id in self.active:
            left_s = watcher.expires_at - self._now()
            if left_s <= 0:
                self.end(watcher)
                return
            await asyncio.sleep(min(left_s, watcher.interval_s))
            if watcher.topic.lower() == "mobileposition" and watcher.dialog.call_id in self.active:
                self._send(watcher, self._host.position_news())

    def end(self, watcher: Watcher) -> None:
        """It is over."""
        self.active.pop(watcher.dialog.call_id, None)
        self._host.agent.in_dialog(watcher.dialog.key, None)
        if watcher.task is not None and watcher.task is not asyncio.current_task():
            watcher.task.cancel()
        self._host.changed()

    def clear(self) -> None:
        """All are forgotten, as after a restart."""
        for each in list(self.active.values()):
            self.end(each)

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()


def _expires(text: str | None) -> int:
    value = (text or "").strip()
    return int(value) if value.isdigit() and len(value) < 9 else _DEFAULT_S
