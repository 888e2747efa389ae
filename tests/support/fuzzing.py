"""A small fuzzer: inputs made by chance from good ones, and from those that led somewhere new.

All chance comes from a seed, so a campaign of so many inputs is the same one everywhere. An input that breaks its
target is made shorter and told in hex, with what to type to have it again.
"""

import random
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Final, TypeVar

Item = TypeVar("Item")

#: Inputs kept because they led somewhere new.
MAX_CORPUS: Final = 400
MAX_INPUT_BYTES: Final = 32 * 1024
#: Tries to make a broken input shorter.
SHORTENINGS: Final = 600
_NUMBERS: Final = re.compile(r"0x[0-9a-fA-F]+|\d+|'.*|\".*")
_VALUES: Final = re.compile(rb'"[^"]{0,200}"|-?\d[\d.]*|true|false|null|\[\]|{}')
_EDGES: Final = (
    0,
    1,
    2,
    7,
    8,
    16,
    20,
    31,
    32,
    127,
    128,
    255,
    256,
    0x7FFF,
    0x8000,
    0xFFFF,
    0x7FFFFFFF,
    0xFFFFFFFF,
)


@dataclass(frozen=True)
class Target:
    """Something that is given bytes of a stranger.

    Attributes:
        name: what to call it.
        run: takes an input; must end, and raise nothing but ``errors``. What it returns tells one way through the
            code from another.
        good: inputs to begin with.
        errors: what it may raise.
        tokens: words of its language.
    """

    name: str
    run: Callable[[bytes], object]
    good: tuple[bytes, ...]
    errors: tuple[type[Exception], ...] = ()
    tokens: tuple[bytes, ...] = ()


class Broken(AssertionError):
    """A target raised what it must not, or took too long over one input."""


class Campaign:
    """One run against one target.

    Args:
        target: see there.
        seed: makes the same inputs again.
        longest_s: processor seconds one input may take; None for any.
    """

    def __init__(self, target: Target, seed: int, *, longest_s: float | None = None) -> None:
        self.target = target
        self.seed = seed
        self.tried = 0
        self._longest_s = longest_s
        self._random = random.Random(f"{seed}/{target.name}")
        self._corpus = list(target.good)
        self._outcomes: set[str] = set()

    @property
    def outcomes(self) -> int:
        """How many different ways through the target were found."""
        return len(self._outcomes)

    def run(self, *, inputs: int | None = None, seconds: float | None = None) -> None:
        """Try the good inputs, then so many others, or others for so long.

        Raises:
            Broken: with the input.
        """
        for data in self.target.good:
            self._try(data)
        until = None if seconds is None else time.monotonic() + seconds
        while (inputs is None or self.tried < inputs) and (until is None or time.monotonic() < until):
            self._try(self._mutated())

    def _try(self, data: bytes) -> None:
        self.tried += 1
        began = time.thread_time()
        try:
            outcome = self._outcome(data)
        except Exception as error:
            short = self._shortened(data, type(error))
            raise Broken(self._report(short, f"{type(error).__name__}: {error}")) from error
        except BaseException:  # a timeout of the test run, or somebody's patience
            print(self._report(data, "not finished"))
            raise
        spent = time.thread_time() - began
        if self._longest_s is not None and spent > self._longest_s:
            raise Broken(self._report(data, f"took {spent:.1f} s"))
        if outcome not in self._outcomes:
            self._outcomes.add(outcome)
            if len(self._corpus) < MAX_CORPUS:
                self._corpus.append(data)
            else:
                self._corpus[self._random.randrange(MAX_CORPUS)] = data

    def _outcome(self, data: bytes) -> str:
        try:
            return str(self.target.run(data))[:200]
        except self.target.errors as error:
            return _NUMBERS.sub("#", f"{type(error).__name__} {error}")[:60]

    def _shortened(self, data: bytes, kind: type[Exception]) -> bytes:
        left = SHORTENINGS
        size = len(data) // 2
        while size and left:
            at = 0
            while at < len(data) and left:
                left -= 1
                shorter = data[:at] + data[at + size :]
                if self._breaks(shorter, kind):
                    data = shorter
                else:
                    at += size
            size //= 2
        return data

    def _breaks(self, data: bytes, kind: type[Exception]) -> bool:
        try:
            self._outcome(data)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is compared
            return type(error) is kind
        return False

    def _report(self, data: bytes, what: str) -> str:
        again = f"make fuzz FUZZ_TARGET={self.target.name} FUZZ_HEX={data.hex()}"
        return f"{self.target.name}: {what}\ninput {self.tried} of seed {self.seed}; again: {again}"

    # --- chance

    def _mutated(self) -> bytes:
        draw = self._random
        data = bytearray(draw.choice(self._corpus))
        for _ in range(draw.choice((1, 1, 1, 2, 2, 3, 5, 9))):
            self._mutate(data)
        return bytes(data[:MAX_INPUT_BYTES])

    def _mutate(self, data: bytearray) -> None:
        draw = self._random
        at = draw.randrange(len(data) + 1)
        match draw.randrange(13):
            case 0 if at < len(data):
                data[at] ^= 1 << draw.randrange(8)
            case 1 if at < len(data):
                data[at] = draw.randrange(256)
            case 2:
                data[at:at] = draw.randbytes(draw.choice((1, 1, 2, 4, 8, 40)))
            case 3:
                del data[at : at + draw.choice((1, 1, 2, 4, 8, 40))]
            case 4:
                width = draw.choice((1, 2, 4))
                edge = draw.choice(_EDGES) & (1 << 8 * width) - 1
                data[at : at + width] = edge.to_bytes(width, draw.choice(("little", "big")))
            case 5:
                piece = data[at : at + draw.randrange(1, 60)]
                data[at:at] = piece * draw.choice((1, 1, 2, 30))
            case 6:
                other = draw.choice(self._corpus)
                start = draw.randrange(len(other) + 1)
                data[at:] = other[start:]
            case 7 if self.target.tokens:
                data[at:at] = draw.choice(self.target.tokens)
            case 8 | 9 | 10 | 11 if values := list(islice(_VALUES.finditer(data), 200)):
                spot = draw.choice(values)
                other = draw.choice(values)[0] if draw.random() < 0.3 else None
                data[spot.start() : spot.end()] = other or draw.choice(self.target.tokens or (b"",))
            case _:
                del data[at:]


class Script:
    """An input read as instructions: for targets that are told several things in turn."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def __bool__(self) -> bool:
        return self._at < len(self._data)

    def byte(self) -> int:
        """The next byte; 0 when there is none."""
        value = self._data[self._at] if self else 0
        self._at += 1
        return value

    def take(self, size: int) -> bytes:
        """So many bytes, or what is left."""
        piece = self._data[self._at : self._at + size]
        self._at += size
        return piece

    def one_of(self, items: tuple[Item, ...]) -> Item:
        """One of these, as the next byte says."""
        return items[self.byte() % len(items)]


def pieces(data: bytes, size: int) -> Iterable[bytes]:
    """``data`` cut into pieces of one size, at most 64 of them and the rest."""
    size = max(size, 1, len(data) // 64)
    return (data[at : at + size] for at in range(0, len(data), size))
