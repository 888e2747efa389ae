"""Which frames of a stream are written: those somebody wants, and what was kept from just before."""

from collections.abc import Callable, Iterator

from cambus.media.frame import Frame, Kind
from cambus.recorder.cutting import Cut, Cutter
from cambus.recorder.demand import Want
from cambus.recorder.pre_roll import PreRoll


class Selection:
    """Puts frames into the pre-roll or through the cutter; no I/O and no clock.

    Writing begins with the group of pictures in which it was first wanted, and ends with the last one in which it
    was.

    Args:
        make_cutter: makes the cutter; anew after the disk refused something.
        pre_roll: keeps what is not written yet.
    """

    def __init__(self, make_cutter: Callable[[], Cutter], pre_roll: PreRoll) -> None:
        self._make_cutter = make_cutter
        self._cutter = make_cutter()
        self.pre_roll = pre_roll
        self.writing = False

    def push(self, frame: Frame, want: Want) -> Iterator[Cut]:
        """Take a frame at an instant at which that much is wanted."""
        if self.writing and want.trigger is None and frame.kind is Kind.VIDEO and frame.keyframe:
            yield from self.finish()
            self.writing = False
        if not self.writing:
            self.pre_roll.push(frame)
            if want.trigger is not None:
                self._cutter.trigger = want.trigger
                for kept in self.pre_roll.drain(want.from_us):
                    self.writing = True  # not before a keyframe has come
                    yield from self._cutter.push(kept)
            return
        if want.trigger is not None:
            self._cutter.trigger = want.trigger
        self.pre_roll.note_sound(frame)
        yield from self._cutter.push(frame)

    def finish(self) -> Iterator[Cut]:
        """End the open segment: the stream broke off, or is not wanted any longer."""
        yield from self._cutter.finish()

    def stop(self) -> Iterator[Cut]:
        """Nothing is wanted any longer, and nothing more comes: what comes later begins anew."""
        yield from self.finish()
        self.writing = False

    def renew(self) -> None:
        """Begin anew with the next keyframe: what was written last did not reach the disk."""
        self._cutter = self._make_cutter()
