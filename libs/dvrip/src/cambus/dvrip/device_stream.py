"""One running stream of the device role: takes frames from its source in time and sends them (DVRIP §9, §10)."""

from collections.abc import Callable
from typing import Final

from cambus.dvrip.device_backend import MediaSource, OutFrame
from cambus.dvrip.device_chunks import Packetizer
from cambus.dvrip.device_connection import DeviceConnection, Ending
from cambus.dvrip.device_quirks import DeviceQuirks
from cambus.dvrip.device_timers import Timer, Timers
from cambus.dvrip.ids import MessageId
from cambus.dvrip.wire import serialize

#: A source that is not ready is asked again so often.
_READY_POLL_S: Final = 0.02
#: Frames due within so much time leave together: fewer wake-ups, no visible difference.
_TOGETHER_S: Final = 0.002
#: An unpaced stream hands the connection back after so many bytes.
_BURST_BYTES: Final = 256 * 1024
#: A live stream this far behind (the process was held up) goes on from now instead of catching up.
_LATE_S: Final = 2.0


class StreamSender:
    """Sends a `MediaSource` over a connection.

    A live stream never waits for a slow reader: it drops to the next key frame and counts. A playback or download
    waits until the peer reads on.

    Attributes:
        frames_sent: frames handed to the connection.
        frames_dropped: live frames a slow reader missed.
        running: until it ended or was stopped.
    """

    def __init__(
        self,
        *,
        connection: DeviceConnection,
        source: MediaSource,
        message_id: int,
        session_id: int,
        channel: int,
        quirks: DeviceQuirks,
        timers: Timers,
        dirty: Callable[[DeviceConnection], None],
        ended: Callable[["StreamSender", float], None],
        live: bool,
        paced: bool = True,
    ) -> None:
        self.connection = connection
        self.source = source
        self.message_id = message_id
        self.session_id = session_id
        self.channel = channel
        self.live = live
        self.frames_sent = 0
        self.frames_dropped = 0
        self.running = True
        self.after_frames: tuple[int, bytes] | None = None  # bytes to send behind so many frames (late 1411)
        self._speed = 1.0
        self._quirks = quirks
        self._paced = paced
        self._packetizer = Packetizer(message_id, session_id, channel, source.stream, quirks)
        self._timers = timers
        self._dirty = dirty
        self._ended = ended
        self._timer: Timer | None = None
        self._next: OutFrame | None = None
        self._anchor: float | None = None  # clock time of media time 0, at this speed
        self._anchor_speed = 0.0
        self._paused = False
        self._stalled = False
        self._waiting_key = False

    def start(self, now: float) -> None:
        """Send the first frames as soon as the caller is done with what it is doing."""
        self._again(now)

    def stop(self) -> None:
        """Send nothing more, not even an end mark."""
        self.running = False
        if self._timer is not None:
            self._timer.cancel()

    def pause(self) -> None:
        """Hold the stream."""
        self._paused = True
        if self._timer is not None:
            self._timer.cancel()

    def resume(self, now: float) -> None:
        """Go on where it was held."""
        if self._paused and self.running:
            self._paused = False
            self._anchor = None
            self._again(now)

    def set_speed(self, factor: float, now: float) -> None:
        """Multiply the speed of a paced stream (actions Fast and Slow); 1/8 to 8 times real time."""
        self._speed = min(8.0, max(0.125, self._speed * factor))
        if self.running and not self._paused:
            self._again(now)

    def reposition(self, now: float) -> None:
        """The source jumped: forget the frame in hand and pace anew."""
        self._next = None
        self._anchor = None
        if not self._paused:
            self._again(now)

    def writable(self, now: float) -> None:
        """The peer reads again."""
        if self.running and not self._paused:
            self._again(now)

    def _again(self, due: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._timers.at(due, self._run)

    def _run(self, now: float) -> None:
        if not self.running or self._paused:
            return
        if not self.source.ready:
            self._again(now + _READY_POLL_S)
            return
        self._dirty(self.connection)
        budget = _BURST_BYTES
        while budget > 0:
            frame = self._take(now)
            if frame is None:
                return
            if not self._dropped(frame):
                budget -= self._send(frame, last=self._is_last())
        self._again(now)

    def _take(self, now: float) -> OutFrame | None:
        """The next frame if it may leave now; otherwise whatever comes next is arranged for."""
        if self._next is None:
            self._next = self.source.next_frame()
        frame = self._next
        if frame is None:
            self._finish(now)
            return None
        if self._broken(frame, now):
            return None
        due = self._due(frame, now)
        if due > now + _TOGETHER_S:
            self._again(due)
            return None
        if not self.connection.writable and not self._drops:
            self.connection.blocked.append(self)
            return None
        self._next = None
        return frame

    @property
    def _drops(self) -> bool:
        """Whether a slow reader costs frames: live in real time does not wait, everything else does."""
        return self.live and self._quirks.pace > 0

    def _is_last(self) -> bool:
        """Whether the frame in hand is the last of a transfer; looked up only where it has to be marked."""
        if self._quirks.end_of_file != "flag_on_last" or self.live:
            return False
        self._next = self.source.next_frame()
        return self._next is None

    def _due(self, frame: OutFrame, now: float) -> float:
        speed = self._speed * self._quirks.pace if self._paced else 0.0
        if speed <= 0:
            return now
        if speed != self._anchor_speed:  # by an action or by a quirk, in mid-stream
            self._anchor, self._anchor_speed = None, speed
        if self._anchor is None or (self.live and self._anchor + frame.due_s / speed < now - _LATE_S):
            self._anchor = now - frame.due_s / speed
        return self._anchor + frame.due_s / speed

    def _dropped(self, frame: OutFrame) -> bool:
        """Whether a live frame has to go because the reader is slow."""
        if not self._drops:
            return False
        if self.connection.writable:
            if frame.key:
                self._waiting_key = False
            dropped = self._waiting_key and frame.video
        else:
            self._waiting_key = self._waiting_key or frame.video
            dropped = True
        self.frames_dropped += dropped
        return dropped

    def _send(self, frame: OutFrame, *, last: bool) -> int:
        pieces = self._packetizer.packets(frame.head, frame.body, audio=frame.audio, last=last)
        self.connection.send(*pieces)
        self.frames_sent += 1
        if self.after_frames is not None and self.frames_sent >= self.after_frames[0]:
            self.connection.send(self.after_frames[1])
            self.after_frames = None
        return len(frame.head) + len(frame.body)

    def _broken(self, frame: OutFrame, now: float) -> bool:
        """Apply the quirks that stall or break a stream; whether it is over for now."""
        quirks = self._quirks
        if quirks.stall_at_s and frame.due_s >= quirks.stall_at_s and not self._stalled:
            self._stalled = True
            self._anchor = None
            self._again(now + quirks.stall_s)
            return True
        if not quirks.break_at_s or frame.due_s < quirks.break_at_s:
            return False
        self.running = False
        endings = {"close": Ending.CLOSE, "rst": Ending.RESET, "half_close": Ending.HALF_CLOSE}
        if quirks.break_how in endings:
            self.connection.end(endings[quirks.break_how])
        return True

    def _finish(self, now: float) -> None:
        """The source has ended: say so the way this device does."""
        self.running = False
        self.connection.send(*self._packetizer.flush())
        match self._quirks.end_of_file:
            case "end_flag":
                self.connection.send(self._packetizer.empty(end=True))
            case "zero_length":
                self.connection.send(self._packetizer.empty(end=False))
            case "message_1423" | "message_1423_json" as how:
                body = b'{"Name":"OPPlayBack","Ret":100}\n\x00' if how == "message_1423_json" else b""
                self.connection.send(
                    serialize(
                        MessageId.PLAYBACK_END,
                        body,
                        session_id=self.session_id,
                        sequence=self._packetizer.sequence,
                        version=self._quirks.version,
                    )
                )
        self._ended(self, now)
