"""The gap ledger of one stream: every second that should have been recorded and was not, with its reason."""

import threading
from collections.abc import Callable

from cambus.recorder.index import Gap
from cambus.recorder.layout import StreamKey
from cambus.schemas.spans import GapReason

LATE_US = 10_000_000
"""How late what was received may become durable."""
LEAST_GAP_US = 1_000_000
"""What is shorter is jitter of the stream, not a gap."""


class GapLedger:
    """Knows up to when a stream is recorded, and writes down what is missing; no clock inside.

    Safe to use from several threads: durable spans are told by the one that writes. A ledger that rests writes
    nothing down: the stream is not to be recorded.

    Args:
        key: the stream.
        since_us: from when on it is to be recorded: the end of what there is, or now.
        reason: why nothing was recorded from `since_us` up to now.
        write: takes a gap to be stored, and whether that was its last growth; one with the same beginning replaces
            the one before, and one that ends where it begins takes it back.
        allowance_us: how much longer than a gap the first recording may take to begin.
    """

    def __init__(
        self,
        key: StreamKey,
        since_us: int,
        reason: GapReason,
        write: Callable[[Gap, bool], None],
        *,
        allowance_us: int = 0,
    ) -> None:
        self._key = key
        self._covered_us = since_us
        self._reason = reason
        self._write = write
        self._least_us = LEAST_GAP_US + allowance_us
        self._lock = threading.Lock()
        self._recording = False
        self._resting = False
        self._growing = False
        self._owed_us: int | None = None  # up to when what was received may still become durable

    @property
    def resting(self) -> bool:
        """Whether the stream is not to be recorded."""
        return self._resting

    @property
    def covered_us(self) -> int:
        """Up to when what should be recorded is, or was not wanted."""
        return self._covered_us

    def rest(self, now_us: int) -> None:
        """The stream is not to be recorded any longer; a gap that goes on ends.

        What was received by then may become durable a little later: only then is said whether something is missing.
        """
        with self._lock:
            if self._resting:
                return
            self._owed_us = now_us
            if self._recording:
                self._reason = GapReason.STREAM_LOST
            elif now_us - self._covered_us >= self._least_us:
                self._put(now_us, self._reason, settled=False)
            self._resting = True
            self._recording = False

    def resume(self, since_us: int, reason: GapReason, *, allowance_us: int = 0) -> None:
        """It is to be recorded again, from an instant on; `reason` is why nothing may have been since then."""
        with self._lock:
            self._settle_debt()
            self._resting = False
            self._covered_us = max(self._covered_us, since_us)
            self._least_us = LEAST_GAP_US + allowance_us
            if not self._recording:
                self._reason = reason

    @property
    def recording(self) -> bool:
        """Whether the stream is being recorded, as far as is known."""
        return self._recording

    def recorded(self, start_us: int, end_us: int) -> None:
        """A span is durable; what lies between it and the one before is a gap, if it is long enough."""
        with self._lock:
            if self._owed_us is not None:
                if min(start_us, self._owed_us) - self._covered_us >= self._least_us:
                    self._put(min(start_us, self._owed_us), self._reason, settled=True)
                elif self._growing:
                    self._put(self._covered_us, self._reason, settled=True)
                self._reason, self._least_us = GapReason.STREAM_LOST, LEAST_GAP_US
                self._covered_us = max(self._covered_us, end_us)
                if self._covered_us >= self._owed_us:
                    self._owed_us = None
                self._recording = True
                return
            if not self._resting and start_us - self._covered_us >= self._least_us:
                # What was over before anybody noticed has no reason but that the stream was not there.
                reason = GapReason.STREAM_LOST if self._recording else self._reason
                self._put(start_us, reason, settled=True)
            elif self._growing:  # it took a while until what there was became durable: that was no gap
                self._put(self._covered_us, self._reason, settled=True)
            self._least_us = LEAST_GAP_US
            self._covered_us = max(self._covered_us, end_us)
            self._recording = True

    def lost(self, from_us: int, reason: GapReason) -> None:
        """What was told to be durable from an instant on is gone all the same, and recording stopped."""
        with self._lock:
            self._covered_us = min(self._covered_us, from_us)
            self._reason = reason
            self._recording = False

    def interrupted(self, reason: GapReason) -> None:
        """Recording stopped. The first reason counts until recording goes on: the others follow from it."""
        with self._lock:
            if self._recording:
                self._reason = reason
            self._recording = False

    def explain(self, reason: GapReason) -> None:
        """Now the reason is known better."""
        with self._lock:
            if not self._recording:
                self._reason = reason

    def look(self, now_us: int) -> None:
        """Write down a gap that still goes on."""
        with self._lock:
            if self._owed_us is not None and now_us - self._owed_us >= LATE_US:
                self._settle_debt()
            if not self._resting and not self._recording and now_us - self._covered_us >= self._least_us:
                self._put(now_us, self._reason, settled=False)

    def close(self, now_us: int) -> None:
        """The stream is no longer to be recorded from now on: a gap that goes on ends."""
        with self._lock:
            self._settle_debt()
            if not self._resting:
                self._close(now_us)

    def _close(self, now_us: int) -> None:
        if now_us - self._covered_us >= self._least_us:
            self._put(now_us, GapReason.STREAM_LOST if self._recording else self._reason, settled=True)

    def _settle_debt(self) -> None:
        """Nothing more becomes durable of what was received before the stream came to rest."""
        owed_us, self._owed_us = self._owed_us, None
        if owed_us is not None and owed_us - self._covered_us >= self._least_us:
            self._put(owed_us, self._reason, settled=True)

    def _put(self, end_us: int, reason: GapReason, *, settled: bool) -> None:
        self._growing = not settled
        self._write(Gap(self._key, self._covered_us, end_us, reason.value), settled)
