"""Users and groups with the rules of DVRIP §7.6. Passwords are kept as the login hash, which is itself a secret."""

import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from cambus.dvrip.codes import ReturnCode
from cambus.dvrip.password import hash_password
from cambus.dvrip.values import as_list, as_object

_FIXED: Final = [
    "ShutDown",
    "ChannelTitle",
    "RecordConfig",
    "Backup",
    "StorageManager",
    "PTZControl",
    "ElecPTZControl",
    "Account",
    "SysInfo",
    "QueryLog",
    "DelLog",
    "SysUpgrade",
    "AutoMaintain",
    "TourConfig",
    "TVadjustConfig",
    "GeneralConfig",
    "EncodeConfig",
    "CommConfig",
    "NetConfig",
    "AlarmConfig",
    "VideoConfig",
    "PtzConfig",
    "DefaultConfig",
    "ImExport",
    "IPCCamera",
    "DigitalManager",
    "Talk_01",
]


def all_authorities(channels: int) -> list[str]:
    """Every authority a device with so many channels knows."""
    return [
        *_FIXED,
        *(f"Monitor_{number:02d}" for number in range(1, channels + 1)),
        *(f"Replay_{number:02d}" for number in range(1, channels + 1)),
    ]


@dataclass(slots=True)
class Group:
    """A set of authorities its users may have."""

    name: str
    authorities: list[str]
    memo: str = ""

    def as_json(self) -> dict[str, Any]:
        """As 1475 carries it."""
        return {"AuthorityList": self.authorities, "Memo": self.memo, "Name": self.name}


@dataclass(slots=True)
class User:
    """An account; ``secret`` is the login hash."""

    name: str
    group: str
    authorities: list[str]
    secret: str = field(repr=False)
    memo: str = ""
    reserved: bool = False
    sharable: bool = True

    def as_json(self) -> dict[str, Any]:
        """As 1473 carries it: with the hash, as devices do."""
        return {
            "AuthorityList": self.authorities,
            "Group": self.group,
            "Memo": self.memo,
            "Name": self.name,
            "Password": self.secret,
            "Reserved": self.reserved,
            "Sharable": self.sharable,
        }


