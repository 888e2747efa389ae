"""The gap ledger of one stream: every second that should have been recorded and was not, with its reason."""

from collections.abc import Callable

from cambus.recorder.index import Gap
from cambus.recorder.layout import StreamKey
from cambus.schemas.spans import GapReason

LEAST_GAP_US = 2_000_000
"""What is shorter is jitter of the stream, not a gap."""


class GapLedger:
    """Knows up to when a stream is recorded, and writes down what is missing; no clock inside.

    Args:
        key: the stream.
        since_us: from when on it is to be recorded: the end of what there is, or now.
        reason: why nothing was recorded from `since_us` up to now.
        write: takes a gap to be stored; one with the same beginning replaces the one before.
        allowance_us: how much longer than a gap the first recording may take to begin.
    """

    def __init__(
        self,
        key: StreamKey,
        since_us: int,
        reason: GapReason,
        write: Callable[[Gap], None],
        *,
        allowance_us: int = 0,
    ) -> None:
        self._key = key
        self._covered_us = since_us
        self._reason = reason
        self._write = write
        self._least_us = LEAST_GAP_US + allowance_us
        self.recording = False

    def recorded(self, start_us: int, end_us: int) -> None:
        """A span is durable; what lies between it and the one before is a gap, if it is long enough."""
        if start_us - self._covered_us >= self._least_us:
            # What was over before anybody noticed has no reason but that the stream was not there.
            reason = GapReason.STREAM_LOST if self.recording else self._reason
            self._write(Gap(self._key, self._covered_us, start_us, reason.value))
        self._least_us = LEAST_GAP_US
        self._covered_us = max(self._covered_us, end_us)
        self.recording = True

    def interrupted(self, reason: GapReason) -> None:
        """Recording stopped. The first reason counts until recording goes on: the others follow from it."""
        if self.recording:
            self._reason = reason
        self.recording = False

    def explain(self, reason: GapReason) -> None:
        """Now the reason is known better."""
        if not self.recording:
            self._reason = reason

    def look(self, now_us: int) -> None:
        """Write down a gap that still goes on."""
        if not self.recording and now_us - self._covered_us >= self._least_us:
            self._write(Gap(self._key, self._covered_us, now_us, self._reason.value))
