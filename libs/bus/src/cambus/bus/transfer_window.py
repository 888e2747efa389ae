"""What a transfer holds in memory: the bytes around the furthest one asked for, and the digest of all of them."""

import hashlib

from cambus.schemas.errors import BadRequest, Conflict
from cambus.schemas.transfer import WINDOW_BYTES, TransferResume


class TransferWindow:
    """A stretch of a byte stream that moves on with its reader; holds at most two windows and one write.

    Args:
        resume: what the reader has already; that much is compared instead of being kept.
        window_bytes: kept behind the furthest offset asked for, and taken ahead of it.

    Attributes:
        end: bytes produced so far, from the beginning of the whole.
        asked: the furthest offset asked for.
    """

    def __init__(self, resume: TransferResume | None = None, window_bytes: int = WINDOW_BYTES) -> None:
        self.end = 0
        self._resume = resume if resume is not None and resume.bytes else None
        self._window_bytes = window_bytes
        self._base = self.asked = 0 if self._resume is None else self._resume.bytes
        self._kept = bytearray()
        self._digest = hashlib.sha256()

    @property
    def sha256(self) -> str:
        """The digest of everything produced so far."""
        return self._digest.hexdigest()

    @property
    def has_room(self) -> bool:
        """Whether more may be produced before the reader asks for more."""
        return self.end < self.asked + self._window_bytes

    @property
    def kept_bytes(self) -> int:
        """Bytes held in memory."""
        return len(self._kept)

    def add(self, data: bytes) -> None:
        """Take what was produced next.

        Raises:
            Conflict: it is not what the reader says it has.
        """
        resume = self._resume
        if resume is not None:
            missing = resume.bytes - self.end
            self._digest.update(data[:missing])
            self.end += min(missing, len(data))
            if len(data) < missing:
                return
            data = data[missing:]
            self.check_resumed()
        self._digest.update(data)
        self.end += len(data)
        self._kept += data

    def check_resumed(self) -> None:
        """Compare what the reader has with what was produced; called at the end too, should that be shorter.

        Raises:
            Conflict: it is not the same.
        """
        if self._resume is None:
            return
        if self.end < self._resume.bytes or self.sha256 != self._resume.sha256:
            raise Conflict(
                "what is there already is not what the source gives now; begin anew",
                reason="resume-mismatch",
                retryable=False,
            )
        self._resume = None

    def read(self, offset: int, max_bytes: int) -> bytes:
        """Return what is there from an offset on, at most so much; b"" if nothing has been produced there yet.

        Raises:
            Conflict: it has been given out and forgotten.
            BadRequest: it lies further ahead than the window.
        """
        if offset < self._base:
            raise Conflict(
                "these bytes are no longer held; begin anew with what you have",
                reason="chunk-gone",
                retryable=False,
            )
        if offset > max(self.end, self.asked) + self._window_bytes:
            raise BadRequest("offset: too far ahead", reason="chunk-ahead")
        if offset > self.asked:
            self.asked = offset
            behind = self.asked - self._window_bytes - self._base
            if behind > 0:
                behind = min(behind, len(self._kept))
                del self._kept[:behind]
                self._base += behind
        start = offset - self._base
        return bytes(self._kept[start : start + max_bytes])
