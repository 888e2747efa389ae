"""Answers about users and groups (DVRIP §7.6)."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from cambus.dvrip.codes import ReturnCode
from cambus.dvrip.device_backend import Request
from cambus.dvrip.device_wire import Reply
from cambus.dvrip.ids import MessageId
from cambus.dvrip.values import as_object
from cambus.simulators.dvrip.answers import Handler, answer

if TYPE_CHECKING:
    from cambus.simulators.dvrip.device import SimulatedDevice


class AccountAnswers:
    """Who may use the device."""

    def __init__(self, device: "SimulatedDevice") -> None:
        self._device = device

    def handlers(self) -> Mapping[int, Handler]:
        """The operations answered here."""
        return {
            MessageId.AUTHORITY_LIST: lambda _: answer("", AuthorityList=self._device.accounts.known),
            MessageId.USERS_GET: self._users,
            MessageId.GROUPS_GET: self._groups,
            MessageId.GROUP_ADD: lambda request: self._device.accounts.add_group(request.section("Group")),
            MessageId.GROUP_MODIFY: self._modify_group,
            MessageId.GROUP_DELETE: lambda request: self._device.accounts.delete_group(request.name),
            MessageId.USER_ADD: self._add_user,
            MessageId.USER_MODIFY: self._modify_user,
            MessageId.USER_DELETE: self._delete_user,
            MessageId.PASSWORD_CHANGE: self._password,
        }

    def _users(self, _request: Request) -> Reply:
        return answer("", Users=[user.as_json() for user in self._device.accounts.users.values()])

    def _groups(self, _request: Request) -> Reply:
        return answer("", Groups=[group.as_json() for group in self._device.accounts.groups.values()])

    def _modify_group(self, request: Request) -> int:
        name = str(request.body.get("GroupName", ""))
        return self._device.accounts.modify_group(name, request.section("Group"))

    def _add_user(self, request: Request) -> int:
        section = request.section("User")
        code = self._device.accounts.add_user(section)
        if code == ReturnCode.OK:
            self._device.note("AddUser", str(section.get("Name", "")))
        return code

    def _modify_user(self, request: Request) -> int:
        name = str(request.body.get("UserName", ""))
        return self._device.accounts.modify_user(name, as_object(request.body.get("User")))

    def _delete_user(self, request: Request) -> int:
        logged_in = [session.user for session in self._device.role.sessions]
        code = self._device.accounts.delete_user(request.name, logged_in)
        if code == ReturnCode.OK:
            self._device.note("DeleteUser", request.name)
        return code

    def _password(self, request: Request) -> int:
        body: Mapping[str, object] = request.body
        name = str(body.get("UserName", ""))
        code = self._device.accounts.change_password(
            name,
            str(body.get("PassWord", "")),
            str(body.get("NewPassWord", "")),
            str(body.get("EncryptType", "MD5")),
        )
        if code == ReturnCode.OK:
            self._device.note("ModifyPassword", name)
        return code
