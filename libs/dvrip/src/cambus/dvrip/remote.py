"""A device we have a session with, however the session came about.

Everything a caller can do with a device is here; how connections are made is left to `cambus.dvrip.client`
(we dial) and `cambus.dvrip.registration` (the device dialled us).
"""

import asyncio
import contextlib
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from functools import partial
from typing import Any, Final

from cambus.dvrip.codes import ReturnCode
from cambus.dvrip.connection import Connection, PacketHandler, Reply
from cambus.dvrip.errors import (
    ConnectionLost,
    DeviceError,
    DvripError,
    ProtocolError,
    Refused,
    RequestTimeout,
    Unsupported,
)
from cambus.dvrip.events import MAX_EVENTS, AlarmRaised, DevicePush, EventStream
from cambus.dvrip.frame_queue import FrameQueue
from cambus.dvrip.ids import MessageId
from cambus.dvrip.live import LiveStream
from cambus.dvrip.media_path import (
    LIVE,
    LIVE_COMBINED,
    PLAYBACK,
    PLAYBACK_APART,
    TALK,
    MediaBody,
    MediaKind,
    MediaPath,
)
from cambus.dvrip.messages.alarm import AlarmReport
from cambus.dvrip.messages.monitor import CONNECT_ALL, Action, Stream
from cambus.dvrip.messages.playback import MAX_PER_SOCKET, PlaybackTarget
from cambus.dvrip.messages.registration import claim_key
from cambus.dvrip.operations.alarms import AlarmOperations
from cambus.dvrip.operations.config import ConfigOperations
from cambus.dvrip.operations.files import FileOperations
from cambus.dvrip.operations.machine import MachineOperations
from cambus.dvrip.operations.panel import PanelOperations
from cambus.dvrip.operations.ptz import PtzOperations
from cambus.dvrip.operations.serial import SerialOperations
from cambus.dvrip.operations.services import ServiceOperations
from cambus.dvrip.operations.system import SystemOperations
from cambus.dvrip.operations.transfers import TransferOperations
from cambus.dvrip.operations.upgrade import UpgradeOperations
from cambus.dvrip.operations.users import UserOperations
from cambus.dvrip.payload import decode_body
from cambus.dvrip.playback import Playback
from cambus.dvrip.profile import Profile
from cambus.dvrip.shared_path import ClaimHandler, Lane, SharedData
from cambus.dvrip.snapshot import SnapshotCollector, picture_of, snapshot_body
from cambus.dvrip.talk import Talk
from cambus.dvrip.timeouts import Timeouts
from cambus.dvrip.undocumented import Undocumented, undocumented_body
from cambus.dvrip.wire import Header

#: An alarm is a line of text; a longer one would only cost the time to read it.
MAX_ALARM_BYTES: Final = 64 * 1024


