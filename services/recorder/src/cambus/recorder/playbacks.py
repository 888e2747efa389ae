"""The playbacks of this replica, and their way to other replicas where these hold what comes next."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

from cambus.bus.connection import Bus
from cambus.client.calling import BusClient
from cambus.client.errors import BusError
from cambus.client.tasks import TaskSet
from cambus.media.frame import Frame, encode_frame
from cambus.recorder.index import Index
from cambus.recorder.layout import StreamKey, from_us, to_us
from cambus.recorder.observe import RecorderMetrics
from cambus.recorder.playback_session import Begin, Outcome, PlaybackSession
from cambus.recorder.recorded_source import RecordedSource
from cambus.recorder.segment_reader import Unit
from cambus.schemas import subjects
from cambus.schemas.commands import playback as commands
from cambus.schemas.errors import CambusError, NotFound, Overloaded
from cambus.schemas.ids import RECORDER_SESSION_PREFIX, new_ulid
from cambus.schemas.spans import TimeRange

logger = logging.getLogger(__name__)

QUIET_S = 0.3
"""How long after an answer other replicas may still answer."""

END_S = 2.0


@dataclass(frozen=True, slots=True)
class Place:
    """A replica that could play, from when on, in microseconds; `free` playbacks more."""

    replica: str
    at_us: int
    free: int


@dataclass(frozen=True, slots=True)
class _Playing:
    """A playback of this replica."""

    name: str
    key: StreamKey
    claimant: str
    session: PlaybackSession


class Playbacks:
    """Opens playbacks, finds them by their session, and ends them.

    Args:
        replica: this replica's name.
        bus: where the frames go.
        client: asks the other replicas.
        root: the folder of the recordings.
        index: its index.
        threads: where files are read.
        metrics: counts playbacks.
        limit: how many there may be at a time.
        replicas: how many recorders there are, as far as is known; asked whenever all of them are.
    """

    def __init__(
        self,
        replica: str,
        bus: Bus,
        client: BusClient,
        root: Path,
        index: Index,
        threads: Executor,
        metrics: RecorderMetrics,
        *,
        limit: int,
        replicas: Callable[[], int | None],
    ) -> None:
        self._replica = replica
        self._bus = bus
        self._client = client
        self._root = root
        self._index = index
        self._threads = threads
        self._metrics = metrics
        self._limit = limit
        self._replicas = replicas
        self._playing: dict[str, _Playing] = {}
        self._tasks = TaskSet(2 * limit)  # one that hands over ends a little after the other has begun

    @property
    def free(self) -> int:
        """How many more can be played."""
        return max(self._limit - len(self._playing), 0)

    async def stop(self) -> None:
        """End all of them; their viewers are told."""
        for each in self._playing.values():
            each.session.stop()
        await self._tasks.wait(END_S)
        self._tasks.cancel()
        await self._tasks.wait(END_S)

    # --- commands ---------------------------------------------------------------------------------------

    async def open(self, order: commands.PlaybackOpenRequest) -> commands.PlaybackOpenReply:
        """Have the replica that holds it begin to play.

        Raises:
            NotFound: nothing of it is recorded.
            Overloaded: whoever holds it plays as many as it may.
        """
        key = StreamKey(order.device, order.channel, order.stream)
        place = await self._best(key, to_us(order.start), backwards=order.speed < 0)
        if place is None or (order.end is not None and place.at_us >= to_us(order.end) and order.speed > 0):
            raise NotFound(f"nothing of {key} is recorded there", reason="nothing-recorded")
        wanted = commands.PlaybackTakeRequest(
            **order.model_dump(exclude={"start"}),
            start=from_us(place.at_us),
            to=place.replica,
            session=RECORDER_SESSION_PREFIX + new_ulid(),
        )
        if place.replica == self._replica:
            self.take(wanted)
        else:
            await self._client.call_holder(commands.PLAYBACK_TAKE, wanted)
        return commands.PlaybackOpenReply(
            session=wanted.session,
            stream=f"s-{wanted.session}",
            subject=subjects.playback_subject(key.device, key.channel, wanted.session),
            replica=place.replica,
            start=wanted.start,
            ttl_s=order.ttl_s,
        )

    def take(self, order: commands.PlaybackTakeRequest) -> commands.PlaybackState:
        """Begin to play here.

        Raises:
            Overloaded: this replica plays as many as it may.
        """
        if not self.free:
            raise Overloaded(f"{self._limit} recordings are being played", reason="too-many-playbacks")
        key = StreamKey(order.device, order.channel, order.stream)
        begin = Begin(
            at_us=to_us(order.start),
            end_us=None if order.end is None else to_us(order.end),
            speed=order.speed,
            paused=order.paused,
            touched=not order.on_touch,
            ttl_s=order.ttl_s,
            seq=order.seq,
            pts=order.pts,
            jumped=_pair(order.jumped),
        )
        subject = subjects.playback_subject(key.device, key.channel, order.session)
        session = PlaybackSession(
            RecordedSource(self._root, self._index, key),
            begin,
            lambda frame: self._send(subject, frame),
            self._read,
            lambda session, at_us, before_us: self._hand_over(order.session, session, at_us, before_us),
            asyncio.get_running_loop().time,
        )
        playing = _Playing(order.session, key, order.claimant, session)
        self._playing[order.session] = playing
        self._metrics.playbacks(len(self._playing))
        if not self._tasks.spawn(self._run(playing)):
            self._forget(playing)
            raise Overloaded("too many playbacks end just now", reason="too-many-playbacks")
        logger.info("playing a recording", extra=_about(playing))
        return self.state(order.session)

    def find(self, session: str) -> PlaybackSession:
        """A playback of this replica.

        Raises:
            NotFound: it is not here; another replica may have it, or it is over.
        """
        playing = self._playing.get(session)
        if playing is None:
            raise NotFound("there is no such playback here, or it is over", reason="no-such-session")
        return playing.session

    def state(self, session: str) -> commands.PlaybackState:
        """How a playback of this replica is. Raises NotFound."""
        found = self.find(session)
        return commands.PlaybackState(
            session=session,
            replica=self._replica,
            state="waiting" if not found.touched else "paused" if found.paused else "playing",
            position=from_us(found.position_us),
            speed=found.speed,
            keyframes_only=found.keyframes_only,
            jumped=_range(found.jumped),
        )

    async def seek(self, session: str, at_us: int) -> commands.PlaybackState:
        """Go on from another instant, here or at the replica that holds it.

        Raises:
            NotFound: there is no such playback, or nothing is recorded there or beyond.
        """
        found = self.find(session)
        playing = self._playing[session]
        place = await self._best(playing.key, at_us, backwards=found.speed < 0)
        if place is None:
            raise NotFound("nothing is recorded there or beyond", reason="beyond-the-end")
        if place.replica == self._replica:
            found.seek(place.at_us)
            return self.state(session)
        state = await self._pass_on(playing, place)
        found.stop(Outcome.HANDED_OVER)
        return state

    async def locate_here(self, key: StreamKey, at_us: int, *, backwards: bool) -> int | None:
        """Where this replica could play from; None if it holds nothing there or beyond."""
        source = RecordedSource(self._root, self._index, key)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, lambda: source.locate(at_us, backwards=backwards))

    # --- which replica ----------------------------------------------------------------------------------

    async def _best(self, key: StreamKey, at_us: int, *, backwards: bool) -> Place | None:
        """Who could play from there; the others are asked only if it is not this one.

        Raises:
            Overloaded: those who could play as many as they may.
        """
        here = await self.locate_here(key, at_us, backwards=backwards)
        places = [] if here is None else [Place(self._replica, here, self.free + 1)]
        if here != at_us:
            places += await self._elsewhere(key, at_us, backwards=backwards)
        return _nearest(places, backwards=backwards)

    async def _elsewhere(self, key: StreamKey, at_us: int, *, backwards: bool) -> list[Place]:
        """What the other replicas could play."""
        if self._replicas() == 1:
            return []
        request = commands.PlaybackLocateRequest(
            device=key.device,
            channel=key.channel,
            stream=key.stream,  # type: ignore[arg-type]  # of a recording: an encoder stream
            at=from_us(at_us),
            backwards=backwards,
        )
        try:
            outcomes = await self._client.broadcast_all(
                commands.PLAYBACK_LOCATE, request, expected=self._replicas(), quiet_s=QUIET_S
            )
        except (CambusError, BusError) as error:
            logger.warning("other recorders cannot be asked", extra={"reason": str(error)})
            return []
        replies = [each for each in outcomes if not isinstance(each, CambusError)]
        return [
            Place(each.replica, to_us(each.at), each.free)
            for each in replies
            if each.replica != self._replica
        ]

    async def _hand_over(
        self, name: str, session: PlaybackSession, at_us: int, before_us: int | None
    ) -> bool:
        """What is recorded here breaks off: have another replica go on, if it holds what comes next."""
        playing = self._playing.get(name)
        if playing is None or playing.session is not session:
            return False
        backwards = session.speed < 0
        found = await self._elsewhere(playing.key, at_us, backwards=backwards)
        places = [each for each in found if each.free and _is_between(each, before_us, session)]
        place = _nearest(places, backwards=backwards)
        if place is None:
            return False
        if abs(place.at_us - at_us) >= 1_000_000:
            session.jumped = (min(at_us, place.at_us), max(at_us, place.at_us))
        try:
            await self._pass_on(playing, place)
        except (CambusError, BusError) as error:
            logger.warning("another recorder does not go on", extra={**_about(playing), "reason": str(error)})
            return False
        return True

    async def _pass_on(self, playing: _Playing, place: Place) -> commands.PlaybackState:
        session, key = playing.session, playing.key
        order = commands.PlaybackTakeRequest(
            device=key.device,
            channel=key.channel,
            stream=key.stream,  # type: ignore[arg-type]  # of a recording: an encoder stream
            start=from_us(place.at_us),
            end=None if session.end_us is None else from_us(session.end_us),
            speed=session.speed,
            on_touch=not session.touched,
            claimant=playing.claimant,
            ttl_s=session.ttl_s,
            to=place.replica,
            session=playing.name,
            paused=session.paused,
            seq=session.seq,
            pts=session.pts,
            jumped=_range(session.jumped),
        )
        return await self._client.call_holder(commands.PLAYBACK_TAKE, order)

    # --- playing ----------------------------------------------------------------------------------------

    async def _run(self, playing: _Playing) -> None:
        outcome = "failed"
        try:
            outcome = (await playing.session.run()).value
        except OSError as error:  # the index cannot be read
            logger.warning("a playback fails", extra={**_about(playing), "reason": str(error)})
        finally:
            self._forget(playing)
            self._metrics.played(outcome)
            logger.info("a playback is over", extra={**_about(playing), "outcome": outcome})

    def _forget(self, playing: _Playing) -> None:
        if self._playing.get(playing.name) is playing:
            del self._playing[playing.name]
        self._metrics.playbacks(len(self._playing))

    async def _send(self, subject: str, frame: Frame) -> None:
        with contextlib.suppress(BusError):  # nobody can watch while NATS is away; it lapses if that lasts
            for message in encode_frame(frame, self._bus.max_payload):
                await self._bus.publish(subject, message)

    async def _read(self, read: Callable[[], list[Unit] | None]) -> list[Unit] | None:
        return await asyncio.get_running_loop().run_in_executor(self._threads, read)


def _nearest(places: Iterable[Place], *, backwards: bool) -> Place | None:
    """The place to go on from; of several as good the first one.

    Raises:
        Overloaded: there are some, and none of them has room.
    """
    known = list(places)
    free = [each for each in known if each.free]
    if known and not free:
        raise Overloaded("whoever holds it plays as many recordings as it may", reason="too-many-playbacks")
    if backwards:
        return max(free, key=lambda each: each.at_us, default=None)
    return min(free, key=lambda each: each.at_us, default=None)


def _is_between(place: Place, before_us: int | None, session: PlaybackSession) -> bool:
    """Whether a place is nearer than where this replica itself could go on, and before the end."""
    if session.speed < 0:
        return before_us is None or place.at_us > before_us
    limits = [each for each in (before_us, session.end_us) if each is not None]
    return all(place.at_us < limit for limit in limits)


def _range(span: tuple[int, int] | None) -> TimeRange | None:
    return None if span is None else TimeRange(start=from_us(span[0]), end=from_us(span[1]))


def _pair(span: TimeRange | None) -> tuple[int, int] | None:
    return None if span is None else (to_us(span.start), to_us(span.end))


def _about(playing: _Playing) -> dict[str, str | int]:
    key = playing.key
    return {
        "device": key.device,
        "channel": key.channel,
        "stream": key.stream,
        "session": playing.name,
        "claimant": playing.claimant,
    }
