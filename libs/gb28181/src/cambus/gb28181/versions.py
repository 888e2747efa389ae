"""Editions of the standard, and what they may be told (GB/T 28181-2022 annex I, GB-230, GB-231)."""

from __future__ import annotations

import re
from enum import Enum
from typing import Final

HEADER: Final = "X-GB-Ver"
_NUMBER = re.compile(r"\s*([0-9]{1,3})(?:\.([0-9]{1,3}))?\s*\Z")


class Version(Enum):
    """An edition, with the number it announces itself by."""

    GB2011 = "1.0"
    GB2011_AMENDED = "1.1"
    GB2016 = "2.0"
    GB2022 = "3.0"

    @classmethod
    def announced(cls, value: str | None) -> Version:
        """The edition of a device by its X-GB-Ver; 2016 where it announces none, or nonsense, 2022 for a later one."""
        match = _NUMBER.match(value or "")
        if match is None:
            return cls.GB2016
        number = (int(match.group(1)), int(match.group(2) or 0))
        known = [each for each in cls if each.number <= number]
        return known[-1] if known else cls.GB2016

    @property
    def number(self) -> tuple[int, int]:
        """For comparing."""
        major, minor = self.value.split(".")
        return int(major), int(minor)

    @property
    def is_2022(self) -> bool:
        """Whether what the edition of 2022 has brought may be sent to it."""
        return self is Version.GB2022

    @property
    def charset(self) -> str:
        """The character set it declares in XML."""
        return "GB18030" if self.is_2022 else "GB2312"