class RemoteDevice(ABC):
    """A session with one device.

    Attributes:
        profile: its deviations.
        timeouts: all of them.
        system, config, ptz, files, machine, users, alarms, transfers, upgrades, panel, serial, services: the
            operations by group.
        counters: ``malformed_pushes``, ``impossible_time``.
        snapshot_supported: None until it was tried.
    """

    def __init__(self, profile: Profile | None = None, timeouts: Timeouts | None = None) -> None:
        self.profile = profile or Profile()
        self.timeouts = timeouts or Timeouts()
        self.counters: Counter[str] = Counter()
        self.snapshot_supported: bool | None = None
        self.system = SystemOperations(self)
        self.config = ConfigOperations(self)
        self.ptz = PtzOperations(self)
        self.files = FileOperations(self)
        self.machine = MachineOperations(self)
        self.users = UserOperations(self)
        self.alarms = AlarmOperations(self, self.config)
        self.transfers = TransferOperations(self)
        self.upgrades = UpgradeOperations(self)
        self.panel = PanelOperations(self)
        self.serial = SerialOperations(self)
        self.services = ServiceOperations(self, self.config)
        self._control: Connection | None = None
        self._listeners: list[EventStream] = []
        self._streams: dict[tuple[int, str], LiveStream] = {}
        self._playbacks: list[Playback] = []
        self._shared: list[SharedData] = []
        self._sharing = asyncio.Lock()
        self._talk: Talk | None = None

    # the session

    @property
    def control(self) -> Connection:
        """The control connection.

        Raises:
            ConnectionLost: not connected.
        """
        if self._control is None:
            raise ConnectionLost("not connected")
        return self._control

    @property
    def is_online(self) -> bool:
        """Whether the session is usable."""
        return self._control is not None and not self._control.is_closed

    async def wait_closed(self) -> DvripError | None:
        """Wait until the session is over; return why, None after our own `close`."""
        return await self.control.wait_closed()

    async def request(self, message_id: int, body: Mapping[str, Any] | bytes, **options: Any) -> Reply:
        """Send any message, JSON or bytes, and wait for its reply, whatever it says.

        Args:
            message_id: any id.
            body: a JSON object (the SessionID is added) or raw bytes.
            options: those of `cambus.dvrip.session.ClientSession.request`: ``expect``, ``timeout``,
                ``timeout_s``, ``label``, ``collector``, ``soft``, ``end``, ``sequence``.

        Raises:
            DvripError: there is no reply.
        """
        return await self.control.request(message_id, body, **options)

    async def call(self, message_id: int, body: Mapping[str, Any] | bytes, **options: Any) -> Reply:
        """Like `request`, for a reply that means success.

        Raises:
            DvripError: there is no reply, or it is a failure.
        """
        return (await self.request(message_id, body, **options)).check()

    async def close(self) -> None:
        """Stop what runs, log out, close (DVRIP §5); safe to call at any time."""
        try:
            if self._talk is not None:
                await self._talk.stop()
            await asyncio.gather(
                *(stream.stop() for stream in list(self._streams.values())),
                *(playback.close() for playback in list(self._playbacks)),
            )
        finally:
            if self._control is not None:
                await self._control.logout()
            self._end_listeners()

    # what it tells

    def events(self, *, only: frozenset[int] | None = None, max_events: int = MAX_EVENTS) -> EventStream:
        """What the device tells from now on. Close the stream when done; it ends with the session.

        Args:
            only: message ids to hear; None for all.
            max_events: how far the consumer may be behind before events are dropped.
        """
        stream = EventStream(max_events, only=only, on_close=self._listeners.remove)
        self._listeners.append(stream)
        if self._control is not None and self._control.is_closed:
            stream.end()
        return stream

    def _on_push(self, header: Header, payload: bytes) -> None:
        if header.message_id == MessageId.PLAYBACK_END:
            self._end_mark(payload)
            return
        event: AlarmRaised | DevicePush = DevicePush(header.message_id, payload)
        if header.message_id == MessageId.ALARM:
            if len(payload) > MAX_ALARM_BYTES:
                self.counters["malformed_pushes"] += 1
                return
            try:
                report = AlarmReport.parse(decode_body(payload), self.counters)
            except ProtocolError:
                self.counters["malformed_pushes"] += 1
                return
            event = AlarmRaised(report, header.message_id, partial(self._acknowledge, header))
        for stream in list(self._listeners):
            stream.put(event, len(payload))

    def _acknowledge(self, header: Header) -> bool:
        try:
            self.control.notify(header.message_id + 1, {"Ret": ReturnCode.OK}, sequence=header.sequence)
        except (Refused, ConnectionLost):
            return False
        return True

    def _end_mark(self, payload: bytes) -> None:
        running = [playback for playback in self._playbacks if playback.outcome is None]
        if len(running) > 1:
            with contextlib.suppress(ProtocolError):
                channel = decode_body(payload).get("Channel")
                running = [playback for playback in running if playback.target.channel == channel]
        if len(running) == 1:
            running[0].on_end_mark()

    def _take_control(self, control: Connection) -> None:
        self._control = control
        control.closed.add_done_callback(self._on_control_closed)

    def _on_control_closed(self, closed: "asyncio.Future[DvripError | None]") -> None:
        error = closed.result() or ConnectionLost("logged out")
        for stream in list(self._streams.values()):
            stream.abort(error)
        for playback in list(self._playbacks):
            playback.abort(error)
        if self._talk is not None:
            self._talk.abort(error)
        self._end_listeners()

    def _end_listeners(self) -> None:
        for stream in list(self._listeners):
            stream.end()

    # what it shows

    async def open_live(
        self, channel: int, stream: str = Stream.MAIN, *, queue: FrameQueue | None = None
    ) -> LiveStream:
        """Start live video of a 0-based channel; iterate the result, then `LiveStream.stop` it.

        Raises:
            Refused: it runs already (``busy``), or no connection is left (``budget``).
            DeviceError: 121 when the channel is not connected, and others.
            RequestTimeout: no media came.
            DvripError: anything else.
        """
        key = (channel, str(stream))
        if key in self._streams:
            raise Refused("busy", f"channel {channel} {stream} is being streamed already")
        live = self._streams[key] = LiveStream(
            self.profile.wire_channel(channel),
            stream,
            silence_s=self.timeouts.media_silence,
            queue=queue,
            combine=self.profile.combine_mode,
            bodies=self.profile.bodies,
            on_stop=lambda: self._forget_stream(key),
        )
        try:
            path = await self._start_media(
                LIVE_COMBINED if self.profile.combine_mode == CONNECT_ALL else LIVE,
                live.body,
                live.started,
                on_media=live.on_media,
                on_push=live.on_push,
            )
        except BaseException:
            self._forget_stream(key)
            raise
        live.run(path)
        if not live.began_with_key:
            self.force_key_frame(channel, stream)
        return live

    def _forget_stream(self, key: tuple[int, str]) -> None:
        self._streams.pop(key, None)

    def force_key_frame(self, channel: int, stream: str = Stream.MAIN) -> None:
        """Ask for a key frame (1562) without waiting; devices that do not know it are not minded."""
        wire_channel = self.profile.wire_channel(channel)
        body = undocumented_body(
            Undocumented.KEY_FRAME, self.profile.bodies, channel=wire_channel, stream=stream
        )
        if not body:
            return
        with contextlib.suppress(DvripError):
            self.control.submit(MessageId.FORCE_I_FRAME, body, soft=True, label="key frame")

    async def open_playback(
        self,
        channel: int,
        file_name: str = "",
        *,
        begin: datetime | None = None,
        end: datetime | None = None,
        stream: int = 0,
        expected_kib: int = 0,
        download: bool = False,
        raw: bool = False,
    ) -> Playback:
        """Start playing or downloading a recording; iterate the result, then `Playback.close` it.

        Args:
            channel: 0-based.
            file_name: as the search gave it; "" plays the time range.
            begin: device local time.
            end: device local time.
            stream: 0 main, 1 extra.
            expected_kib: the size the search gave; tells complete from truncated when there is no end mark.
            download: as fast as the disk allows.
            raw: hand out bytes instead of frames, see `Playback.raw`.

        Raises:
            Refused: four run already, or one download (``busy``); no connection is left (``budget``).
            DvripError: the device refused, or sent nothing.
        """
        if len(self._playbacks) >= MAX_PER_SOCKET:
            raise Refused("busy", f"{MAX_PER_SOCKET} playbacks are running already")
        if download and any(playback.is_download for playback in self._playbacks):
            raise Refused("busy", "a download is running already; more of them restart small recorders")
        target = PlaybackTarget(file_name, self.profile.wire_channel(channel), begin, end, stream)
        taken = any(playback.target.channel == target.channel for playback in self._playbacks)
        playback = Playback(
            target,
            download=download,
            silence_s=self.timeouts.media_silence,
            expected_kib=expected_kib,
            fast_scan=self.profile.fast_scan,
            raw=raw,
            on_close=lambda: self._playbacks.remove(playback),
        )
        self._playbacks.append(playback)
        try:
            path = await self._start_media(
                PLAYBACK_APART if taken else PLAYBACK,
                playback.body,
                playback.started,
                on_media=playback.on_media,
                on_push=playback.on_push,
            )
        except BaseException:
            self._playbacks.remove(playback)
            raise
        playback.run(path)
        return playback

    async def open_talk(self) -> Talk:
        """Start two-way audio; there is one talker per device, and only one channel.

        Raises:
            DeviceError: 503 when somebody talks already, and others.
            Refused: we talk already (``busy``), or no connection is left (``budget``).
            DvripError: anything else.
        """
        if self._talk is not None:
            raise Refused("busy", "a talk is running already")
        talk = self._talk = Talk(format_inside=self.profile.talk_format_inside, on_stop=self._forget_talk)
        try:
            path = await self._start_media(
                TALK, talk.body, talk.started, on_media=talk.on_media, on_push=talk.on_push
            )
        except BaseException:
            self._forget_talk()
            raise
        talk.run(path)
        return talk

    def _forget_talk(self) -> None:
        self._talk = None

    async def snapshot(self, channel: int) -> bytes:
        """A JPEG of a 0-based channel (1560).

        Raises:
            Unsupported: the device cannot, or gave no answer; remembered in `snapshot_supported`.
            DvripError: anything else.
        """
        if self.snapshot_supported is False:
            raise Unsupported(None, "snapshot", "this device gives no snapshots")
        async with self._side_connection() as connection:
            try:
                reply = await connection.request(
                    MessageId.SNAPSHOT,
                    snapshot_body(self.profile.wire_channel(channel)),
                    timeout="snapshot",
                    label="snapshot",
                    collector=SnapshotCollector(),
                    soft=True,
                )
                picture = picture_of(reply.payload)
            except RequestTimeout as error:
                self.snapshot_supported = False
                raise Unsupported(None, "snapshot", "no answer") from error
            except DeviceError as error:
                if isinstance(error, Unsupported) or error.code == ReturnCode.ILLEGAL_REQUEST:
                    self.snapshot_supported = False
                    raise Unsupported(error.code, "snapshot") from error
                raise
        self.snapshot_supported = True
        return picture

    # how connections are made

    def _lane(
        self, kind: MediaKind, body: MediaBody, on_media: PacketHandler, on_push: PacketHandler
    ) -> Lane:
        """The lane of what ``body`` asks for."""
        _, channel, _ = claim_key(kind.claim, body(Action.CLAIM))
        return Lane(channel - self.profile.channel_base, on_media, on_push)

    def _new_shared(self, kind: MediaKind, on_claim: ClaimHandler | None = None) -> SharedData:
        return SharedData(kind, strict=kind is LIVE_COMBINED, on_end_mark=self._end_mark, on_claim=on_claim)

    @abstractmethod
    async def _start_media(
        self,
        kind: MediaKind,
        body: MediaBody,
        started: "asyncio.Future[None]",
        *,
        on_media: PacketHandler,
        on_push: PacketHandler,
    ) -> MediaPath:
        """Open a data connection and start media on it; ``body`` makes the requests."""

    @abstractmethod
    def _side_connection(self) -> AbstractAsyncContextManager[Connection]:
        """A connection for a request that may never be answered."""
