"""One rising time line out of several: a connector that starts anew begins its time anew, its viewers do not."""

from typing import Final

from cambus.media.frame import Frame, Kind

_STEP: Final = 3600
"""Ticks of 90 kHz between the last picture before a restart and the first behind it: 40 ms."""


class Continuity:
    """Shifts the frames behind a step backwards so that decode times go on rising."""

    def __init__(self) -> None:
        self._offset = 0
        self._last_dts: int | None = None

    def follow(self, frame: Frame) -> Frame:
        """The frame on the rising time line; the very same frame while nothing ever stepped back."""
        if frame.kind is Kind.VIDEO:
            dts = frame.dts + self._offset
            if self._last_dts is not None and dts <= self._last_dts:
                self._offset += self._last_dts + _STEP - dts
            self._last_dts = frame.dts + self._offset
        if not self._offset:
            return frame
        return frame._replace(pts=frame.pts + self._offset, dts=frame.dts + self._offset)
