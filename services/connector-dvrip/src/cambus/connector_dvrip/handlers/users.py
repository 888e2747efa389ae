"""The accounts on the device (DVRIP §7.6)."""

from pydantic import SecretStr

from cambus.connector.handlers import HandlerTable
from cambus.connector_dvrip.handlers.guarded import add
from cambus.connector_dvrip.mapping.users import native_group, native_user, users_reply
from cambus.connector_dvrip.session import DvripSession
from cambus.dvrip.errors import AuthError, DeviceError, SessionRenewed
from cambus.schemas.commands import users as commands
from cambus.schemas.errors import BadRequest
from cambus.schemas.model import Done, Empty
from cambus.schemas.state.credentials import Credentials


def register(table: HandlerTable[DvripSession]) -> None:
    """Add the commands of this noun."""
    add(table, commands.LIST, list_)
    add(table, commands.ADD, add_user)
    add(table, commands.MODIFY, modify)
    add(table, commands.DELETE, delete)
    add(table, commands.PASSWORD, password)
    add(table, commands.GROUP_ADD, group_add)
    add(table, commands.GROUP_MODIFY, group_modify)
    add(table, commands.GROUP_DELETE, group_delete)


async def list_(session: DvripSession, _request: Empty) -> commands.UsersListReply:
    """List accounts, groups and everything the device can permit."""
    users = session.client.users
    return users_reply(await users.users(), await users.groups(), await users.authorities())


async def add_user(session: DvripSession, request: commands.UsersAddRequest) -> Done:
    """Add an account."""
    await session.client.users.add_user(
        native_user(request.user), request.password.get_secret_value(), confirm=True
    )
    return Done()


async def modify(session: DvripSession, request: commands.UsersModifyRequest) -> Done:
    """Change an account; its password stays."""
    await session.client.users.modify_user(request.name, native_user(request.user), confirm=True)
    return Done()


async def delete(session: DvripSession, request: commands.UsersDeleteRequest) -> Done:
    """Delete an account."""
    await session.client.users.delete_user(request.name, confirm=True)
    return Done()


async def password(session: DvripSession, request: commands.UsersPasswordRequest) -> Done:
    """Change a password.

    For our own account the new one is stored first, beside the old: whatever breaks off in between, one of the two
    opens the device afterwards, and the next login finds out which. A device that says no keeps the old one, and so do
    we.
    """
    own = session.device.credentials if session.facts.called_from is None else None
    new = request.new.get_secret_value()
    # What a device shows when it dials us is kept in its registration, and is none of its accounts.
    if own is None or own.password is None or own.username != request.name:
        if request.old is None:
            raise BadRequest("old: wanted the present password of an account that is not our own")
        old = request.old.get_secret_value()
        await session.client.users.change_password(request.name, old, new, confirm=True)
        return Done()
    hooks = session.device.context.hooks
    both = Credentials(username=request.name, password=SecretStr(new), previous_password=own.password)
    await hooks.replace_credentials(both)
    try:
        await session.client.users.change_password(
            request.name, own.password.get_secret_value(), new, confirm=True
        )
    except (DeviceError, AuthError, SessionRenewed):  # the device has done nothing
        await hooks.replace_credentials(own.model_copy(update={"previous_password": None}))
        raise
    session.device.credentials = both
    return Done()


async def group_add(session: DvripSession, request: commands.GroupsAddRequest) -> Done:
    """Add a group."""
    await session.client.users.add_group(native_group(request.group), confirm=True)
    return Done()


async def group_modify(session: DvripSession, request: commands.GroupsModifyRequest) -> Done:
    """Change a group."""
    await session.client.users.modify_group(request.name, native_group(request.group), confirm=True)
    return Done()


async def group_delete(session: DvripSession, request: commands.GroupsDeleteRequest) -> Done:
    """Delete a group."""
    await session.client.users.delete_group(request.name, confirm=True)
    return Done()
