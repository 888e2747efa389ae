"""The receiving side of a firmware upgrade (DVRIP §13): takes the image, reports progress, reboots."""

import hashlib
import re
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from cambus.dvrip.codes import ReturnCode
from cambus.dvrip.device_backend import Request
from cambus.dvrip.device_connection import DeviceConnection, Ending
from cambus.dvrip.device_role import DeviceRole
from cambus.dvrip.device_sessions import Session
from cambus.dvrip.device_wire import JsonReply, Reply
from cambus.dvrip.ids import MessageId

if TYPE_CHECKING:
    from cambus.simulators.dvrip.device import SimulatedDevice

_NAME: Final = "OPSystemUpgrade"
#: Progress goes in steps of so many per cent, so many seconds apart.
_STEP: Final = 10
_STEP_S: Final = 0.02
#: An image longer than this is refused (513): the device has no room for it.
MAX_IMAGE_BYTES: Final = 256 * 1024 * 1024


class UpgradeState(Enum):
    """Where an upgrade is."""

    IDLE = "idle"
    RECEIVING = "receiving"
    WRITING = "writing"


@dataclass(frozen=True, slots=True)
class FirmwareImage:
    """An image that arrived whole."""

    sha256: str
    size_bytes: int
    packets: int
    result: int


class UpgradeDesk:
    """One upgrade at a time.

    Attributes:
        state: see `UpgradeState`.
        progress: per cent written.
        images: every image that arrived whole, newest last.
        starts: how many upgrades were begun, to prove that none was begun twice.
    """

    def __init__(self, device: "SimulatedDevice") -> None:
        self._device = device
        self.state = UpgradeState.IDLE
        self.progress = 0
        self.images: list[FirmwareImage] = []
        self.starts = 0
        self._session: Session | None = None
        self._connection: DeviceConnection | None = None
        self._digest = hashlib.sha256()
        self._bytes = 0
        self._packets = 0

    @property
    def received_bytes(self) -> int:
        """Bytes of the image being received."""
        return self._bytes

    def info(self, _request: Request) -> Reply:
        """1525."""
        device = self._device
        body = {
            "Hardware": device.identity.hardware,
            "LogoArea": {"Begin": "0x00780000", "End": "0x007B0000"},
            "LogoPartType": "cramfs",
            "Serial": device.identity.serial,
            "Vendor": device.identity.vendor,
        }
        return JsonReply({"Name": _NAME, _NAME: body, "Ret": int(ReturnCode.OK)})

    def control(self, request: Request) -> Reply | int:
        """1520 Start and Abort."""
        quirks = self._device.quirks
        action = str(request.section(_NAME).get("Action", "Start"))
        if action == "Abort":
            if self.state is not UpgradeState.RECEIVING:
                return ReturnCode.ILLEGAL_REQUEST
            self.cancel()
            return self._answer(ReturnCode.OK)
        if action != "Start":
            return ReturnCode.ILLEGAL_REQUEST
        if self.state is not UpgradeState.IDLE:
            return ReturnCode.UPGRADE_ALREADY_STARTED
        if quirks.upgrade_start_code != ReturnCode.OK:
            return quirks.upgrade_start_code
        self.state, self.progress = UpgradeState.RECEIVING, 0
        self.starts += 1
        self._session, self._connection = request.session, request.connection
        self._digest, self._bytes, self._packets = hashlib.sha256(), 0, 0
        return self._answer(ReturnCode.OK)

    def data(self, request: Request) -> Reply | int | None:
        """1522: a piece of the image, or its end."""
        quirks = self._device.quirks
        if self.state is not UpgradeState.RECEIVING or request.session is not self._session:
            return ReturnCode.UPGRADE_NOT_STARTED
        self._digest.update(request.payload)
        self._bytes += len(request.payload)
        self._packets += 1
        if self._packets == quirks.upgrade_bad_packet or self._bytes > MAX_IMAGE_BYTES:
            self.cancel()
            return ReturnCode.UPGRADE_DATA_ERROR
        if self._packets == quirks.upgrade_reboot_packet:
            self.cancel()
            self._device.reboot()
            return None
        if request.header.current_or_end == 1:
            self._received(request)
            if quirks.upgrade_close_after_end:
                return None
        if self._packets == quirks.upgrade_silent_packet:
            return None
        return self._answer(ReturnCode.OK)

    def cancel(self) -> None:
        """Forget an upgrade that did not get all its data."""
        self.state = UpgradeState.IDLE
        self._session = self._connection = None

    def session_closed(self, session: Session) -> None:
        """Who sent the image is gone: before the end that is the end, after it writing goes on."""
        if session is self._session and self.state is UpgradeState.RECEIVING:
            self.cancel()

    def as_json(self) -> dict[str, Any]:
        """The state for the control API."""
        return {
            "state": self.state.value,
            "progress": self.progress,
            "received_bytes": self._bytes,
            "starts": self.starts,
            "images": [
                {
                    "sha256": each.sha256,
                    "bytes": each.size_bytes,
                    "packets": each.packets,
                    "result": each.result,
                }
                for each in self.images
            ],
        }

    def _received(self, request: Request) -> None:
        quirks, role = self._device.quirks, self._device.role
        self.state = UpgradeState.WRITING
        image = FirmwareImage(self._digest.hexdigest(), self._bytes, self._packets, quirks.upgrade_result)
        self.images.append(image)
        if quirks.upgrade_close_after_end:
            role.end(request.connection, Ending.CLOSE)
        role.timers.at(request.now + _STEP_S, self._write)

    def _write(self, now: float) -> None:
        """One step of writing the image, and telling about it."""
        quirks, role = self._device.quirks, self._device.role
        if self.state is not UpgradeState.WRITING:
            return
        if 0 <= quirks.upgrade_stall_at <= self.progress:
            return
        if 0 <= quirks.upgrade_reboot_at <= self.progress:
            self._finish(role, quirks.upgrade_result, announce=False)
            return
        if self.progress >= 100:
            self._finish(role, quirks.upgrade_result, announce=True)
            return
        self.progress = min(100, self.progress + _STEP)
        self._tell(MessageId.UPGRADE_PROGRESS, self.progress)
        role.changed()
        role.timers.at(now + _STEP_S, self._write)

    def _finish(self, role: DeviceRole, result: int, *, announce: bool) -> None:
        if announce:
            self._tell(MessageId.UPGRADE_PROGRESS, result)
            if self._device.quirks.upgrade_result_1527:
                self._tell(MessageId.UPGRADE_RESULT, result)
        self.cancel()
        if result == ReturnCode.UPGRADE_OK:
            if self._device.quirks.upgrade_version == "new":
                self._device.identity.software = next_version(self._device.identity.software)
                self._device.identity.build_time = self._device.clock.local().replace(microsecond=0)
            self._device.reboot()
        role.changed()

    def _tell(self, message_id: int, code: int) -> None:
        if self._session is not None and self._connection is not None and not self._connection.lost:
            self._device.role.push(
                self._session, message_id, {"Name": "", "Ret": int(code)}, self._connection
            )

    @staticmethod
    def _answer(code: int) -> Reply:
        return JsonReply({"Name": "", "Ret": int(code)})


def next_version(version: str) -> str:
    """The version after this one: its Rnn counted up, as in ``V4.02.R11.…``."""
    return re.sub(r"R(\d+)", lambda match: f"R{int(match[1]) + 1:0{len(match[1])}d}", version, count=1)
