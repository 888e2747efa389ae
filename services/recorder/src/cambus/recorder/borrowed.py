"""What other recorders lent for an export: parts of their files, in a folder that is removed with it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cambus.recorder.export_movie import Piece
from cambus.recorder.index import Segment
from cambus.schemas.spans import RecordingGap

FOLDER: Final = ".exports"
"""Below the folder of the recordings, on the same disk."""


@dataclass(frozen=True, slots=True)
class Borrowed:
    """What was lent.

    Attributes:
        pieces: the parts of files.
        folder: where they are; None for none.
        replicas: who lent them.
        silent: who did not answer, or not to the end.
        gaps: what nobody has, and why.
    """

    pieces: tuple[Piece, ...] = ()
    folder: Path | None = None
    replicas: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()
    gaps: tuple[RecordingGap, ...] = ()


NOTHING_BORROWED: Final = Borrowed()


def piece_of(root: Path, segment: Segment) -> Piece:
    """A segment of this recorder."""
    return Piece(root / segment.name.path(), segment.start_us, segment.extent.bytes)
