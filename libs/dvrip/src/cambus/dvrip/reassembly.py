"""Control messages that come in parts (DVRIP §2.3).

Parts of one message share (SID, MessageId, Sequence). They may be out of order and mixed with other messages.
What does not fit drops that one message with a `FragmentError`; the connection goes on.
"""

from dataclasses import dataclass, field
from typing import Final

from cambus.dvrip.errors import FragmentError
from cambus.dvrip.ids import ZIP_IDS
from cambus.dvrip.wire import Header, Packet

MAX_OPEN: Final = 8
MAX_BYTES: Final = 4 * 1024 * 1024
#: Exports may be longer (DVRIP §7.7).
MAX_ZIP_BYTES: Final = 8 * 1024 * 1024
COMPLETE_WITHIN_S: Final = 10.0

_Key = tuple[int, int, int]


@dataclass(slots=True)
class _Partial:
    header: Header  # of the part that came first
    deadline: float
    parts: dict[int, bytes] = field(default_factory=dict)
    size: int = 0
    failed: bool = False  # dropped: the rest of its parts is swallowed silently


class Reassembler:
    """Collects the parts of fragmented control messages of one connection.

    Time is a value in seconds of any monotonic clock, given with each call.

    Attributes:
        dropped: messages given up so far.
    """

    def __init__(self, complete_within_s: float = COMPLETE_WITHIN_S) -> None:
        self.dropped = 0
        self._complete_within_s = complete_within_s
        self._open: dict[_Key, _Partial] = {}

    def receive(self, packet: Packet, now: float) -> Packet | None:
        """Take one packet; return a whole message, or None while parts are missing.

        An unfragmented packet is returned as it is. The header of an assembled message is that of its first
        part with Total and Cur 0 and the length of the whole.

        Raises:
            FragmentError: this part spoils its message, which is dropped.
        """
        header = packet.header
        if not header.is_fragment:
            return packet
        key = (header.session_id, header.message_id, header.sequence)
        partial = self._open.get(key)
        if partial is not None and partial.failed and header.current_or_end == 0 and 0 in partial.parts:
            del self._open[key]  # a device without a counter of its own began its next message
            partial = None
        if partial is None:
            partial = self._begin(key, header, now)
        if partial.failed:
            self._swallow(key, partial, header)
            return None
        self._add(partial, packet)
        if len(partial.parts) < header.total_or_channel:
            return None
        del self._open[key]
        payload = b"".join(partial.parts[i] for i in range(header.total_or_channel))
        return Packet(
            partial.header._replace(total_or_channel=0, current_or_end=0, length=len(payload)),
            payload,
        )

    def expire(self, now: float) -> list[FragmentError]:
        """Drop the messages that were not complete in time; the errors say which."""
        errors = []
        for key, partial in list(self._open.items()):
            if now < partial.deadline:
                continue
            del self._open[key]
            if not partial.failed:
                self.dropped += 1
                missing = partial.header.total_or_channel - len(partial.parts)
                errors.append(
                    _error(
                        partial.header, f"{missing} parts still missing after {self._complete_within_s:g} s"
                    )
                )
        return errors

    def next_timeout(self) -> float | None:
        """When `expire` has something to do, or None."""
        return min([partial.deadline for partial in self._open.values()], default=None)

    def is_open(self, message_id: int) -> bool:
        """Whether parts of a message with this id are being collected."""
        return any(key[1] == message_id and not partial.failed for key, partial in self._open.items())

    def _begin(self, key: _Key, header: Header, now: float) -> _Partial:
        if len(self._open) >= MAX_OPEN:
            self._evict_failed()
        if len(self._open) >= MAX_OPEN:
            self.dropped += 1
            raise _error(header, f"more than {MAX_OPEN} messages in parts at once")
        partial = self._open[key] = _Partial(header, now + self._complete_within_s)
        return partial

    def _evict_failed(self) -> None:
        for key, partial in self._open.items():
            if partial.failed:
                del self._open[key]
                return

    def _add(self, partial: _Partial, packet: Packet) -> None:
        header = packet.header
        total, current = header.total_or_channel, header.current_or_end
        limit = MAX_ZIP_BYTES if header.message_id in ZIP_IDS else MAX_BYTES
        if total != partial.header.total_or_channel:
            problem = f"total changed from {partial.header.total_or_channel} to {total}"
        elif current >= total:
            problem = f"part {current} of {total}"
        elif current in partial.parts:
            problem = f"part {current} came twice"
        elif partial.size + len(packet.payload) > limit:
            problem = f"longer than {limit} bytes"
        else:
            partial.parts[current] = packet.payload
            partial.size += len(packet.payload)
            return
        self.dropped += 1
        partial.failed = True
        partial.parts = dict.fromkeys(partial.parts, b"")  # which came is still needed, their bytes are not
        raise _error(header, problem)

    def _swallow(self, key: _Key, partial: _Partial, header: Header) -> None:
        partial.parts[header.current_or_end] = b""
        if len(partial.parts) >= partial.header.total_or_channel:
            del self._open[key]


def _error(header: Header, problem: str) -> FragmentError:
    return FragmentError(problem, message_id=header.message_id, session_id=header.session_id)
