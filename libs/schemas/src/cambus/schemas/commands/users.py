"""The accounts on the device."""

from pydantic import Field

from cambus.schemas.model import Confirmed, Done, Empty, Message, Secret, example
from cambus.schemas.spec import CommandSpec

_CONFIRM = "Must be true: who may use the device changes."


class DeviceUser(Message):
    """One account; its password is never read."""

    model_config = example(
        name="guard",
        group="user",
        memo="night shift",
        authorities=["Monitor_01"],
        reserved=False,
        shareable=True,
    )

    name: str = Field(min_length=1, max_length=64, description="The name to log in with.")
    group: str = Field(default="", max_length=64, description="Its group or level on the device.")
    memo: str = Field(default="", max_length=256, description="A remark; untrusted text.")
    authorities: list[str] = Field(
        default_factory=list, max_length=1000, description="What it may do, in the device's own words."
    )
    reserved: bool = Field(default=False, description="True if the device does not let it be deleted.")
    shareable: bool = Field(default=True, description="Whether several sessions may use it at a time.")


class DeviceGroup(Message):
    """One group of accounts."""

    model_config = example(name="user", memo="viewers", authorities=["Monitor_01", "Replay_01"])

    name: str = Field(min_length=1, max_length=64, description="The name of the group.")
    memo: str = Field(default="", max_length=256, description="A remark; untrusted text.")
    authorities: list[str] = Field(
        default_factory=list,
        max_length=1000,
        description="What its members may do at most, in the device's own words.",
    )


class UsersListReply(Message):
    """The accounts, groups and authorities of the device."""

    model_config = example(
        users=[{"name": "admin", "group": "admin", "reserved": True}],
        groups=[{"name": "admin"}, {"name": "user"}],
        authorities=["ShutDown", "Monitor_01"],
    )

    users: list[DeviceUser] = Field(description="The accounts.")
    groups: list[DeviceGroup] = Field(
        default_factory=list, description="The groups; none where there are no groups."
    )
    authorities: list[str] = Field(default_factory=list, description="Everything the device can permit.")


class UsersAddRequest(Message):
    """Add an account."""

    model_config = example(
        user={"name": "guard", "group": "user"},
        password="Str0ng-and-new",  # noqa: S106  # an example, the password of nothing
        confirm=True,
    )

    user: DeviceUser = Field(description="The account.")
    password: Secret = Field(description="Its password.")
    confirm: Confirmed = Field(description=_CONFIRM)


class UsersModifyRequest(Message):
    """Change an account, not its password."""

    model_config = example(
        name="guard", user={"name": "guard", "group": "user", "memo": "day shift"}, confirm=True
    )

    name: str = Field(min_length=1, max_length=64, description="The present name of the account.")
    user: DeviceUser = Field(description="What the account is to be; it may have another name.")
    confirm: Confirmed = Field(description=_CONFIRM)


class UsersDeleteRequest(Message):
    """Delete an account."""

    model_config = example(name="guard", confirm=True)

    name: str = Field(min_length=1, max_length=64, description="The name of the account.")
    confirm: Confirmed = Field(description=_CONFIRM)


class UsersPasswordRequest(Message):
    """Change the password of an account."""

    model_config = example(name="guard", old=None, new="0ther-and-better", confirm=True)

    name: str = Field(min_length=1, max_length=64, description="The name of the account.")
    old: Secret | None = Field(
        default=None,
        description="The present password, where the device wants it; None if it is the account Cambus "
        "itself uses.",
    )
    new: Secret = Field(
        description="The new password; for the account Cambus uses it is stored before it is sent."
    )
    confirm: Confirmed = Field(description=_CONFIRM)


class GroupsAddRequest(Message):
    """Add a group."""

    model_config = example(group={"name": "night", "authorities": ["Monitor_01"]}, confirm=True)

    group: DeviceGroup = Field(description="The group.")
    confirm: Confirmed = Field(description=_CONFIRM)


class GroupsModifyRequest(Message):
    """Change a group."""

    model_config = example(name="night", group={"name": "night", "memo": "night shift"}, confirm=True)

    name: str = Field(min_length=1, max_length=64, description="The present name of the group.")
    group: DeviceGroup = Field(description="What the group is to be; it may have another name.")
    confirm: Confirmed = Field(description=_CONFIRM)


class GroupsDeleteRequest(Message):
    """Delete a group without members."""

    model_config = example(name="night", confirm=True)

    name: str = Field(min_length=1, max_length=64, description="The name of the group.")
    confirm: Confirmed = Field(description=_CONFIRM)


LIST = CommandSpec(
    "device", "users.list", Empty, UsersListReply, "List accounts, groups and authorities.", idempotent=True
)
ADD = CommandSpec("device", "users.add", UsersAddRequest, Done, "Add an account.", confirm=True)
MODIFY = CommandSpec("device", "users.modify", UsersModifyRequest, Done, "Change an account.", confirm=True)
DELETE = CommandSpec("device", "users.delete", UsersDeleteRequest, Done, "Delete an account.", confirm=True)
PASSWORD = CommandSpec(
    "device", "users.password", UsersPasswordRequest, Done, "Change the password of an account.", confirm=True
)
GROUP_ADD = CommandSpec(
    "device", "groups.add", GroupsAddRequest, Done, "Add a group of accounts.", confirm=True
)
GROUP_MODIFY = CommandSpec(
    "device", "groups.modify", GroupsModifyRequest, Done, "Change a group.", confirm=True
)
GROUP_DELETE = CommandSpec(
    "device", "groups.delete", GroupsDeleteRequest, Done, "Delete a group.", confirm=True
)
