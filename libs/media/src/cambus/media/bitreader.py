"""Bits and Exp-Golomb codes of a parameter set: H.264 §7.2 and §9.1, H.265 §7.2 and §9.2."""

from cambus.media.errors import BitstreamError

#: A parameter set is some tens of bytes; even with all scaling lists it stays far below this.
MAX_BYTES = 4096


class BitReader:
    """Reads an RBSP from its first bit on, most significant bit first.

    Every method raises :class:`cambus.media.errors.BitstreamError` at the end of the data; ``context`` names
    what is being read, for that error's text.
    """

    def __init__(self, rbsp: bytes, context: str) -> None:
        if len(rbsp) > MAX_BYTES:
            raise BitstreamError(f"{len(rbsp)} bytes, at most {MAX_BYTES} are read", context=context)
        self._bits = int.from_bytes(rbsp)
        self._size = len(rbsp) * 8
        self._at = 0
        self.context = context

    @property
    def position(self) -> int:
        """How many bits have been read."""
        return self._at

    def bits(self, count: int) -> int:
        """An unsigned number of ``count`` bits: u(n)."""
        at = self._at + count
        if at > self._size:
            raise self.error(f"{count} bits wanted, {self._size - self._at} left")
        self._at = at
        return (self._bits >> (self._size - at)) & ((1 << count) - 1)

    def flag(self) -> bool:
        """One bit: u(1)."""
        return self.bits(1) == 1

    def skip(self, count: int) -> None:
        """Pass over bits."""
        self.bits(count)

    def ue(self, limit: int = 0xFFFFFFFE) -> int:
        """Read an unsigned Exp-Golomb code; one above ``limit`` is refused."""
        rest = self._size - self._at
        window = self._bits & ((1 << rest) - 1)
        zeros = rest - window.bit_length()
        if window == 0:
            raise self.error("no Exp-Golomb code")
        self._at += zeros
        value = self.bits(zeros + 1) - 1
        if value > limit:
            raise self.error(f"{value}, at most {limit} is allowed")
        return value

    def se(self) -> int:
        """Read a signed Exp-Golomb code."""
        code = self.ue()
        return (code + 1) // 2 if code & 1 else -(code // 2)

    def error(self, text: str) -> BitstreamError:
        """An error at this place."""
        return BitstreamError(text, context=self.context, bit=self._at)
