"""Accounts on the device (DVRIP §7.6). Changes need ``confirm=True``."""

from collections.abc import Mapping
from typing import Any

from cambus.dvrip.ids import MessageId
from cambus.dvrip.messages.users import Group, User
from cambus.dvrip.operations.caller import Caller, require_confirm
from cambus.dvrip.password import hash_password
from cambus.dvrip.values import as_list


class UserOperations:
    """Users, groups and authorities."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    async def authorities(self) -> list[str]:
        """Every right the device knows."""
        reply = await self._caller.call(MessageId.AUTHORITY_LIST, {}, label="authorities")
        return [str(item) for item in as_list(reply.body.get("AuthorityList"))]

    async def users(self) -> list[User]:
        """All accounts."""
        reply = await self._caller.call(MessageId.USERS_GET, {}, label="users")
        return [User.parse(item) for item in as_list(reply.body.get("Users"))]

    async def groups(self) -> list[Group]:
        """All groups."""
        reply = await self._caller.call(MessageId.GROUPS_GET, {}, label="groups")
        return [Group.parse(item) for item in as_list(reply.body.get("Groups"))]

    async def add_user(self, user: User, password: str, *, confirm: bool = False) -> None:
        """Create an account."""
        body = {"Name": "User", "User": user.wire(hash_password(password))}
        await self._change(MessageId.USER_ADD, body, "adding a user", confirm=confirm)

    async def modify_user(self, name: str, user: User, password: str = "", *, confirm: bool = False) -> None:
        """Change the account ``name``; an empty password keeps the one it has."""
        body = {"UserName": name, "User": user.wire(hash_password(password) if password else "")}
        await self._change(MessageId.USER_MODIFY, body, "modifying a user", confirm=confirm)

    async def delete_user(self, name: str, *, confirm: bool = False) -> None:
        """Delete an account."""
        await self._change(MessageId.USER_DELETE, {"Name": name}, "deleting a user", confirm=confirm)

    async def add_group(self, group: Group, *, confirm: bool = False) -> None:
        """Create a group."""
        body = {"Name": "Group", "Group": group.wire()}
        await self._change(MessageId.GROUP_ADD, body, "adding a group", confirm=confirm)

    async def modify_group(self, name: str, group: Group, *, confirm: bool = False) -> None:
        """Change the group ``name``."""
        body = {"GroupName": name, "Group": group.wire()}
        await self._change(MessageId.GROUP_MODIFY, body, "modifying a group", confirm=confirm)

    async def delete_group(self, name: str, *, confirm: bool = False) -> None:
        """Delete a group."""
        await self._change(MessageId.GROUP_DELETE, {"Name": name}, "deleting a group", confirm=confirm)

    async def change_password(self, name: str, old: str, new: str, *, confirm: bool = False) -> None:
        """Change a password, knowing the old one. If it is our own, the caller has to store the new one."""
        body = {
            "EncryptType": "MD5",
            "NewPassWord": hash_password(new),
            "PassWord": hash_password(old),
            "UserName": name,
        }
        await self._change(MessageId.PASSWORD_CHANGE, body, "changing a password", confirm=confirm)

    async def _change(self, message_id: int, body: Mapping[str, Any], what: str, *, confirm: bool) -> None:
        require_confirm(what, confirm=confirm)
        await self._caller.call(message_id, body, label=what)
