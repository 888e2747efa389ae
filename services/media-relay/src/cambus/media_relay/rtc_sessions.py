"""All WebRTC viewers of this process: their UDP port, their number, their tasks."""

import asyncio
import logging
import secrets
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

from cambus.media_relay.key import StreamKey
from cambus.media_relay.metrics import RelayMetrics
from cambus.media_relay.output import Sound
from cambus.media_relay.pacer import Pacer
from cambus.media_relay.rtc_ice import IceServers, RelayIce
from cambus.media_relay.rtc_limits import RtcLimits
from cambus.media_relay.rtc_offer import Offer
from cambus.media_relay.rtc_session import RtcSession, output_with
from cambus.media_relay.rtc_tracks import choose_sound, choose_video
from cambus.media_relay.rtc_udp import UdpPorts
from cambus.media_relay.streams import Streams
from cambus.schemas.errors import Internal, Overloaded, Unsupported

log = logging.getLogger(__name__)

_ID_BYTES: Final = 16
_RESOLVE_S: Final = 3.0


@dataclass(frozen=True, slots=True)
class Opened:
    """A session that has been answered."""

    id: str
    answer: str


class RtcSessions:
    """Owns every session's task; `stop` ends them all.

    Args:
        streams: what can be watched.
        ports: the UDP port.
        servers: STUN and TURN.
        advertised: names or addresses the UDP port is reached at, where these are not its own.
        limits: see `RtcLimits`.
        metrics: counts.
    """

    def __init__(
        self,
        streams: Streams,
        ports: UdpPorts,
        metrics: RelayMetrics,
        *,
        servers: IceServers,
        advertised: Sequence[str],
        limits: RtcLimits,
    ) -> None:
        self._streams = streams
        self._ports = ports
        self._metrics = metrics
        self.servers = servers
        self._advertised = advertised
        self._limits = limits
        self._sessions: dict[str, RtcSession] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._pacer = Pacer()
        self._opening = 0
        self._stopping = False

    @property
    def port(self) -> int:
        """The UDP port, 0 while there is none."""
        return self._ports.sockets[0].address[1] if self._ports.sockets else 0

    def start(self) -> None:
        """Bind the port, unless WebRTC is off. Raises OSError when it is taken."""
        if self._limits.viewers:
            self._ports.start()

    async def stop(self) -> None:
        """End every session and give up the port."""
        self._stopping = True
        for session in self._sessions.values():
            session.leave()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._pacer.close()
        self._ports.stop()

    def get(self, session_id: str) -> RtcSession | None:
        """The session of an id, None when it has ended or never was."""
        return self._sessions.get(session_id)

    async def open(self, key: StreamKey, offer: Offer, wanted: Sound = Sound.ANY) -> Opened:
        """Answer an offer and begin to connect; `wanted` is the form the sound is asked for in.

        Raises:
            CambusError: there is no such stream, it can not be sent to this viewer, or there are too many.
        """
        if not self._limits.viewers:
            raise Unsupported("WebRTC is switched off here", reason="webrtc-off")
        if self._stopping or len(self._sessions) + self._opening >= self._limits.viewers:
            raise Overloaded(
                "this relay serves as many WebRTC viewers as it may", reason="too-many-webrtc-viewers"
            )
        self._opening += 1
        try:
            return await self._open(key, offer, wanted)
        finally:
            self._opening -= 1

    async def _open(self, key: StreamKey, offer: Offer, wanted: Sound) -> Opened:
        with ExitStack() as place:
            stream = place.enter_context(self._streams.watch(key))
            await stream.ready(self._limits.start_timeout_s)
            hub = stream.hub
            if hub.video is None:  # never once ready
                raise Internal
            video = choose_video(offer, hub.video, hub.group)
            sound = choose_sound(
                offer, hub.audio, lambda form: hub.sound(output_with(form)), wanted, beside=video
            )
            session = RtcSession(
                stream,
                offer,
                video,
                sound,
                RelayIce(self._ports, self.servers),
                limits=self._limits.viewer,
                pacer=self._pacer,
                pacing=self._limits.pacing,
                metrics=self._metrics,
            )
            try:
                answer = await session.answer(await self._resolve())
            except BaseException:
                await session.close()
                raise
            held = place.pop_all()
        session_id = secrets.token_urlsafe(_ID_BYTES)
        self._sessions[session_id] = session
        task = asyncio.create_task(self._run(session_id, session, held), name=f"webrtc {key}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return Opened(session_id, answer)

    async def _run(self, session_id: str, session: RtcSession, held: ExitStack) -> None:
        outcome = "failed"
        with held:
            try:
                outcome = await session.run(self._limits.connect_timeout_s)
            except Exception:
                log.exception("a WebRTC session failed")
            finally:
                del self._sessions[session_id]
                self._metrics.webrtc_ended(outcome)

    async def _resolve(self) -> list[str]:
        """The advertised addresses; names are looked up for every session, so that they may change."""
        loop = asyncio.get_running_loop()
        found: list[str] = []
        for name in self._advertised:
            try:
                async with asyncio.timeout(_RESOLVE_S):
                    infos = await loop.getaddrinfo(name, None)
            except (OSError, TimeoutError):
                log.warning("WebRTC's advertised name is not known", extra={"host": name})
                continue
            found += [str(info[4][0]) for info in infos]
        return list(dict.fromkeys(found))
