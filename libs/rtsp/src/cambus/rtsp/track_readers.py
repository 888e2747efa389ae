"""The tracks of one session, read together: packets in, units out, sound in step with the picture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from cambus.media.mpegps import StreamUnit
from cambus.rtsp.description import Track
from cambus.rtsp.lip_sync import LipSync
from cambus.rtsp.track_reader import TrackReader


class TrackReaders:
    """Reads the tracks that come.

    Args:
        tracks: those that can be taken apart; the first is the one the others are put in step with.
        datagrams: whether packets may come in any order.
    """

    def __init__(self, tracks: Sequence[Track], *, datagrams: bool) -> None:
        self._sync = LipSync({track.number: track.clock_rate for track in tracks})
        self._readers = {
            track.number: TrackReader(track, self._sync, datagrams=datagrams) for track in tracks
        }

    @property
    def drift_s(self) -> float | None:
        """Seconds the sender's clock is ahead of ours, by its reports; None before the first."""
        return None if self._sync.drift_us is None else self._sync.drift_us / 1e6

    @property
    def counts(self) -> Counter[str]:
        """What was dropped, by reason."""
        total: Counter[str] = Counter()
        for reader in self._readers.values():
            total += reader.counts
        return total

    @property
    def ended(self) -> bool:
        """Whether the sender has said that it leaves, with every track."""
        return all(reader.ended for reader in self._readers.values())

    @property
    def deadline(self) -> float | None:
        """When to call `due`; None if nothing waits."""
        return min(
            (at for reader in self._readers.values() if (at := reader.deadline) is not None), default=None
        )

    def push(self, track: int, data: bytes, now: float, arrival_us: int, *, rtcp: bool) -> list[StreamUnit]:
        """Take a packet; the units it completes. One of a track that is not read is passed over.

        Args:
            track: number of its track.
            data: the packet.
            now: seconds of any clock that only rises.
            arrival_us: when it came, microseconds since 1970 UTC.
            rtcp: whether it came as RTCP.
        """
        reader = self._readers.get(track)
        if reader is None:
            return []
        if rtcp:
            reader.report(data, arrival_us)
            return []
        return reader.push(data, now, arrival_us)

    def due(self, now: float, arrival_us: int) -> list[StreamUnit]:
        """What has waited long enough for what is missing."""
        return [unit for reader in self._readers.values() for unit in reader.due(now, arrival_us)]
