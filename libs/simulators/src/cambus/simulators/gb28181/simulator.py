"""A simulated GB/T 28181 device as an object: it registers at a platform, and is asked and watched from there.

::

    async with Gb28181Simulator(server=("127.0.0.1", 5060), server_code=…, code=…, password=…) as sim:
        await sim.wait_for(lambda: sim.registered)
        sim.raise_alarm(method=5, type_=2)
        sim.quirks.drop = {"Keepalive"}
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from random import Random
from typing import Any, Final, Self

from cambus.gb28181.agent import Agent
from cambus.gb28181.agent_settings import AgentSettings
from cambus.gb28181.errors import GbError
from cambus.gb28181.manscdp import catalog as catalogs
from cambus.gb28181.manscdp.alarms import AlarmDetails, AlarmNotice, AlarmParameters
from cambus.gb28181.manscdp.catalog import CatalogChange, CatalogEvent
from cambus.gb28181.manscdp.envelope import Envelope, Root
from cambus.gb28181.manscdp.layout import Body
from cambus.gb28181.manscdp.notices import VideoUploadNotice
from cambus.gb28181.manscdp.positions import FlatPositionNotice, Position, PositionNotice
from cambus.gb28181.manscdp.presence import Keepalive
from cambus.gb28181.manscdp.ptz_state import PtzPositionNotice
from cambus.gb28181.values import write_time
from cambus.simulators.gb28181.acting import Acting
from cambus.simulators.gb28181.archive import ArchivePlan
from cambus.simulators.gb28181.device import SimulatedDevice
from cambus.simulators.gb28181.elsewhere import Elsewhere
from cambus.simulators.gb28181.head import Head
from cambus.simulators.gb28181.listening import Listening, Loudspeakers
from cambus.simulators.gb28181.orders import Orders
from cambus.simulators.gb28181.profiles import PROFILES, ProfileName
from cambus.simulators.gb28181.questions import Questions, ptz_position
from cambus.simulators.gb28181.quirks import Quirks
from cambus.simulators.gb28181.session import Session
from cambus.simulators.gb28181.shared import SharedEndpoint
from cambus.simulators.gb28181.source import MediaPlan
from cambus.simulators.gb28181.streams import Streams
from cambus.simulators.gb28181.watchers import Watcher, Watchers
from cambus.simulators.gb28181.wire import Recorded, SimulatedWire
from cambus.simulators.watch import Watch
from cambus.sip.digest import Algorithm
from cambus.sip.errors import SipError
from cambus.sip.events import RequestReceived
from cambus.sip.message import Request
from cambus.sip.peer import Peer
from cambus.sip.timers import Timers

logger = logging.getLogger(__name__)

_LOOK_S: Final = 0.02
_PLUG: Final = 2
"""AlarmMethod of an input."""


class Gb28181Simulator:
    """A device.

    Args:
        server: host and port of the platform.
        server_code: its code.
        code: the device's own.
        password: for the digest.
        domain: the platform's; by default the first ten digits of its code.
        username: for the digest; the code where it is empty.
        channels: how many cameras, or their codes.
        profile: the make: `dahua_ipc`, `hik_nvr` or `std_2022`.
        tcp: whether it speaks SIP over TCP.
        host: address to listen on and send from.
        port: SIP port; 0 takes a free one.
        expires_s: for how long it registers at a time.
        keepalive_s: how often it says that it is there.
        retry_s: how long it waits after a failed registration.
        quirks: what it does wrong; mutable at any time.
        media: what its streams look like.
        archive: what has been recorded.
        seed: of all chance.
        timers: of SIP transactions.
        signing: with what digest requests of both sides are signed; None for not at all.
        shared: speak through sockets of many devices; such a device has no quirks of messages and records none.
    """

    def __init__(
        self,
        *,
        server: tuple[str, int],
        server_code: str,
        code: str,
        password: str,
        domain: str = "",
        username: str = "",
        channels: int | Sequence[str] = 1,
        profile: ProfileName = "std_2022",
        tcp: bool = False,
        host: str = "127.0.0.1",
        port: int = 0,
        expires_s: int = 3600,
        keepalive_s: float = 60.0,
        retry_s: float = 1.0,
        quirks: Quirks | None = None,
        media: MediaPlan | None = None,
        archive: ArchivePlan | None = None,
        seed: int | None = None,
        timers: Timers | None = None,
        signing: Algorithm | None = None,
        shared: SharedEndpoint | None = None,
    ) -> None:
        self.profile = PROFILES[profile]
        self.quirks = quirks if quirks is not None else Quirks()
        self.media = media or MediaPlan()
        self.refusals = 0
        self.position = (116.397, 39.908)
        self.uploaded: list[str] = []
        self.elsewhere = Elsewhere(host)
        self.fetched: list[tuple[int, str]] = []
        self._random = Random(seed)  # noqa: S311 - reproducible faults, no secrets
        self._watch = Watch()
        self._timers = timers
        self._shared = shared
        self._tasks: set[asyncio.Task[None]] = set()
        many = channels if isinstance(channels, int) else tuple(channels)
        self.device = SimulatedDevice(code, self.profile, many, archive or ArchivePlan(), time.monotonic)
        self.wire = SimulatedWire(
            self.profile,
            self.quirks,
            self._random,
            (username or code, password),
            self._write,
            self.changed,
        )
        self.wire.alien = self._from_elsewhere
        self._settings = AgentSettings(
            code=code,
            server_code=server_code,
            domain=domain or server_code[:10],
            server=server,
            password=password,
            username=username,
            tcp=tcp,
            host=host,
            port=port,
            expires_s=expires_s,
            keepalive_s=keepalive_s,
            version=self.profile.version,
            charset=self.profile.charset,
            user_agent=self.profile.user_agent,
            domain_uris=self.profile.domain_uris,
            with_qop=self.profile.with_qop,
            retry_s=retry_s,
            signing=signing,
        )
        self.agent = self._new_agent()
        self.streams = Streams(self, self.device, self.media, self.quirks, self._random)
        self.watchers = Watchers(self, self.quirks)
        self.loudspeakers = Loudspeakers(self)
        self._questions = Questions(self.device, self.quirks, self._random, self._next_sn)
        self._orders = Orders(self.device, self.quirks, Acting(self), self._questions.sn)

    def _write(self, peer: Peer, data: bytes) -> None:
        self.agent.endpoint.write(peer, data)

    def _next_sn(self) -> int:
        return self.agent.next_sn()  # of the agent there is now: a restart makes another

    def echo(self, envelope: Envelope) -> int:
        """The number an answer has."""
        return self._questions.sn(envelope)

    def _new_agent(self) -> Agent:
        if self._shared is not None:
            agent = Agent(self._settings, self, endpoint=self._shared.endpoint)
            self._shared.join(agent, self.device.codes)
            return agent
        return Agent(self._settings, self, timers=self._timers, wire=self.wire)

    # --- life -------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def start(self) -> None:
        """Begin to register. Raises TransportError of `cambus.sip` where its port cannot be had."""
        await self.agent.start()
        self.device.boots += 1
        self._settings = replace(self._settings, port=0 if self._shared else self.agent.endpoint.port)

    async def close(self, *, unregister: bool = True) -> None:
        """Hang up, unregister, and leave nothing behind."""
        self._silence()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.agent.close(unregister=unregister)
        self.elsewhere.close()
        if self._shared is not None:
            self._shared.leave(self.device.codes)

    def _silence(self) -> None:
        """Sessions and subscriptions end without a word, as with a power cut."""
        self.streams.stop_all()
        self.watchers.clear()
        self.loudspeakers.close()

    async def prepare(self) -> None:
        """Encode the pictures of the first camera now instead of with the first viewer."""
        await self.streams.prepare()

    def own(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run something for as long as the device lives; what the platform makes fail is no fault of ours."""

        async def run() -> None:
            try:
                await work
            except (GbError, SipError, OSError) as error:
                logger.debug("not done", extra={"code": self.code, "reason": str(error)})
            finally:
                self.changed()

        self._tasks.add(task := asyncio.get_running_loop().create_task(run()))
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: work.close())  # of one cancelled before its first step, nobody would
        return task

    # --- looking into it --------------------------------------------------------------------------------

    @property
    def code(self) -> str:
        """Its code."""
        return self.device.code

    @property
    def channels(self) -> list[str]:
        """The codes of its cameras."""
        return list(self.device.cameras)

    @property
    def registered(self) -> bool:
        """Whether it is registered."""
        return self.agent.registered.is_set()

    @property
    def sessions(self) -> list[Session]:
        """The media sessions under way."""
        return list(self.streams.open.values())

    @property
    def listenings(self) -> list[Listening]:
        """The broadcasts it has fetched."""
        return self.loudspeakers.listenings

    @property
    def messages(self) -> list[Recorded]:
        """What went over the wire, oldest first."""
        return list(self.wire.messages)

    def heard(self, name: str) -> list[Any]:
        """The messages of that name that came in."""
        return [each.message for each in self.messages if each.direction == "in" and each.name == name]

    def said(self, name: str) -> list[Any]:
        """The messages of that name that went out."""
        return [each.message for each in self.messages if each.direction == "out" and each.name == name]

    def head(self, code: str | None = None) -> Head:
        """What turns a camera; of the first one by default."""
        return self.device.camera(code or self.channels[0]).head

    def changed(self) -> None:
        """Something may have become true that somebody waits for."""
        self._watch.changed()

    async def wait_for(self, predicate: Callable[[], bool], timeout_s: float = 60.0, what: str = "") -> None:
        """Return as soon as `predicate()` is true. Raises TimeoutError."""
        await self._watch.until(predicate, timeout_s, what, look_s=_LOOK_S)

    def state(self) -> dict[str, Any]:
        """Everything worth seeing, as JSON; no secrets."""
        device = self.device
        return {
            "code": self.code,
            "profile": self.profile.name,
            "registered": self.registered,
            "boots": device.boots,
            "firmware": device.firmware,
            "guarded": device.guarded,
            "alarmed": device.alarmed,
            "keyframes": device.keyframes,
            "channels": [each.as_json() for each in device.cameras.values()],
            "sessions": [each.as_json() for each in self.sessions],
            "subscriptions": sorted(each.topic for each in self.watchers.active.values()),
            "broadcasts": [len(each.heard) for each in self.listenings],
            "cards": [each.status for each in device.cards],
            "messages": len(self.wire.messages),
            "quirks": self.quirks.as_json(),
        }

    # --- being told: what the agent calls ---------------------------------------------------------------

    def message(self, agent: Agent, envelope: Envelope, request: Request) -> int:  # noqa: ARG002 - of the protocol
        """A body from the platform."""
        if envelope.command.lower() == "broadcast":
            self.loudspeakers.told(envelope)
            return 200
        if envelope.code not in self.device.codes:
            self.refusals += 1
            return 404
        bodies: list[bytes] | None = []
        if envelope.root is Root.QUERY:
            bodies = self._questions.answer(envelope)
        elif envelope.root is Root.CONTROL:
            bodies = self._orders.carry_out(envelope)
        self.changed()
        if bodies:
            self.own(self._send_all(bodies))
        return 200

    def invite(self, agent: Agent, event: RequestReceived) -> None:  # noqa: ARG002 - of the protocol
        """Somebody wants to watch."""
        self.streams.invite(event)

    def subscribe(self, agent: Agent, event: RequestReceived) -> None:  # noqa: ARG002 - of the protocol
        """Somebody wants to be told."""
        self.watchers.subscribe(event)

    async def _send_all(self, bodies: Sequence[bytes]) -> None:
        """One after the other, each once the one before was acknowledged (§4.1)."""
        for body in bodies:
            await self.agent.send(body)

    # --- telling ----------------------------------------------------------------------------------------

    def body(self, body: Body, code: str | None = None) -> bytes:
        """A body with a number of its own."""
        return body.serialize(self.agent.next_sn(), code or self.code, charset=self.profile.charset)

    def tell(self, body: Body, code: str | None = None) -> None:
        """Tell something, without waiting for the 200."""
        self.agent.tell(self.body(body, code))

    def beat(self, seconds: int | None = None) -> None:
        """Say now that it is there; with `seconds`, from now on so often."""
        if seconds is not None:
            self._settings = replace(self._settings, keepalive_s=float(seconds))
            self.agent.settings = replace(self.agent.settings, keepalive_s=float(seconds))
        else:
            self.tell(Keepalive(ok=True))

    def raise_alarm(
        self,
        *,
        method: int = 5,
        type_: int | None = 2,
        priority: int = 1,
        code: str | None = None,
        description: str = "",
        event_type: int | None = None,
    ) -> bool:
        """Something happens; whether it is told: not without a guard where one is needed, nor an input not reset.

        Args:
            method: 1 phone, 2 input, 5 video, 6 fault …
            type_: by the table of the method.
            priority: 1 to 4, 1 the highest.
            code: of the camera or input; by default the first camera, or the input.
            description: for people.
            event_type: 1 entered, 2 left.
        """
        device, quirks = self.device, self.quirks
        if quirks.alarm_needs_guard and not device.guarded:
            return False
        if method == _PLUG and device.alarmed:
            return False
        device.alarmed = device.alarmed or method == _PLUG
        parameters = AlarmParameters(event_type) if event_type is not None else None
        details = None if quirks.alarm_type_at_root else AlarmDetails(type_, parameters)
        notice = AlarmNotice(
            priority=priority,
            method=method,
            time=_local_time(),
            description=description or None,
            type=type_ if quirks.alarm_type_at_root else None,
            details=details if details != AlarmDetails() else None,
        )
        body = self.body(notice, code or (device.alarm_input if method == _PLUG else self.channels[0]))
        for _ in range(quirks.alarm_copies):
            self.agent.tell(body)
            self.watchers.tell("Alarm", body)
        return True

    def move_to(self, longitude: float, latitude: float) -> None:
        """Be somewhere else, and tell it."""
        self.position = (longitude, latitude)
        body = self.position_news()
        if not self.watchers.tell("MobilePosition", body):
            self.agent.tell(body)

    def position_news(self) -> bytes:
        """Where it is, in the form of its edition."""
        longitude, latitude = self.position
        if self.profile.version is None:
            return self.body(FlatPositionNotice(_local_time(), longitude, latitude, 36.0, 90.0, 50.0))
        item = Position(self.code, _local_time(), longitude, latitude, 36.0, 90.0, 50.0, 1.5)
        return self.body(PositionNotice(_local_time(), 1, (item,)))

    def change_channel(self, code: str, event: CatalogEvent) -> int:
        """A camera appears, goes or changes; how many subscribers hear of it."""
        camera = self.device.cameras[code]
        if event is CatalogEvent.DEL:
            del self.device.cameras[code]
        elif event in {CatalogEvent.ON, CatalogEvent.OFF, CatalogEvent.VLOST, CatalogEvent.DEFECT}:
            camera.on = event is CatalogEvent.ON
        changed = CatalogChange(event, self.device.item(camera))
        return self.watchers.tell("Catalog", self._catalog_news([changed]))

    def _catalog_news(self, told: list[CatalogChange]) -> bytes:
        return catalogs.notify(self.agent.next_sn(), self.code, told, charset=self.profile.charset)

    def news(self, watcher: Watcher) -> bytes | None:
        """What a subscriber is told first: of a catalog only what is not there."""
        topic = watcher.topic.lower()
        if topic == "catalog":
            gone = [each for each in self.device.cameras.values() if not each.on]
            return self._catalog_news([CatalogChange(CatalogEvent.OFF, self.device.item(e)) for e in gone])
        if topic == "mobileposition":
            return self.position_news()
        if topic == "ptzposition":
            at = ptz_position(self.head())
            return self.body(PtzPositionNotice(at.pan, at.tilt, at.zoom), self.channels[0])
        return None

    def ask_to_be_watched(self) -> None:
        """A mobile device wants somebody to look (2022)."""
        self.tell(VideoUploadNotice(_local_time(), *self.position))

    # --- acting -----------------------------------------------------------------------------------------

    def reboot(self) -> None:
        """Go, and come back."""
        self.own(self.restart())

    async def restart(self, *, unregister: bool = False) -> None:
        """Go without a word, or after signing off, and come back after a while."""
        self._silence()
        await self.agent.close(unregister=unregister)
        self.changed()
        await asyncio.sleep(self.quirks.reboot_s)
        self.agent = self._new_agent()
        await self.start()

    def drop_connection(self) -> None:
        """Close the TCP connection to the platform."""
        if self.agent.peer is not None:
            self.agent.endpoint.disconnect(self.agent.peer)

    # --- misbehaving ------------------------------------------------------------------------------------

    def update_quirks(self, values: Mapping[str, Any]) -> None:
        """Set quirks by name; see `Switches.update`."""
        self.quirks.update(values)

    def _from_elsewhere(self, peer: Peer, data: bytes, how: str) -> None:
        """Send a datagram from another port, or another address."""
        self.own(self.elsewhere.send(peer, data, how))


def _local_time() -> str:
    return write_time(datetime.now(UTC))