class Accounts:
    """The accounts of a device; every change returns the code of DVRIP §16."""

    def __init__(self, user: str, password: str, channels: int) -> None:
        self.known = all_authorities(channels)
        watching = [name for name in self.known if name.startswith(("Monitor_", "Replay_"))]
        self.groups = {
            "admin": Group("admin", list(self.known), "administrator group"),
            "user": Group("user", [*watching, "PTZControl", "QueryLog"], "user group"),
        }
        self.users = {
            user: User(user, "admin", list(self.known), hash_password(password), reserved=True),
        }
        self._plain = {user: password}

    def check(self, user: str, secret: str, encryption: str) -> int:
        """100, 204 for an unknown user, 203 for a wrong password, 102 for an encryption nobody knows here."""
        account = self.users.get(user)
        if encryption not in {"MD5", "NONE"}:
            return ReturnCode.UNSUPPORTED
        if account is None:
            return ReturnCode.ILLEGAL_USER
        given = hash_password(secret) if encryption == "NONE" else secret
        same = hmac.compare_digest(given.encode(), account.secret.encode())
        return ReturnCode.OK if same else ReturnCode.WRONG_PASSWORD

    def secret_of(self, user: str) -> tuple[str, str]:
        """Password (empty once it was changed by its hash) and hash of a user, for registering with a platform."""
        return self._plain.get(user, ""), self.users[user].secret

    def may(self, user: str, authority: str) -> bool:
        """Whether the user has an authority."""
        account = self.users.get(user)
        return account is not None and authority in account.authorities

    # ---- groups

    def add_group(self, fields: Mapping[str, Any]) -> int:
        """1476."""
        group = _group(fields)
        if not group.name:
            return ReturnCode.BAD_INPUT
        if group.name in self.groups:
            return ReturnCode.GROUP_EXISTS
        if not self._within(group.authorities, self.known):
            return ReturnCode.RIGHTS_EXCEED_PARENT
        self.groups[group.name] = group
        return ReturnCode.OK

    def modify_group(self, name: str, fields: Mapping[str, Any]) -> int:
        """1478; users of the group lose what the group loses."""
        group = _group(fields)
        group.name = group.name or name
        if name not in self.groups:
            return ReturnCode.NO_SUCH_GROUP
        if group.name != name and group.name in self.groups:
            return ReturnCode.GROUP_EXISTS
        if not self._within(group.authorities, self.known):
            return ReturnCode.RIGHTS_EXCEED_PARENT
        del self.groups[name]
        self.groups[group.name] = group
        for user in self.users.values():
            if user.group == name:
                user.group = group.name
                user.authorities = [each for each in user.authorities if each in group.authorities]
        return ReturnCode.OK

    def delete_group(self, name: str) -> int:
        """1480."""
        if name not in self.groups:
            return ReturnCode.NO_SUCH_GROUP
        if any(user.group == name for user in self.users.values()):
            return ReturnCode.IN_USE
        del self.groups[name]
        return ReturnCode.OK

    # ---- users

    def add_user(self, fields: Mapping[str, Any]) -> int:
        """1482; ``Password`` is the hash."""
        user = _user(fields)
        if not user.name:
            return ReturnCode.BAD_INPUT
        if user.name in self.users:
            return ReturnCode.USER_EXISTS
        code = self._fits(user)
        if code == ReturnCode.OK:
            self.users[user.name] = user
        return code

    def modify_user(self, name: str, fields: Mapping[str, Any]) -> int:
        """1484; an empty ``Password`` keeps the old one."""
        old = self.users.get(name)
        if old is None:
            return ReturnCode.NO_SUCH_USER
        user = _user({**old.as_json(), **fields})
        if user.name != name and user.name in self.users:
            return ReturnCode.USER_EXISTS
        code = self._fits(user)
        if code == ReturnCode.OK:
            user.secret = user.secret or old.secret
            user.reserved = old.reserved
            del self.users[name]
            self.users[user.name] = user
            if user.secret != old.secret:
                self._plain.pop(name, None)
        return code

    def delete_user(self, name: str, logged_in: Iterable[str]) -> int:
        """1486."""
        user = self.users.get(name)
        if user is None:
            return ReturnCode.NO_SUCH_USER
        if user.reserved:
            return ReturnCode.RESERVED_ACCOUNT
        if name in set(logged_in):
            return ReturnCode.IN_USE
        del self.users[name]
        return ReturnCode.OK

    def change_password(self, name: str, old: str, new: str, encryption: str) -> int:
        """1488; both passwords as hashes, or plain with ``NONE``."""
        code = self.check(name, old, encryption)
        if code == ReturnCode.ILLEGAL_USER:
            return ReturnCode.NO_SUCH_USER
        if code != ReturnCode.OK:
            return code
        if not new:
            return ReturnCode.BAD_PASSWORD_FORMAT
        self.users[name].secret = hash_password(new) if encryption == "NONE" else new
        self._plain.pop(name, None)
        return ReturnCode.OK

    def _fits(self, user: User) -> int:
        group = self.groups.get(user.group)
        if group is None:
            return ReturnCode.NO_SUCH_GROUP
        inside = self._within(user.authorities, group.authorities)
        return ReturnCode.OK if inside else ReturnCode.RIGHTS_EXCEED_PARENT

    @staticmethod
    def _within(some: Iterable[str], others: Iterable[str]) -> bool:
        return set(some) <= set(others)


def _group(fields: Mapping[str, Any]) -> Group:
    authorities = [str(each) for each in as_list(fields.get("AuthorityList"))]
    return Group(str(fields.get("Name", "")), authorities, str(fields.get("Memo", "")))


def _user(fields: Mapping[str, Any]) -> User:
    known = as_object(dict(fields))
    return User(
        name=str(known.get("Name", "")),
        group=str(known.get("Group", "")),
        authorities=[str(each) for each in as_list(known.get("AuthorityList"))],
        secret=str(known.get("Password", "")),
        memo=str(known.get("Memo", "")),
        sharable=bool(known.get("Sharable", True)),
    )
