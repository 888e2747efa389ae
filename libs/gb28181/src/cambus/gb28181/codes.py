"""The twenty digits every device, channel and platform is named by (GB/T 28181-2022 annex E, GB-101).

::

    34020000 00 132 0 000001
    centre   |  |   | serial
             |  |   network
             |  type
             industry
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from cambus.gb28181.errors import ProtocolError

CODE_DIGITS: Final = 20
MAX_HOPS: Final = 32
"""Systems a path goes by."""
ALARM_CENTRE_DIGITS: Final = 10
REGION_DIGITS: Final = (2, 4, 6, 8)

VIDEO_CHANNEL_TYPES: Final = frozenset({"131", "132"})
ALARM_INPUT_TYPE: Final = "134"
AUDIO_OUTPUT_TYPE: Final = "137"
AUDIO_INPUT_TYPE: Final = "136"


class NodeKind(Enum):
    """What a code in a catalog stands for."""

    REGION = "region"
    SYSTEM = "system"
    GROUP = "group"
    ORGANISATION = "organisation"
    HOST = "host"
    CHANNEL = "channel"
    ALARM_INPUT = "alarm-input"
    ALARM_OUTPUT = "alarm-output"
    AUDIO_INPUT = "audio-input"
    AUDIO_OUTPUT = "audio-output"
    PERIPHERAL = "peripheral"
    USER = "user"
    OTHER = "other"


_KINDS: Final = {
    "200": NodeKind.SYSTEM,
    "215": NodeKind.GROUP,
    "216": NodeKind.ORGANISATION,
    "131": NodeKind.CHANNEL,
    "132": NodeKind.CHANNEL,
    "134": NodeKind.ALARM_INPUT,
    "135": NodeKind.ALARM_OUTPUT,
    "136": NodeKind.AUDIO_INPUT,
    "137": NodeKind.AUDIO_OUTPUT,
    "140": NodeKind.ALARM_OUTPUT,
}


_RANGES: Final = (  # table E.1
    (range(111, 131), NodeKind.HOST),
    (range(133, 200), NodeKind.PERIPHERAL),
    (range(200, 215), NodeKind.SYSTEM),
    (range(300, 500), NodeKind.USER),
    (range(500, 506), NodeKind.SYSTEM),  # servers of others
)


def is_code(text: str) -> bool:
    """Whether a text is twenty digits."""
    return len(text) == CODE_DIGITS and text.isascii() and text.isdigit()


def kind_of(code: str) -> NodeKind:
    """What a code stands for: by its length first, then by its digits 11 to 13."""
    if not (code.isascii() and code.isdigit()) or len(code) not in {CODE_DIGITS, *REGION_DIGITS}:
        return NodeKind.OTHER
    if len(code) != CODE_DIGITS:
        return NodeKind.REGION
    known = _KINDS.get(code[10:13])
    if known is not None:
        return known
    number = int(code[10:13])
    return next((kind for types, kind in _RANGES if number in types), NodeKind.OTHER)


@dataclass(frozen=True, slots=True)
class Code:
    """A code of twenty digits, taken apart.

    Attributes:
        centre: eight digits: province, city, district, base unit; zeros where it is none.
        industry: two digits.
        type: three digits: what it is.
        network: one digit.
        serial: six digits.
    """

    centre: str
    industry: str
    type: str
    network: str
    serial: str

    @classmethod
    def parse(cls, text: str) -> Code:
        """Take a code apart. Raises ProtocolError where it is not twenty digits."""
        if not is_code(text):
            raise ProtocolError(f"{text[:40]!a} is no code of {CODE_DIGITS} digits")
        return cls(text[:8], text[8:10], text[10:13], text[13], text[14:])

    @property
    def domain(self) -> str:
        """The first ten digits: the SIP domain of a server."""
        return self.centre + self.industry

    @property
    def kind(self) -> NodeKind:
        """What it stands for."""
        return kind_of(str(self))

    def __str__(self) -> str:
        return f"{self.centre}{self.industry}{self.type}{self.network}{self.serial}"


def codes_of_path(text: str | None) -> tuple[str, ...]:
    """The codes of a path such as `X-RoutePath` has, from here on; none where one of them is no code."""
    codes = tuple(each.strip() for each in (text or "").split("-") if each.strip())
    return codes[:MAX_HOPS] if all(map(is_code, codes)) else ()
