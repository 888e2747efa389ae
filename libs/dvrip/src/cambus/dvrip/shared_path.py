"""Several channels on one data connection, told apart by the Channel of the header (DVRIP §9.1, §10.1).

Playbacks share one, up to four of a session, and so does live video asked for with CONNECT_ALL. Who is too slow to
take what comes must not hold up the others: as long as there are others its channel is held by command, and the socket
is only left unread for a device that goes on sending all the same.
"""

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from cambus.dvrip.errors import DvripError
from cambus.dvrip.ids import MessageId
from cambus.dvrip.media_path import MediaBody, MediaKind, MediaPath
from cambus.dvrip.messages.monitor import Action
from cambus.dvrip.messages.playback import MAX_PER_SOCKET
from cambus.dvrip.transfer_queue import HIGH_WATER_BYTES
from cambus.dvrip.wire import Header

if TYPE_CHECKING:
    from cambus.dvrip.connection import Connection, PacketHandler


ClaimHandler = Callable[["Connection", Header, bytes], None]


class Lane:
    """The place of one channel on a shared connection.

    Args:
        channel: as the header counts it, from 0.
        on_media: takes its media.
        on_push: takes the end mark when it is alone.
    """

    def __init__(self, channel: int, on_media: "PacketHandler", on_push: "PacketHandler") -> None:
        self.channel = channel
        self.on_media = on_media
        self.on_push = on_push
        self.is_held = False  # it takes no more for now
        self.blocks = False  # the socket is left unread for it
        self.excess_bytes = 0  # what came since it was held
        self.tell_to_pause: Callable[[], None] = lambda: None


class SharedData:
    """A data connection and the lanes on it.

    Args:
        kind: what flows.
        strict: the header's Channel is to be believed even of a lane that is alone.
        on_end_mark: takes an end mark nobody can tell the channel of.
        on_claim: takes a claim the device makes on this connection.

    Attributes:
        connection: set once there is one.
        is_closing: nobody may enter any more.
        foreign: packets of channels nobody is here for.
    """

    def __init__(
        self,
        kind: MediaKind,
        *,
        strict: bool = False,
        on_end_mark: Callable[[bytes], None],
        on_claim: "ClaimHandler | None" = None,
    ) -> None:
        self.kind = kind
        self.connection: Connection | None = None
        self.is_closing = False
        self.foreign = 0
        self._strict = strict
        self._on_end_mark = on_end_mark
        self._on_claim = on_claim
        self._lanes: dict[int, Lane] = {}

    def has_room(self, kind: MediaKind, channel: int) -> bool:
        """Whether a channel can enter."""
        connection = self.connection
        return (
            kind is self.kind
            and connection is not None
            and not connection.is_closed
            and not self.is_closing
            and channel not in self._lanes
            and len(self._lanes) < MAX_PER_SOCKET
        )

    def enter(self, lane: Lane) -> None:
        """A channel comes; from now on nobody holds the others by leaving the socket unread."""
        for other in self._lanes.values():
            if other.blocks:
                self._unblock(other)
                other.tell_to_pause()
        self._lanes[lane.channel] = lane

    def leave(self, lane: Lane) -> bool:
        """A channel goes; whether it was the last."""
        if self._lanes.get(lane.channel) is lane:
            del self._lanes[lane.channel]
            self._unblock(lane)
        self.is_closing = self.is_closing or not self._lanes
        return not self._lanes

    def on_media(self, header: Header, payload: bytes) -> None:
        """Take one media packet."""
        lane = self._lanes.get(header.total_or_channel)
        if lane is None and len(self._lanes) == 1 and not self._strict:
            lane = next(iter(self._lanes.values()))  # some recorders say 0 whatever they were asked for
        if lane is None:
            self.foreign += 1
            return
        if lane.is_held and not lane.blocks:
            lane.excess_bytes += len(payload)
            if lane.excess_bytes > HIGH_WATER_BYTES:
                self._block(lane)
        lane.on_media(header, payload)

    def on_push(self, header: Header, payload: bytes) -> None:
        """Take what else comes: end marks, and claims of devices that dialled us."""
        if header.message_id == self.kind.claim:
            if self._on_claim is not None and self.connection is not None:
                self._on_claim(self.connection, header, payload)
        elif len(self._lanes) == 1:
            next(iter(self._lanes.values())).on_push(header, payload)
        elif header.message_id == MessageId.PLAYBACK_END:
            self._on_end_mark(payload)

    def hold(self, lane: Lane) -> None:
        """A lane takes no more for now."""
        lane.is_held = True
        lane.excess_bytes = 0
        if len(self._lanes) == 1:
            self._block(lane)
        else:
            lane.tell_to_pause()

    def let_go(self, lane: Lane) -> None:
        """A lane takes more again."""
        lane.is_held = False
        self._unblock(lane)

    def _block(self, lane: Lane) -> None:
        lane.blocks = True
        if self.connection is not None:
            self.connection.pause_reading()

    def _unblock(self, lane: Lane) -> None:
        if not lane.blocks:
            return
        lane.blocks = False
        if self.connection is not None and not any(each.blocks for each in self._lanes.values()):
            self.connection.resume_reading()


class SharedPath(MediaPath):
    """A `MediaPath` whose data connection others may be on too; the last to leave closes it.

    Args:
        kind: what flows.
        control: where commands go.
        data: where media comes from.
        shared: the lanes on it; ``lane`` has entered.
        lane: ours.
        body: makes the requests.
        on_close: called when the data connection is given back.
    """

    def __init__(
        self,
        kind: MediaKind,
        control: "Connection",
        data: "Connection",
        *,
        shared: SharedData,
        lane: Lane,
        body: MediaBody,
        on_close: Callable[[], None] | None = None,
    ) -> None:
        super().__init__(kind, control, data)
        self._shared = shared
        self._lane = lane
        self._body = body
        self._on_close = on_close
        self._is_told = False
        lane.tell_to_pause = self._pause

    def pause_reading(self) -> None:
        """See `MediaPath.pause_reading`."""
        self._shared.hold(self._lane)

    def resume_reading(self, *, proceed: bool) -> None:
        """See `MediaPath.resume_reading`."""
        self._shared.let_go(self._lane)
        if self._is_told and proceed:
            self._tell(Action.CONTINUE)
        self._is_told = False

    def _pause(self) -> None:
        self._is_told = True
        self._tell(Action.PAUSE)

    def _tell(self, action: str) -> None:
        """Send a command nobody waits for; a device that does not heed it is slowed down by its socket."""
        label = f"{action.lower()} of {self.kind.label}"
        with contextlib.suppress(DvripError):
            self.control.submit(self.kind.command, self._body(action), soft=True, label=label)

    async def _close_data(self, until: float, *, stopped: bool) -> None:
        if self._shared.leave(self._lane):
            try:
                await super()._close_data(until, stopped=stopped)
            finally:
                if self._on_close is not None:
                    self._on_close()
