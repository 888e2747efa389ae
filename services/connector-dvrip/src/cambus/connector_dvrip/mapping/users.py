"""Accounts and groups of the device."""

from collections.abc import Iterable

from cambus.connector_dvrip.mapping.native import text
from cambus.dvrip.messages.users import Group, User
from cambus.schemas.commands.users import DeviceGroup, DeviceUser, UsersListReply


def users_reply(users: Iterable[User], groups: Iterable[Group], authorities: Iterable[str]) -> UsersListReply:
    """The answer to `device.users.list`; no password, nor its hash, is in it."""
    return UsersListReply(
        users=[
            DeviceUser(
                name=text(user.name, 64) or "?",
                group=text(user.group, 64),
                memo=text(user.memo),
                authorities=[text(name) for name in user.authorities[:1000]],
                reserved=user.reserved,
                shareable=user.sharable,
            )
            for user in users
        ],
        groups=[
            DeviceGroup(
                name=text(group.name, 64) or "?",
                memo=text(group.memo),
                authorities=[text(name) for name in group.authorities[:1000]],
            )
            for group in groups
        ],
        authorities=[text(name) for name in authorities],
    )


def native_user(user: DeviceUser) -> User:
    """An account as the device takes it."""
    return User(
        name=user.name,
        group=user.group,
        authorities=tuple(user.authorities),
        memo=user.memo,
        reserved=user.reserved,
        sharable=user.shareable,
    )


def native_group(group: DeviceGroup) -> Group:
    """A group as the device takes it."""
    return Group(name=group.name, authorities=tuple(group.authorities), memo=group.memo)
