"""One port for the media of all sessions, told apart by SSRC: for networks where no more ports can be opened (§11)."""

from __future__ import annotations

from collections import Counter
from typing import Final

from cambus.gb28181.datagram_poll import Batch
from cambus.gb28181.media_input import MediaInput
from cambus.gb28181.media_port import MediaPort

MAX_CONNECTIONS: Final = 4096
_SSRC = slice(8, 12)


class SharedPort:
    """Gives what comes in at one port to the sessions it is for.

    Args:
        host: address to listen on.

    Attributes:
        counts: what was dropped, by reason: `unknown-ssrc`.
    """

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.counts: Counter[str] = Counter()
        self._inputs: dict[bytes, MediaInput] = {}
        self.socket = MediaPort(self, host=host, max_connections=MAX_CONNECTIONS)

    def register(self, ssrc: int, media: MediaInput) -> None:
        """Packets with this SSRC are for this session."""
        self._inputs[ssrc.to_bytes(4, "big")] = media

    def has(self, ssrc: int) -> bool:
        """Whether packets with this SSRC are for a session."""
        return ssrc.to_bytes(4, "big") in self._inputs

    def forget(self, media: MediaInput) -> None:
        """The session is over, or has another SSRC."""
        for ssrc in [ssrc for ssrc, each in self._inputs.items() if each is media]:
            del self._inputs[ssrc]

    def knows(self, host: str) -> bool:
        """Whether an address is that of a device of any session."""
        return any(each.knows(host) for each in self._inputs.values())

    def datagrams(self, batch: Batch) -> None:
        """Take datagrams."""
        sorted_: dict[bytes, Batch] = {}
        for each in batch:
            sorted_.setdefault(each[0][_SSRC], []).append(each)
        for ssrc, part in sorted_.items():
            media = self._inputs.get(ssrc)
            if media is None:
                self.counts["unknown-ssrc"] += len(part)
            else:
                media.datagrams(part)

    def segments(self, packets: list[bytes], host: str) -> None:
        """Take packets of a connection, which carries one session: a gap in it is a gap in that."""
        found = next((media for each in packets if (media := self._inputs.get(each[_SSRC]))), None)
        if found is None:
            self.counts["unknown-ssrc"] += len(packets)
        else:
            found.segments(packets, host)
