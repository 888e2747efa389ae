"""Claims, Start and Stop of live video, playback and talk on the device side (DVRIP §9.1, §10).

A claim ties (session, kind, channel, stream) to the socket that will carry the media; Start, on any socket of the
session, sets it off. Start may overtake its claim and is held for a while (``claim_hold_s``).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from cambus.dvrip.codes import ReturnCode
from cambus.dvrip.device_backend import MediaSource, Request
from cambus.dvrip.device_connection import DeviceConnection, Ending
from cambus.dvrip.device_sessions import Session
from cambus.dvrip.device_stream import StreamSender
from cambus.dvrip.device_timers import Timer
from cambus.dvrip.ids import MessageId
from cambus.dvrip.messages.monitor import takes_sound
from cambus.dvrip.values import as_object, parse_number, parse_time

if TYPE_CHECKING:
    from cambus.dvrip.device_role import DeviceRole

#: ``StreamType`` of OPMonitor and the stream it means; anything else is the main stream.
_STREAMS: Final = {"Main": 0, "Extra": 1, "Extra1": 1, "Extra2": 2, "Extra3": 3}
#: With ``start_reply`` "after", the answer to Start comes behind so many frames.
_REPLY_AFTER_FRAMES: Final = 3

#: The Channel of a media header is one byte.
_MAX_CHANNEL: Final = 255


class Kind(Enum):
    """What a stream is: its control id, claim id and the name of its bodies."""

    LIVE = (MessageId.MONITOR, MessageId.MONITOR_CLAIM, "OPMonitor")
    PLAYBACK = (MessageId.PLAYBACK, MessageId.PLAYBACK_CLAIM, "OPPlayBack")
    TALK = (MessageId.TALK, MessageId.TALK_CLAIM, "OPTalk")

    @property
    def control_id(self) -> int:
        """Id of Start, Stop and the other actions."""
        return self.value[0]

    @property
    def claim_id(self) -> int:
        """Id of the claim."""
        return self.value[1]

    @property
    def body_name(self) -> str:
        """``Name`` of the bodies."""
        return self.value[2]


CLAIM_KINDS: Final = {kind.claim_id: kind for kind in Kind}
CONTROL_KINDS: Final = {kind.control_id: kind for kind in Kind}

Key = tuple[int, Kind, int, int]
#: Opens a second socket to a platform that asks for media: kind, OP section, session, and what answers yes.
Dial = Callable[[Kind, Mapping[str, Any], Session, Callable[[], None]], None]


@dataclass(slots=True)
class Claim:
    """A socket reserved for the media of one channel."""

    key: Key
    session: Session
    connection: DeviceConnection
    section: dict[str, Any]
    sender: StreamSender | None = None

    @property
    def kind(self) -> Kind:
        """Live, playback or talk."""
        return self.key[1]

    @property
    def channel(self) -> int:
        """The 0-based channel."""
        return self.key[2]

    @property
    def running(self) -> bool:
        """Whether media flows, or would if it were not paused."""
        return self.sender is not None and self.sender.running


@dataclass(slots=True)
class _HeldStart:
    request: Request
    timer: Timer


class MediaDesk:
    """All claims and streams of a device."""

    def __init__(self, role: "DeviceRole") -> None:
        self._role = role
        self._claims: dict[Key, Claim] = {}
        self._held: dict[Key, _HeldStart] = {}

    @property
    def talker(self) -> Session | None:
        """Who talks, if anybody: one per device."""
        return next((claim.session for claim in self.claims(Kind.TALK) if claim.running), None)

    def claims(self, kind: Kind | None = None, session: Session | None = None) -> Iterator[Claim]:
        """The claims of a kind and a session."""
        for claim in list(self._claims.values()):
            if (kind is None or claim.kind is kind) and (session is None or claim.session is session):
                yield claim

    # ---- claims

    def claim(self, kind: Kind, request: Request) -> int | None:
        """Handle a claim, known by its id whatever its Action; the code to answer, None for silence."""
        quirks, connection = self._role.quirks, request.connection
        if quirks.claim_lost:
            return None
        own_login = connection.session is not None
        if (quirks.topology == "two_sockets" and own_login) or (
            quirks.topology == "one_socket" and not own_login
        ):
            return ReturnCode.ILLEGAL_REQUEST
        key, section = self._key(kind, request), request.section(kind.body_name)
        known = self._claims.get(key)
        if known is not None and known.running:
            return ReturnCode.ILLEGAL_REQUEST
        mine = [claim for claim in self.claims(kind, request.session) if claim.key != key]
        if kind is Kind.PLAYBACK and len(mine) >= quirks.max_playbacks:
            return ReturnCode.ILLEGAL_REQUEST
        self._claims[key] = Claim(key, request.session, connection, section)
        return ReturnCode.OK

    def claimed(self, kind: Kind, request: Request) -> None:
        """The claim was answered: begin what waited for it (DVRIP §9.1: 1414 before the first 1412)."""
        claim = self._claims.get(self._key(kind, request))
        if claim is None:
            return
        held = self._held.pop(claim.key, None)
        if held is not None:
            held.timer.cancel()
            self._begin(claim, held.request)
        elif claim.section.get("Action1") in {"Start", "DownloadStart"}:
            self._begin(claim, request, action=str(claim.section["Action1"]), silent=True)

    def adopt_claim(
        self, kind: Kind, section: Mapping[str, Any], session: Session, connection: DeviceConnection
    ) -> None:
        """A platform accepted the claim we made on a connection we dialled (DVRIP §11)."""
        key = self._key_of(kind, session.session_id, dict(section))
        self._claims[key] = claim = Claim(key, session, connection, dict(section))
        self._role.bind(connection, session)
        held = self._held.pop(key, None)
        if held is not None:
            held.timer.cancel()
            self._begin(claim, held.request)
        self._role.changed()

    # ---- control

    def control(self, kind: Kind, request: Request) -> None:
        """Handle Start, Stop and the other actions."""
        action = str(request.section(kind.body_name).get("Action", "Start"))
        key = self._key(kind, request)
        claim = self._claims.get(key)
        if action in {"Start", "DownloadStart"}:
            if claim is None:
                self._hold(key, request)
            else:
                self._begin(claim, request)
        elif action == "Request" and request.session.registered:
            self._role.dial_back(kind, request)
        elif action in {"Stop", "DownloadStop"}:
            self._stop(kind, claim, request)
        else:
            self._role.answer_code(request, self._act(claim, action, request), kind.body_name)

    def _hold(self, key: Key, request: Request) -> None:
        """Wait for the claim a client sent on another socket without waiting for its answer."""

        def refuse(_: float) -> None:
            del self._held[key]
            self._role.answer_code(request, ReturnCode.ILLEGAL_REQUEST, key[1].body_name)

        earlier = self._held.pop(key, None)
        if earlier is not None:
            earlier.timer.cancel()
            self._role.answer_code(earlier.request, ReturnCode.ILLEGAL_REQUEST, key[1].body_name)
        timer = self._role.timers.at(request.now + self._role.quirks.claim_hold_s, refuse)
        self._held[key] = _HeldStart(request, timer)

    def _begin(self, claim: Claim, request: Request, action: str = "", *, silent: bool = False) -> None:
        kind, shared = claim.kind, claim.connection is request.connection
        if claim.running:
            self._role.answer_code(request, ReturnCode.OK, kind.body_name)
            return
        now = self._role.now
        section = request.section(kind.body_name)
        action = action or str(section.get("Action", "Start"))
        opened = self._open(claim, section, download=action == "DownloadStart", now=now)
        if isinstance(opened, int):
            self._role.answer_code(request, opened, kind.body_name)
            return
        sender = self._sender(claim, opened, download=action == "DownloadStart")
        claim.sender = sender
        reply_mode = "before" if not shared or kind is Kind.TALK else self._role.quirks.start_reply
        if reply_mode == "before" and not silent:
            self._role.answer_code(request, ReturnCode.OK, kind.body_name)
        elif reply_mode == "after" and not silent:
            reply = self._role.code_reply(request, ReturnCode.OK, kind.body_name)
            sender.after_frames = (_REPLY_AFTER_FRAMES, reply)
        sender.start(now)
        self._role.changed()

    def _open(
        self, claim: Claim, section: dict[str, Any], *, download: bool, now: float
    ) -> MediaSource | int:
        backend = self._role.backend
        if not 0 <= claim.channel <= _MAX_CHANNEL:
            return ReturnCode.ILLEGAL_REQUEST
        if claim.kind is Kind.LIVE:
            return backend.open_live(claim.channel, claim.key[3], now)
        if claim.kind is Kind.TALK:
            if self.talker is not None:
                return ReturnCode.TALK_ALREADY_ON
            return backend.open_talk(now) if takes_sound(section) else ReturnCode.UNSUPPORTED
        # What Start leaves out was said in the claim.
        merged = {**claim.section, **section}
        merged["Parameter"] = {
            **as_object(claim.section.get("Parameter")),
            **as_object(section.get("Parameter")),
        }
        merged["Parameter"].setdefault("Channel", claim.channel)
        return backend.open_playback(merged, now, download=download)

    def _sender(self, claim: Claim, source: MediaSource, *, download: bool) -> StreamSender:
        data_ids = {
            Kind.LIVE: MessageId.MONITOR_DATA,
            Kind.PLAYBACK: MessageId.DOWNLOAD_DATA if download else MessageId.PLAYBACK_DATA,
            Kind.TALK: MessageId.TALK_DATA_FROM_DEVICE,
        }
        return StreamSender(
            connection=claim.connection,
            source=source,
            message_id=data_ids[claim.kind],
            session_id=claim.session.session_id,
            channel=claim.channel,
            quirks=self._role.quirks,
            timers=self._role.timers,
            dirty=self._role.mark_dirty,
            ended=lambda _sender, _now: self._role.changed(),
            live=claim.kind is not Kind.PLAYBACK,
            paced=not download,
        )

    def _stop(self, kind: Kind, claim: Claim | None, request: Request) -> None:
        if kind is Kind.TALK and (claim is None or not claim.running):
            self._role.answer_code(request, ReturnCode.TALK_NOT_ON, kind.body_name)
            return
        if claim is not None and claim.sender is not None:
            claim.sender.stop()
        self._role.answer_code(request, ReturnCode.OK, kind.body_name)
        if claim is None or kind is Kind.PLAYBACK:
            return  # a playback's socket stays claimed for the next Start (DVRIP §10.1)
        del self._claims[claim.key]
        self._role.changed()
        others = any(other.connection is claim.connection for other in self._claims.values())
        if claim.connection is not request.connection and claim.connection.session is None and not others:
            self._role.end(claim.connection, Ending.CLOSE)

    def _act(self, claim: Claim | None, action: str, request: Request) -> int:
        """The actions on something that runs; ones without an effect here are still answered 100."""
        sender = claim.sender if claim is not None else None
        if claim is None or sender is None:
            return ReturnCode.ILLEGAL_REQUEST
        now = request.now
        if action in {"Pause", "DownloadPause"}:
            sender.pause()
        elif action in {"Continue", "DownloadContinue"}:
            sender.resume(now)
        elif action in {"Locate", "Seek"}:
            time = parse_time(request.section(claim.kind.body_name).get("StartTime"))
            if time is None or not sender.source.seek(time):
                return ReturnCode.ILLEGAL_REQUEST
            sender.reposition(now)
        elif action in {"Fast", "Slow"}:
            sender.set_speed(2.0 if action == "Fast" else 0.5, now)
        elif action == "ForceIframe":
            sender.source.skip_to_key()
        self._role.changed()
        return ReturnCode.OK

    def force_key(self, request: Request) -> None:
        """Continue every live stream of the channel asked for with a key frame (1562)."""
        section = request.section(Kind.LIVE.body_name)
        section = {**section, **as_object(section.get("Parameter"))}
        channel, stream = parse_number(section.get("Channel")), _stream_number(section)
        for claim in self.claims(Kind.LIVE):
            if claim.channel == channel and claim.key[3] == stream and claim.sender is not None:
                claim.sender.source.skip_to_key()

    # ---- endings

    def connection_lost(self, connection: DeviceConnection) -> None:
        """Free what the socket carried, talk included, and forget what was asked on it."""
        self._drop([claim for claim in self.claims() if claim.connection is connection])
        for key, held in list(self._held.items()):
            if held.request.connection is connection:
                held.timer.cancel()
                del self._held[key]

    def session_ended(self, session: Session) -> None:
        """Free what the session claimed; sockets that only served it are closed."""
        mine = list(self.claims(session=session))
        self._drop(mine)
        for claim in mine:
            if claim.connection.session is None:
                self._role.end(claim.connection, Ending.CLOSE)
        for key, held in list(self._held.items()):
            if held.request.session is session:
                held.timer.cancel()
                del self._held[key]

    def _drop(self, claims: list[Claim]) -> None:
        for claim in claims:
            if claim.sender is not None:
                claim.sender.stop()
            self._claims.pop(claim.key, None)

    def _key(self, kind: Kind, request: Request) -> Key:
        return self._key_of(kind, request.session.session_id, request.section(kind.body_name))

    def _key_of(self, kind: Kind, session_id: int, section: Mapping[str, Any]) -> Key:
        parameter = as_object(section.get("Parameter"))
        if kind is Kind.LIVE:
            return session_id, kind, parse_number(parameter.get("Channel")), _stream_number(parameter)
        if kind is Kind.PLAYBACK:
            return session_id, kind, self._role.backend.playback_channel(parameter), 0
        return session_id, kind, 0, 0


def _stream_number(parameter: Mapping[str, Any]) -> int:
    return _STREAMS.get(str(parameter.get("StreamType", "Main")), 0)
