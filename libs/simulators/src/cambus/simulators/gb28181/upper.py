"""An upper platform as an object: others register to it, and are asked, watched and commanded (§18).

::

    async with UpperPlatform(domain="3401000000", code=…, accounts={code: password}) as upper:
        await upper.wait_for(lambda: upper.registered(code))
        items = await upper.catalog(code)
        watching = await upper.play(code, channel, transport="udp")
        await watching.wait_for(lambda: len(watching.pictures) >= 10)
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Self

from cambus.gb28181.accounts import Account
from cambus.gb28181.broadcast import Broadcasts, Speech
from cambus.gb28181.manscdp.alarms import is_alarm
from cambus.gb28181.manscdp.catalog import CatalogItem
from cambus.gb28181.manscdp.control import DeviceControl
from cambus.gb28181.manscdp.envelope import CONTENT_TYPES, Envelope
from cambus.gb28181.manscdp.records import RecordItem, RecordQuery
from cambus.gb28181.media_order import SessionOrder
from cambus.gb28181.media_session import MediaSessions
from cambus.gb28181.media_settings import MediaSettings
from cambus.gb28181.platform import Gb28181Platform, PlatformEvent, Told
from cambus.gb28181.platform_settings import PlatformSettings
from cambus.gb28181.registrar import RegistrarSettings
from cambus.gb28181.remote_device import RemoteDevice
from cambus.gb28181.subscriptions import Subscription, Topic, Wanted
from cambus.gb28181.times import Times
from cambus.simulators.gb28181.upper_watching import Watching
from cambus.simulators.watch import Watch
from cambus.sip.digest import Algorithm
from cambus.sip.events import RequestReceived
from cambus.sip.timers import Timers

MAX_TOLD: Final = 10_000
MAX_SESSIONS: Final = 256
_LOOK_S: Final = 0.02
PACKET_S: Final = 0.02
SILENCE: Final = b"\xd5" * 160


@dataclass(frozen=True, slots=True)
class _WantedOf(Wanted):
    """A subscription to one node of a catalog."""

    of: str | None = None

    def body(self, sn: int, code: str, charset: str) -> bytes:
        return Wanted.body(self, sn, self.of or code, charset)


class UpperPlatform:
    """A platform that others are parts of.

    Args:
        code: its code.
        accounts: passwords by code of who may register.
        domain: its SIP domain; by default the first ten digits of its code.
        host: address to listen on.
        port: SIP port; 0 takes a free one.
        times: how long things may take.
        timers: of SIP transactions.
        signing: with what digest requests of both sides are signed; None for not at all.

    Attributes:
        platform: the platform itself.
        told: what others told unasked, oldest first: by MESSAGE, or NOTIFY of a subscription.
        watchings: the media sessions, those that are over too.
        signing: see above.
        on_state: called with the Subscription-State of every NOTIFY.
    """

    def __init__(
        self,
        *,
        code: str,
        accounts: Mapping[str, str],
        domain: str = "",
        host: str = "127.0.0.1",
        port: int = 0,
        times: Times | None = None,
        timers: Timers | None = None,
        signing: Algorithm | None = None,
    ) -> None:
        self.signing = signing
        self.told: list[Told] = []
        self.watchings: list[Watching] = []
        self.on_state: Callable[[str], None] = lambda _: None
        self._accounts = dict(accounts)
        self._watch = Watch()
        domain = domain or code[:10]
        settings = PlatformSettings(
            RegistrarSettings(domain, code), domain, host=host, port=port, times=times or Times()
        )
        self.platform = Gb28181Platform(settings, self, self._happened, timers=timers)
        media = MediaSettings(host, host, allow_loopback=True)
        self.sessions = MediaSessions(self.platform, media)
        self._broadcasts = Broadcasts(self.platform, media)
        self._subscriptions: dict[tuple[str, Topic], asyncio.Task[None]] = {}
        self._speeches: dict[str, tuple[Speech, asyncio.Task[None]]] = {}

    def account(self, code: str) -> Account | None:
        """The account of who registers."""
        password = self._accounts.get(code)
        return Account(code, password, signing=self.signing) if password is not None else None

    # --- life -------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def start(self) -> None:
        """Listen. Raises TransportError of `cambus.sip`."""
        await self.platform.start()

    async def close(self) -> None:
        """Hang up and stop listening."""
        tasks = list(self._subscriptions.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for code in list(self._speeches):
            await self.hush(code)
        await asyncio.gather(*(each.close() for each in self.watchings))
        await self.sessions.close()
        await self.platform.close()

    # --- looking ----------------------------------------------------------------------------------------

    @property
    def port(self) -> int:
        """Where it listens."""
        return self.platform.port

    def registered(self, code: str) -> bool:
        """Whether somebody is registered and there."""
        return self.platform.registrar.online(code)

    def heard(self, command: str, *, subscribed: bool | None = None) -> list[Envelope]:
        """What was told of one kind."""
        return [
            each.envelope
            for each in self.told
            if each.envelope.command.lower() == command.lower()
            and (subscribed is None or each.subscribed is subscribed)
        ]

    async def wait_for(self, predicate: Callable[[], bool], timeout_s: float = 60.0, what: str = "") -> None:
        """Return as soon as `predicate()` is true. Raises TimeoutError."""
        await self._watch.until(predicate, timeout_s, what, look_s=_LOOK_S)

    def state(self) -> dict[str, Any]:
        """Everything worth seeing, as JSON; no secrets."""
        return {
            "registered": sorted(code for code in self._accounts if self.registered(code)),
            "sessions": [each.as_json() for each in self.watchings],
            "subscriptions": sorted(f"{code} {topic.value}" for code, topic in self._subscriptions),
            "broadcasts": sorted(self._speeches),
            "told": len(self.told),
        }

    def _happened(self, event: PlatformEvent) -> None:
        if isinstance(event, Told):
            self._take(event)
        self._watch.changed()

    def _take(self, told: Told) -> None:
        if not self.sessions.told(told.device, told.envelope) and len(self.told) < MAX_TOLD:
            self.told.append(told)

    # --- asking and commanding --------------------------------------------------------------------------

    def remote(self, code: str) -> RemoteDevice:
        """Who registered, to be asked and commanded."""
        return self.platform.device(code)

    async def catalog(self, code: str, of: str | None = None) -> list[CatalogItem]:
        """The catalog of a part, or of one node of it. Raises GbError."""
        result = await self.remote(code).catalog(of, now=asyncio.get_running_loop().time)
        return list(result.items.values())

    async def records(self, code: str, channel: str, query: RecordQuery) -> list[RecordItem]:
        """What a channel has recorded. Raises GbError."""
        result = await self.remote(code).records(query, channel, now=asyncio.get_running_loop().time)
        return list(result.records)

    async def control(self, code: str, channel: str, control: DeviceControl) -> None:
        """Have something done. Raises GbError."""
        await self.remote(code).control(control, channel, force=True)

    # --- watching ---------------------------------------------------------------------------------------

    async def play(self, code: str, channel: str, **order: Any) -> Watching:
        """Watch a channel, or a recording of it; arguments as `SessionOrder`. Raises GbError."""
        if len(self.watchings) >= MAX_SESSIONS:
            raise ValueError(f"{MAX_SESSIONS} sessions were opened already")
        watching = Watching(code, channel)
        session = await self.sessions.open(code, SessionOrder(channel, **order), watching.take)
        watching.begin(session)
        self.watchings.append(watching)
        return watching

    # --- being told -------------------------------------------------------------------------------------

    def subscribe(self, code: str, topic: Topic, *, of: str | None = None, **wanted: Any) -> None:
        """Subscribe, until `unsubscribe`; arguments as `Wanted`.

        Args:
            code: of who registered.
            topic: what to.
            of: a node of its catalog, by default all of it.
            wanted: more, as `Wanted` has it.
        """
        subscription = Subscription(
            self.platform, code, _WantedOf(topic, of=of, **wanted), lambda event: self._notified(code, event)
        )
        key = (code, topic)
        if key in self._subscriptions:
            raise ValueError(f"{topic.value} of {code} is subscribed to already")
        self._subscriptions[key] = asyncio.create_task(subscription.run(), name=f"subscription to {code}")

    async def unsubscribe(self, code: str, topic: Topic) -> None:
        """End a subscription."""
        task = self._subscriptions.pop((code, topic))
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    def _notified(self, code: str, event: RequestReceived) -> None:
        self.platform.endpoint.respond(event.transaction, 200)
        if event.request.body and event.request.content_type in CONTENT_TYPES:
            envelope = Envelope.parse(event.request.body)
            self._take(Told(code, envelope, subscribed=True))
        state = (event.request.headers.get("Subscription-State") or "").lower()
        self.on_state(state)
        if state.startswith("terminated"):
            for key in [each for each in self._subscriptions if each[0] == code]:
                self._subscriptions.pop(key).cancel()
        self._watch.changed()

    @property
    def alarms(self) -> list[Envelope]:
        """The alarms that came."""
        return [each.envelope for each in self.told if is_alarm(each.envelope)]

    # --- speaking ---------------------------------------------------------------------------------------

    async def speak(self, code: str, target: str, samples: Sequence[bytes] = (SILENCE,)) -> Speech:
        """Speak through something; the samples, 20 ms of A-law each, again and again. Raises GbError."""
        speech = await self._broadcasts.open(code, target)
        task = asyncio.create_task(_say(speech, samples), name=f"speech to {target}")
        self._speeches[code] = (speech, task)
        return speech

    async def hush(self, code: str) -> None:
        """Stop speaking."""
        speech, task = self._speeches.pop(code)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await speech.close()


async def _say(speech: Speech, samples: Sequence[bytes]) -> None:
    """At the pace it is heard, and again and again."""
    begun, number = time.monotonic(), 0
    while not speech.ended.is_set():
        speech.send(samples[number % len(samples)])
        number += 1
        await asyncio.sleep(max(begun + number * PACKET_S - time.monotonic(), 0))
