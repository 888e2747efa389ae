"""When the samples of a sound are due: packets laid end to end, kept in step with their timestamps.

Timestamps of packets jitter, and a device's sampling clock is never quite the clock its pictures go by. An encoder
wants neither: it takes sample after sample. So a small, lasting difference is made up for by a sample more or less
here and there, which nobody hears; a gap is filled with silence; and what comes too late is left out.
"""

from dataclasses import dataclass
from typing import Final

TICKS: Final = 90_000
"""Of timestamps, a second."""
TOLERANCE: Final = TICKS // 10
"""How far a packet may stray from the sample clock and still follow the one before: 100 ms."""
LONGEST_FILL: Final = 5 * TICKS
"""A longer gap is a new beginning, and so is a longer step backwards."""
_UNEVEN: Final = TICKS // 250
"""A lasting difference below 4 ms is left alone."""
_SMOOTHING: Final = 16
_SAMPLES_PER_CORRECTION: Final = 160
"""At most one sample in so many is left out or doubled: 0.6 %."""


@dataclass(frozen=True, slots=True)
class Placement:
    """What to do with a packet.

    Attributes:
        take: whether its samples are used at all.
        restart: whether the time line begins anew with it.
        silence: samples of silence before it.
        correction: samples to double (above zero) or to leave out (below) in it.
    """

    take: bool = True
    restart: bool = False
    silence: int = 0
    correction: int = 0


_LATE: Final = Placement(take=False)


class SampleClock:
    """Places the packets of one sound.

    Args:
        sample_rate: in Hz.

    Attributes:
        anchor: the pts, in 90 kHz ticks, of the first sample since the time line last began.
        samples: how many have been placed since.
    """

    def __init__(self, sample_rate: int) -> None:
        self._rate = sample_rate
        self._started = False
        self._drift = 0.0
        self.anchor = 0
        self.samples = 0

    @property
    def end(self) -> int:
        """The pts of the sample that comes next."""
        return self.anchor + self.samples * TICKS // self._rate

    def place(self, pts: int, samples: int) -> Placement:
        """Say what becomes of a packet, and count on.

        Args:
            pts: of its first sample, 90 kHz.
            samples: how many it has, of each channel.
        """
        ahead = pts - self.end
        if not self._started or abs(ahead) > LONGEST_FILL:
            self._started = True
            self._drift = 0.0
            self.anchor, self.samples = pts, samples
            return Placement(restart=True)
        if ahead < -TOLERANCE:
            return _LATE
        if ahead > TOLERANCE:
            silence = ahead * self._rate // TICKS
            self._drift = 0.0
            self.samples += silence + samples
            return Placement(silence=silence)
        correction = self._correct(ahead, samples)
        self.samples += samples + correction
        return Placement(correction=correction)

    def _correct(self, ahead: int, samples: int) -> int:
        self._drift += (ahead - self._drift) / _SMOOTHING
        if abs(self._drift) < _UNEVEN:
            return 0
        most = -(-samples // _SAMPLES_PER_CORRECTION)
        wanted = int(self._drift * self._rate / TICKS)
        correction = max(-min(most, samples - 1), min(most, wanted))
        self._drift -= correction * TICKS / self._rate
        return correction
