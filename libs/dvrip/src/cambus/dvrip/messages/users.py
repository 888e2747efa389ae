"""Users and groups (DVRIP §7.6): 1470-1488."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cambus.dvrip.values import as_list, as_object, parse_flag


@dataclass(frozen=True, slots=True)
class User:
    """An account on the device; its password hash never leaves ``raw``, which the repr does not show."""

    name: str
    group: str
    authorities: tuple[str, ...] = ()
    memo: str = ""
    reserved: bool = False
    sharable: bool = True
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def parse(cls, value: object) -> "User":
        """Read one element of ``Users``."""
        raw = as_object(value)
        return cls(
            name=str(raw.get("Name", "")),
            group=str(raw.get("Group", "")),
            authorities=tuple(str(item) for item in as_list(raw.get("AuthorityList"))),
            memo=str(raw.get("Memo", "")),
            reserved=parse_flag(raw.get("Reserved")),
            sharable=parse_flag(raw.get("Sharable"), default=True),
            raw=raw,
        )

    def wire(self, password_hash: str = "") -> dict[str, Any]:
        """The JSON of a user to be written; an empty hash keeps the password. Unknown keys are kept."""
        return {
            **self.raw,
            "AuthorityList": list(self.authorities),
            "Group": self.group,
            "Memo": self.memo,
            "Name": self.name,
            "Password": password_hash,
            "Reserved": self.reserved,
            "Sharable": self.sharable,
        }


@dataclass(frozen=True, slots=True)
class Group:
    """A group of users."""

    name: str
    authorities: tuple[str, ...] = ()
    memo: str = ""
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def parse(cls, value: object) -> "Group":
        """Read one element of ``Groups``."""
        raw = as_object(value)
        return cls(
            name=str(raw.get("Name", "")),
            authorities=tuple(str(item) for item in as_list(raw.get("AuthorityList"))),
            memo=str(raw.get("Memo", "")),
            raw=raw,
        )

    def wire(self) -> dict[str, Any]:
        """The JSON of a group to be written."""
        return {**self.raw, "AuthorityList": list(self.authorities), "Memo": self.memo, "Name": self.name}
