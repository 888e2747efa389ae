"""Trying out what the device does towards others, and cameras behind a recorder (DVRIP §7.7, "others")."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Final

from cambus.dvrip.ids import MessageId
from cambus.dvrip.messages.bodies import named
from cambus.dvrip.objects.model import ConfigObject
from cambus.dvrip.objects.network import NetCommon
from cambus.dvrip.operations.caller import Caller, require_confirm
from cambus.dvrip.operations.config import ConfigOperations
from cambus.dvrip.password import hash_password
from cambus.dvrip.payload import JsonObject

EMAIL: Final = "NetWork.NetEmail"
FTP: Final = "NetWork.NetFTP"


class LoginEncryption(IntEnum):
    """How a recorder logs in at a camera."""

    PLAIN = 0
    MD5 = 1


@dataclass(frozen=True, slots=True)
class CameraAddress:
    """A new address for a camera behind a recorder.

    Attributes:
        user, password: an account of the camera.
        network: the settings, as `NetWork.NetCommon`; addresses go out dotted.
        kind: IPC, DVR, HVR or POEIPC.
        encryption: how the recorder is to log in.
        interface: of the camera.
    """

    user: str
    password: str = field(repr=False)
    network: NetCommon = field(default_factory=NetCommon)
    kind: str = "IPC"
    encryption: LoginEncryption = LoginEncryption.MD5
    interface: str = "eth0"

    def wire(self) -> dict[str, Any]:
        """The value of ``OPDIGSetIP``."""
        is_hashed = self.encryption is LoginEncryption.MD5
        dotted = {
            "GateWay": self.network.gateway,
            "HostIP": self.network.host,
            "Submask": self.network.netmask,
        }
        settings = {**self.network.wire(), **{key: value for key, value in dotted.items() if value}}
        return {
            "devtype": self.kind,
            "LoginCfg": {
                "EncryptType": int(self.encryption),
                "UserName": self.user,
                "Password": hash_password(self.password) if is_hashed else self.password,
            },
            "Netcfg": {"DefaultInterface": self.interface, self.interface: settings},
        }


class ServiceOperations:
    """Tests, and requests of later firmware, by the generic call."""

    def __init__(self, caller: Caller, config: ConfigOperations) -> None:
        self._caller = caller
        self._config = config

    async def test_mail(self, settings: ConfigObject | Mapping[str, Any] | None = None) -> None:
        """Have the device send a mail (1636) with these settings, or with its own.

        Raises:
            DvripError: it could not.
        """
        await self._test(MessageId.MAIL_TEST, "OPMailTest", EMAIL, settings)

    async def test_ftp(self, settings: ConfigObject | Mapping[str, Any] | None = None) -> None:
        """Have the device store something by FTP (2008) with these settings, or with its own.

        Raises:
            DvripError: it could not.
        """
        await self._test(MessageId.FTP_TEST, "OPFTPTest", FTP, settings)

    async def set_camera_address(self, address: CameraAddress, *, confirm: bool = False) -> None:
        """Give a camera behind a recorder another address (1652).

        Raises:
            Refused: not confirmed.
            DvripError: the recorder refused.
        """
        require_confirm("setting the address of a camera", confirm=confirm)
        body = named("OPDIGSetIP", address.wire())
        await self._caller.call(MessageId.IPC_ADDRESS_SET, body, label="setting the address of a camera")

    async def random_user(self) -> JsonObject:
        """What the device says about its random account (1660); replies may lack a code and a session.

        Raises:
            DvripError: it has none.
        """
        reply = await self._caller.call(MessageId.RANDOM_USER, {"Name": "GetRandomUser"}, label="random user")
        return {key: value for key, value in reply.body.items() if key not in {"Name", "Ret", "SessionID"}}

    async def _test(
        self, message_id: int, name: str, config: str, settings: ConfigObject | Mapping[str, Any] | None
    ) -> None:
        if settings is None:
            settings = await self._config.get(config)
            settings = settings[0] if isinstance(settings, list) and settings else settings
        value = settings.wire() if isinstance(settings, ConfigObject) else settings
        await self._caller.call(message_id, named(name, value), label=name)
