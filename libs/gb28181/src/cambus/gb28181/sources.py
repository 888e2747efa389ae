"""Which devices are registered at which address: several, where one SIP stack speaks for many (§3.3)."""

from __future__ import annotations

from cambus.sip.peer import Peer


class Sources:
    """The sources of registered devices, in both directions; each device is at one."""

    def __init__(self) -> None:
        self._codes: dict[Peer, set[str]] = {}
        self._peers: dict[str, Peer] = {}

    def __contains__(self, peer: object) -> bool:
        return peer in self._codes

    def only_one_at(self, peer: Peer) -> str | None:
        """The device at a source, None where there is none, or more than one."""
        codes = self._codes.get(peer, ())
        return next(iter(codes)) if len(codes) == 1 else None

    def put(self, code: str, peer: Peer) -> None:
        """A device is here now, and nowhere else."""
        self.drop(code)
        self._peers[code] = peer
        self._codes.setdefault(peer, set()).add(code)

    def drop(self, code: str) -> None:
        """A device is not there any more."""
        peer = self._peers.pop(code, None)
        if peer is not None:
            codes = self._codes[peer]
            codes.discard(code)
            if not codes:
                del self._codes[peer]

    def gone(self, peer: Peer) -> None:
        """A source is not there any more."""
        for code in self._codes.pop(peer, ()):
            del self._peers[code]
